import { once } from 'node:events'
import { createServer } from 'node:http'
import { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { createEndOfTick } from '../../src/core/callbacks.ts'
import { portOf } from '../../src/core/listen.ts'
import { Batch } from '../../src/ws/batch.ts'
import { writeOnceATurn } from '../../src/ws/write-once-a-turn.ts'

/** Both ends of a websocket, and how many writes its server's end makes. */
async function opened(t: Test) {
  const http = createServer().listen(0, '127.0.0.1')
  t.teardown(() => http.close())
  await once(http, 'listening')
  const server = new WebSocketServer({ server: http })
  const client = new WebSocket(`ws://127.0.0.1:${portOf(http)}`)
  t.teardown(() => client.terminate())
  const [websocket, { socket }] = await once(server, 'connection')
  const writes: string[] = []
  if (!(socket instanceof Duplex)) throw new TypeError('expected a socket')
  for (const method of ['_write', '_writev'] as const) {
    const write = socket[method]
    if (write === undefined || write === null) throw new TypeError('expected a socket of net')
    Object.assign(socket, {
      [method](...parts: unknown[]) {
        writes.push(method)
        return Reflect.apply(write, socket, parts)
      },
    })
  }
  const texts: string[] = []
  client.on('message', (text) => texts.push(String(text)))
  return {
    outlet: writeOnceATurn(websocket, socket, createEndOfTick()),
    websocket,
    client,
    texts,
    writes,
  }
}

t.test('what is sent in one turn is written at once, in order', async (t) => {
  const { outlet, websocket, client, texts, writes } = await opened(t)
  const written = new Promise<void>((resolve) => {
    outlet.send('one', () => {})
    outlet.send('two', () => {})
    outlet.send('three', resolve)
  })
  t.equal(writes.length, 0)
  t.equal(outlet.bufferedAmount, websocket.bufferedAmount)
  t.ok(outlet.bufferedAmount > 0)
  await written
  t.equal(writes.length, 1)
  outlet.send('four', () => {})
  outlet.close(1000, 'done')
  await once(client, 'close')
  t.same(texts, ['one', 'two', 'three', 'four'])
  t.equal(outlet.readyState, websocket.readyState)
})

t.test('frames are taken when nothing waits before them, until the websocket closes', async (t) => {
  const { outlet, client, texts } = await opened(t)
  const { bytes } = new Batch([{ text: 'one', topic: undefined }])
  t.ok(outlet.offer(bytes))
  const written = new Promise<void>((resolve) => outlet.send('two', resolve))
  t.notOk(outlet.offer(bytes), 'it would come before what waits')
  await written
  t.ok(outlet.offer(bytes))
  outlet.close(1000, 'done')
  t.notOk(outlet.offer(bytes))
  await once(client, 'close')
  t.same(texts, ['one', 'two', 'one'])
})

t.test('much is written before the turn ends', async (t) => {
  const { outlet, client, texts, writes } = await opened(t)
  for (let at = 0; at < 4; at++) outlet.send('x'.repeat(40_000), () => {})
  t.ok(writes.length > 0)
  outlet.close(1000, 'done')
  await once(client, 'close')
  t.equal(texts.length, 4)
})

t.test(
  'frames that are complete come in order, and pings and the close between them',
  async (t) => {
    const { outlet, websocket, client, texts } = await opened(t)
    const { bytes } = new Batch([
      { text: 'one', topic: undefined },
      { text: 'x'.repeat(300), topic: undefined },
    ])
    client.on('ping', () => texts.push('ping'))
    const written = new Promise<void>((resolve) => outlet.write(bytes, resolve))
    websocket.ping()
    outlet.send('own', () => {})
    outlet.write(bytes, () => {})
    outlet.close(1000, 'done')
    await written
    await once(client, 'close')
    const both = ['one', 'x'.repeat(300)]
    t.same(texts, [...both, 'ping', 'own', ...both])
  },
)
