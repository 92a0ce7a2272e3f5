import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { binaryStreamOf } from '../../src/ws/mqtt-route.ts'
import { connectPacket, hex, openHub, pingPacket, settled, signedIn, ways } from '../raw-mqtt.ts'
import { rawFrame, rawWebSocketTo } from '../raw-websocket.ts'

const roomy = { framesPerSecond: 1_000_000, frameBurst: 1_000_000 }

/** The two ends of a websocket, and the bytes that come out of the hub's end. */
async function openBytes(t: Test, limits = roomy, pingCost = 1) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false })
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const accepted = once(server, 'connection')
  const peer = new WebSocket(`ws://127.0.0.1:${port}`)
  t.teardown(() => {
    peer.terminate()
    server.close()
  })
  const [[websocket]] = await Promise.all([accepted, once(peer, 'open')])
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const stream = binaryStreamOf(websocket, { limits, pingCost, sampledLog })
  return { peer, stream, counters: counters.snapshot }
}

/** Takes bytes of `stream` until there are so many. */
async function take(stream: AsyncIterable<Buffer>, bytes: number): Promise<Buffer> {
  let taken = Buffer.alloc(0)
  for await (const chunk of stream) {
    taken = Buffer.concat([taken, chunk])
    if (taken.length >= bytes) break
  }
  return taken
}

const silent: Record<string, Buffer> = {
  pings: rawFrame(0x89, 'p'),
  pongs: rawFrame(0x8a),
  'empty frames': rawFrame(0x82),
}

for (const [title, frame] of Object.entries(silent)) {
  t.test(`F23: who says nothing but ${title} before CONNECT is disconnected`, async (t) => {
    const hub = await openHub(t)
    const raw = await rawWebSocketTo(t, hub, { path: '/mqtt' })
    raw.socket.write(Buffer.concat(Array.from({ length: 1000 }, () => frame)))
    await raw.ended
    t.equal(hub.counters()['mqtt-no-connect'], 1)
    const other = await rawWebSocketTo(t, hub, { path: '/mqtt' })
    other.socket.write(Buffer.concat(Array.from({ length: 10 }, () => frame)))
    other.socket.write(rawFrame(0x82, connectPacket()))
    await hub.log.next(({ msg }) => msg === 'MQTT client connected')
  })

  t.test(
    `F23: a client that floods with ${title} is held back, and hears all the same`,
    async (t) => {
      const mqtt = {
        publishesPerSecond: 10,
        publishBurst: 10,
        requestsPerSecond: 10,
        requestBurst: 10,
      }
      const hub = await openHub(t, { limits: { mqtt } })
      const raw = await rawWebSocketTo(t, hub, { path: '/mqtt' })
      let packets = ''
      raw.socket.on('data', (chunk) => {
        packets += chunk.toString('hex')
      })
      raw.socket.write(rawFrame(0x82, connectPacket()))
      raw.socket.write(Buffer.concat(Array.from({ length: 2000 }, () => frame)))
      await hub.log.next(({ kind }) => kind === 'websocket-held-back')
      const other = await signedIn(await ways.TCP(t, hub), { clientId: 'other' })
      await settled(other)
      const pongs = packets.split('8a01').length - 1
      t.ok(pongs <= 30, `${pongs} answers`)
      t.equal(hub.counters()['mqtt-no-connect'], undefined)
    },
  )
}

t.test('a client that sends each field in a frame of its own keeps its full rate', async (t) => {
  const hub = await openHub(t)
  const url = `ws://127.0.0.1:${hub.httpPort}/mqtt`
  const client = await connectAsync(url, { reconnectPeriod: 0 })
  t.teardown(() => client.endAsync(true))
  let received = 0
  client.on('message', () => received++)
  await client.subscribeAsync('both', { qos: 1 })
  const count = 2000
  const sent = Array.from({ length: count }, () => client.publishAsync('both', '1', { qos: 1 }))
  await Promise.all(sent)
  t.ok(received > count - 100, `${received} came back`)
  t.notOk(hub.counters()['websocket-held-back'])
  t.notOk(hub.counters()['mqtt-held-back'])
})

t.test('a text before CONNECT is refused, and many of them end it', async (t) => {
  const hub = await openHub(t)
  const raw = await rawWebSocketTo(t, hub, { path: '/mqtt' })
  raw.socket.write(Buffer.concat(Array.from({ length: 1000 }, () => rawFrame(0x81, 'text'))))
  t.equal(await raw.closeCode(), 1003)
  t.equal(hub.counters()['mqtt-no-connect'], 1)
})

t.test('the bytes come out in order, however they are framed', async (t) => {
  const { peer, stream } = await openBytes(t)
  const whole = Buffer.from(Array.from({ length: 5000 }, (_, at) => at % 256))
  for (const byte of whole) peer.send(Buffer.from([byte]))
  t.same(await take(stream, whole.length), whole)
})

t.test('frames past the rate wait, and then come in order', async (t) => {
  const { peer, stream, counters } = await openBytes(t, { framesPerSecond: 1000, frameBurst: 10 })
  const startMs = performance.now()
  for (let number = 0; number < 100; number++) peer.send(Buffer.from([number]))
  const bytes = await take(stream, 100)
  t.same([...bytes], [...bytes.keys()])
  t.ok(performance.now() - startMs > 80)
  t.ok((counters()['websocket-held-back'] ?? 0) > 0)
})

t.test('a stream that nobody reads stops the websocket, whatever its rate', async (t) => {
  const { peer, stream, counters } = await openBytes(t, { framesPerSecond: 500, frameBurst: 2 })
  const frame = Buffer.alloc(10_000, 'x')
  const count = 200
  for (let number = 0; number < count; number++) peer.send(frame)
  while (!counters()['websocket-held-back']) await delay(5)
  // Time enough for all of them, if only the rate held them back.
  await delay(count * 2 + 200)
  t.ok(stream.readableLength < 400_000, `${stream.readableLength} bytes wait`)
  t.equal((await take(stream, count * frame.length)).length, count * frame.length)
})

t.test('what waits when a websocket closes goes nowhere, and nobody waits with it', async (t) => {
  const { peer, stream, counters } = await openBytes(t, { framesPerSecond: 1, frameBurst: 1 })
  const closed = once(stream, 'close')
  for (let number = 0; number < 3; number++) peer.send(Buffer.from([number]))
  const [first] = await once(stream, 'data')
  t.same(first, Buffer.from([0]))
  while (!counters()['websocket-held-back']) await delay(5)
  stream.destroy()
  await closed
})

t.test('what is written goes out as it is', async (t) => {
  const { peer, stream } = await openBytes(t)
  stream.write(pingPacket)
  t.same(await once(peer, 'message'), [hex('c000'), true])
})
