import { once } from 'node:events'
import { connect } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { WholeMessages } from '../../src/ws/whole-messages.ts'
import { upgradeText } from '../raw-http.ts'
import {
  isPublish,
  openHub,
  publishPacket,
  rawMqttOverWebSocket,
  readPublish,
  signedIn,
  subscribePacket,
} from '../raw-mqtt.ts'
import { everybody, startedHub, talkTo } from '../started-hub.ts'

const messageBytes = 600

interface Piece {
  readonly opcode: number
  readonly payload: Buffer
}

/** A frame with a mask that changes something. */
function frameOf(firstByte: number, payload: Buffer): Buffer {
  const mask = [1, 20, 255, 128]
  const { length } = payload
  const head = Buffer.from(
    length < 126 ? [firstByte, 128 | length] : [firstByte, 254, length >> 8, length & 255],
  )
  return Buffer.concat([
    head,
    Buffer.from(mask),
    payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)),
  ])
}

/** What whole frames say; anything else than those is a defect. */
function readFrames(bytes: Buffer): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0; at < bytes.length; ) {
    const short = bytes.readUInt8(at + 1) & 127
    const lengthBytes = [126, 127].includes(short) ? (short === 126 ? 2 : 6) : 0
    const start = at + 2 + (short === 127 ? 8 : lengthBytes) + 4
    const length =
      lengthBytes === 0 ? short : bytes.readUIntBE(start - 4 - lengthBytes, lengthBytes)
    const mask = bytes.subarray(start - 4, start)
    const payload = bytes.subarray(start, start + length)
    if (bytes.readUInt8(at) < 128) throw new Error('expected the end of a message in each frame')
    pieces.push({
      opcode: bytes.readUInt8(at) & 15,
      payload: Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))),
    })
    at = start + length
  }
  return pieces
}

const payload = fc.uint8Array({ maxLength: 2 * messageBytes, size: 'max' })

/** A message in fragments, behind each of which a ping comes. */
const message = fc.record({
  opcode: fc.constantFrom(1, 2),
  fragments: fc.array(payload, { minLength: 1, maxLength: 4 }),
})

