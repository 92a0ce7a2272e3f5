import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { sendChunks } from '../../src/api/send-chunks.ts'
import { listening } from '../cli/answering-hub.ts'
import { createInbox } from '../inbox.ts'

/** A server that answers with `chunks`; `sent` has how each answer ended. */
async function sending(t: Test, chunks: () => AsyncIterable<string>) {
  const sent = createInbox<string>()
  const answer = async (response: ServerResponse) => {
    await sendChunks(response, { type: 'text/plain', chunks: chunks() }).then(
      () => sent.put('sent'),
      (error: unknown) => sent.put(String(error)),
    )
  }
  const port = await listening(
    t,
    createServer((_, response) => {
      // As the hub answers: one request a connection.
      response.shouldKeepAlive = false
      void answer(response)
    }),
  )
  return { sent, port }
}

t.test('all of it comes, with its type', async (t) => {
  const { sent, port } = await sending(t, async function* () {
    yield 'one '
    yield 'two'
  })
  const response = await fetch(`http://127.0.0.1:${port}/`)
  t.equal(response.headers.get('content-type'), 'text/plain')
  t.equal(response.headers.get('cache-control'), 'no-store')
  t.equal(await response.text(), 'one two')
  t.equal(await sent.next(), 'sent')
})

t.test('who does not read holds it back, and who goes away ends it', async (t) => {
  let made = 0
  const chunk = 'x'.repeat(65_536)
  let isEnded = false
  const { sent, port } = await sending(t, async function* () {
    try {
      for (;;) {
        made += 1
        yield chunk
      }
    } finally {
      isEnded = true
    }
  })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(socket, 'readable')
  let before = -1
  while (made > before) {
    before = made
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  }
  t.ok(made < 1000, String(made))
  socket.destroy()
  t.equal(await sent.next(), 'sent')
  t.ok(isEnded)
})

t.test('what cannot be read breaks it off, so that nobody takes it for all', async (t) => {
  const { sent, port } = await sending(t, async function* () {
    yield 'one '
    throw new Error('of the disk')
  })
  const response = await new Promise<IncomingMessage>((resolve) => {
    get({ port, host: '127.0.0.1' }, resolve)
  })
  await t.rejects(text(response))
  t.equal(await sent.next(), 'Error: of the disk')
})
