import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { sendChunks } from '../../src/api/history-route.ts'
import { startedWith } from '../changing-users.ts'
import { listening } from '../cli/answering-hub.ts'
import { createInbox } from '../inbox.ts'
import { mqttTo, startedHub } from '../started-hub.ts'

// Who follows the history sees what they may see, as long as they may, and does not fill the memory.

type Credentials = Readonly<{ user: string; password: string }>

const followed = 'topic=%23&format=ndjson&follow=true'

function authorization({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

/** Reads by what sees an answer that was broken off; `fetch` takes it for a whole one. */
async function readerOf(port: number, query: string, who: Credentials) {
  const headers = { Authorization: authorization(who) }

  const response = await new Promise<IncomingMessage>((resolve) => {
    get({ host: '127.0.0.1', port, path: `/api/history?${query}`, headers }, resolve)
  })
  const chunks = response.setEncoding('utf8')[Symbol.asyncIterator]()
  return {
    next: async () => String((await chunks.next()).value ?? ''),
    cancel: () => void response.destroy(),
  }
}

t.test('rights that change count at once, and following ends with the user', async (t) => {
  const rules = (topic: string) => ({ panel: { rules: [{ allow: ['read'], topic }] } })
  const { hub, login, changed } = await startedWith(t, rules('a/#'))
  const { client } = await mqttTo(t, hub)
  const publish = (topic: string, value: string) => client.publishAsync(topic, value, { qos: 1 })
  const reader = await readerOf(hub.httpPort, followed, login('panel'))
  await publish('b/1', '1')
  await publish('a/1', '2')
  t.match(JSON.parse(await reader.next()), { topic: 'a/1', value: 2 })
  await changed(rules('b/#'))
  await publish('a/1', '3')
  await publish('b/1', '4')
  t.match(JSON.parse(await reader.next()), { topic: 'b/1', value: 4 })
  const next = reader.next()
  await changed({})
  await t.rejects(next)
})

t.test('who follows on a connection that nobody reads is disconnected', async (t) => {
  const hub = await startedHub(t)
  const socket = connect(hub.httpPort, '127.0.0.1')
  const who = authorization({ user: 'clown', password: 'bigclown' })
  socket.write(`GET /api/history?${followed} HTTP/1.1\r\nHost: 127.0.0.1\r\n`)
  socket.write(`Authorization: ${who}\r\n\r\n`)
  await new Promise((resolve) => socket.once('readable', resolve))
  const { client } = await mqttTo(t, hub)
  const payload = JSON.stringify('x'.repeat(60_000))
  let isCut = false
  const disconnected = hub.log
    .next(({ kind }) => kind === 'history-follow-cut')
    .then(() => {
      isCut = true
    })
  while (!isCut) await client.publishAsync('n/text', payload, { qos: 1 })
  await disconnected
  socket.destroy()
  t.ok(isCut)
})

t.test('an export is broken off when its reader may not read all of it any more', async (t) => {
  const rules = (topic: string) => ({ panel: { rules: [{ allow: ['read'], topic }] } })
  const { hub, login, changed } = await startedWith(t, rules('#'))
  const { client } = await mqttTo(t, hub)
  const many = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`quantity-${at}`, at]))
  // More than the buffers of a connection that nobody reads.
  for (let count = 0; count < 2000; count++) client.publish('a', JSON.stringify(many))
  await client.publishAsync('b', '1', { qos: 1 })
  const all = await readerOf(hub.httpPort, 'topic=%23&format=ndjson', login('panel'))
  const own = await readerOf(hub.httpPort, 'topic=a&format=ndjson', login('panel'))
  const gone = await readerOf(hub.httpPort, 'topic=a&format=csv', login('panel'))
  const query = 'topic=%23&format=ndjson&follow=true&from=0'
  const follower = await readerOf(hub.httpPort, query, login('panel'))
  for (const reader of [all, own, gone, follower]) await reader.next()
  await changed(rules('a'))
  await t.rejects(async () => {
    for (let text = '-'; text !== ''; ) text = await all.next()
  })
  await t.rejects(async () => {
    for (let text = '-'; text !== ''; ) text = await follower.next()
  })
  await own.next()
  own.cancel()
  await changed({})
  await t.rejects(async () => {
    for (let text = '-'; text !== ''; ) text = await gone.next()
  })
})

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