/** Where a stream of bytes is cut, as parts of its length. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

function bytesOf({ opcode, fragments }: { opcode: number; fragments: Uint8Array[] }): Buffer {
  const last = fragments.length - 1
  return Buffer.concat(
    fragments.flatMap((fragment, at) => [
      frameOf((at === last ? 128 : 0) | (at === 0 ? opcode : 0), Buffer.from(fragment)),
      frameOf(0x89, Buffer.from([at])),
    ]),
  )
}

function chunksOf(bytes: Buffer, places: readonly number[]): Buffer[] {
  const edges = places.map((place) => Math.floor(place * bytes.length))
  const sorted = [0, ...edges.sort((one, other) => one - other), bytes.length]
  return sorted.slice(1).map((edge, at) => Buffer.from(bytes.subarray(sorted[at], edge)))
}

t.test('however messages are cut, the whole ones that are not too large come out', async (t) => {
  const property = fc.property(fc.array(message, { maxLength: 5 }), cuts, (all, places) => {
    const lost: number[] = []
    const asked = [0]
    const messages = new WholeMessages({
      limit: {
        messageBytes,
        mayKeep: (bytes) => asked.push(bytes) > 0,
        onExcess: (bytes) => lost.push(bytes),
      },
      onFragments: () => {},
    })
    const read = chunksOf(Buffer.concat(all.map(bytesOf)), places).flatMap((chunk) =>
      messages.read(chunk),
    )
    const joined = all.map(({ opcode, fragments }) => ({
      opcode,
      payload: Buffer.concat(fragments),
    }))
    const data = readFrames(Buffer.concat(read)).filter(({ opcode }) => opcode < 8)
    t.same(
      data,
      joined.filter(({ payload }) => payload.length <= messageBytes),
    )
    t.same(
      lost,
      joined.map(({ payload }) => payload.length).filter((length) => length > messageBytes),
    )
    t.equal(asked.at(-1), 0, 'all room is given back')
  })
  fc.assert(property, { numRuns: 300 })
})

t.test('of a stream the bytes come out as they come in, whatever the messages are', async (t) => {
  const property = fc.property(fc.array(message, { maxLength: 5 }), cuts, (all, places) => {
    const messages = new WholeMessages({ onFragments: () => {} })
    const read = chunksOf(Buffer.concat(all.map(bytesOf)), places).flatMap((chunk) =>
      messages.read(chunk),
    )
    const data = readFrames(Buffer.concat(read)).filter(({ opcode }) => opcode < 8)
    const bytes = Buffer.concat(all.flatMap(({ fragments }) => fragments))
    t.same(Buffer.concat(data.map(({ payload }) => payload)), bytes)
  })
  fc.assert(property, { numRuns: 300 })
})

t.test(
  'without room for more, what is kept is given back and the message is read past',
  async (t) => {
    const asked: number[] = []
    const lost: number[] = []
    const messages = new WholeMessages({
      limit: {
        messageBytes,
        mayKeep: (bytes) => asked.push(bytes) > 0 && bytes <= 250,
        onExcess: (bytes) => lost.push(bytes),
      },
      onFragments: () => {},
    })
    const frame = frameOf(0x82, Buffer.alloc(600, 'x'))
    for (let at = 0; at < frame.length; at += 100) messages.read(frame.subarray(at, at + 100))
    t.same(asked, [92, 192, 384, 0])
    t.same(lost, [600])
  },
)

t.test('many fragments ask for room a few times, not each for itself', async (t) => {
  const asked: number[] = []
  const limit = { messageBytes: 100_000, mayKeep: (bytes: number) => asked.push(bytes) > 0 }
  const messages = new WholeMessages({
    limit: { ...limit, onExcess: () => {} },
    onFragments: (count) => t.equal(count, 50_000),
  })
  const fragments = Array.from({ length: 50_000 }, (_, at) => frameOf(at ? 0 : 2, Buffer.from('x')))
  t.same(messages.read(Buffer.concat(fragments)), [])
  t.ok(asked.length < 20, `${asked.length} times`)
  t.equal(asked.at(-1), 65_536)
})

t.test('a page loses a message that is too large, is told, and goes on', async (t) => {
  const hub = await startedHub(t)
  const { websocket, on } = await talkTo(t, hub)
  const tooLarge = 'x'.repeat(1024 * 1024 + 1)
  const ways: Record<string, () => void> = {
    'in one frame': () => websocket.send(tooLarge),
    'as bytes': () => websocket.send(Buffer.from(tooLarge)),
    'in two fragments': () => {
      websocket.send(tooLarge.slice(1), { fin: false })
      websocket.send('x', { fin: true })
    },
    'in many fragments': () => {
      for (let at = 0; at < tooLarge.length; at += 1000) {
        websocket.send(tooLarge.slice(at, at + 1000), { fin: at + 1000 > tooLarge.length })
      }
    },
  }
  for (const [title, send] of Object.entries(ways)) {
    send()
    websocket.send('["behind/-",1]')
    const [, error] = await on('clown.talk/-/error')
    const message = 'expected a message of at most 1048576 bytes, got 1048577'
    t.same(error, { code: 'too-large', message }, title)
    t.same(await on('behind/-'), ['behind/-', 1])
  }
  const fitting = ['a/-', 'x'.repeat(1_000_000)]
  websocket.send(JSON.stringify(fitting).padEnd(1024 * 1024))
  t.same(await on('a/-'), fitting, 'the largest passes')
  t.equal(hub.counters()['websocket-message-too-big'], 4)
})

t.test('MQTT over a websocket may have all its packets in one message of any size', async (t) => {
  const hub = await openHub(t)
  const raw = await signedIn(await rawMqttOverWebSocket(t, hub.httpPort))
  raw.send(subscribePacket(['#']))
  await raw.next()
  const tooLarge = publishPacket('big', { payload: Buffer.alloc(5_000_000) })
  const fitting = publishPacket('fits', { payload: Buffer.alloc(1_900_000) })
  raw.send(tooLarge, fitting, fitting, fitting, publishPacket('behind'))
  for (const topic of ['big/error', 'fits', 'fits', 'fits', 'behind']) {
    t.equal(readPublish(await raw.next(isPublish)).topic, topic)
  }
})

t.test('a socket that is not read takes in no fragments either, and goes on later', async (t) => {
  const websocketLimits = { messagesPerSecond: 20_000, messageBurst: 1 }
  const hub = await startedHub(t, { limits: { websocket: websocketLimits } })
  const { websocket, on } = await talkTo(t, hub)
  websocket.send('["many/-",1]', { fin: false })
  for (let count = 0; count < 30_000; count++) websocket.send(' ', { fin: false })
  websocket.send(' ', { fin: true })
  t.same(await on('many/-'), ['many/-', 1])
  t.ok(hub.counters()['websocket-held-back'])
})

t.test('what comes before a user is known is read after that', async (t) => {
  const late = { password: 'late', role: 'admin' } as const
  const hub = await startedHub(t, { users: { ...everybody, late } })
  const watcher = await talkTo(t, hub)
  const socket = connect({ port: hub.httpPort, host: '127.0.0.1', noDelay: true })
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  const credentials = Buffer.from('late:late').toString('base64')
  const upgrade = upgradeText('/talk/nodes/bridge/0', { Authorization: `Basic ${credentials}` })
  const frame = frameOf(0x81, Buffer.from('["early/-",1]'))
  socket.write(Buffer.concat([Buffer.from(upgrade), frame.subarray(0, 5)]))
  // Nobody has given this password before, so it takes its time.
  await watcher.settle()
  socket.write(frame.subarray(5))
  t.same(await watcher.on('early/-'), ['early/-', 1])
})
