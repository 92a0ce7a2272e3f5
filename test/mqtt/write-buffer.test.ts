import { PassThrough } from 'node:stream'
import t from 'tap'
import { createByteBudget } from '../../src/core/byte-budget.ts'
import { createEndOfTick } from '../../src/core/callbacks.ts'
import { Traffic } from '../../src/mqtt/statistics.ts'
import { WriteBuffer } from '../../src/mqtt/write-buffer.ts'
import { writePublish } from '../../src/mqtt/write-packets.ts'
import { hex, publishPacket } from '../raw-mqtt.ts'
import { unbounded } from '../unbounded.ts'

/** A buffer whose disk takes what was noted when it is told to. */
function startBuffer(
  limitBytes: number,
  share = unbounded(() => ''),
  { isLasting = true, highWaterMark = 1_000_000 } = {},
) {
  const waiting: (() => void)[] = []
  const events: string[] = []
  const socket = new PassThrough({ highWaterMark })
  const traffic = new Traffic()
  const buffer = new WriteBuffer({
    socket,
    endOfTick: createEndOfTick(),
    journal: { isLasting, settled: (done) => waiting.push(done) },
    limitBytes,
    share,
    traffic,
    onDrained: () => events.push('drained'),
    onFull: (waitingBytes) => events.push(`full: ${waitingBytes}`),
  })
  const sync = () => {
    for (const done of waiting.splice(0)) done()
  }
  return { buffer, socket, events, sync, traffic }
}

/** A message at QoS 2, which promises something to a kept session, of 10,000 bytes and some. */
const large = publishPacket('a', { qos: 2, payload: Buffer.alloc(9994) })

t.test('a replay waits for the disk as it does for its reader', async (t) => {
  const { buffer, socket, events, sync } = startBuffer(1_000_000)
  const replay = () => {
    buffer.promise(large)
    return buffer.hasReplayRoom()
  }
  let count = 1
  while (replay()) count++
  t.equal(count, Math.ceil((64 * 1024) / large.length))
  t.equal(socket.readableLength, 0)
  sync()
  t.equal(socket.readableLength, count * large.length)
  t.same(events, ['drained'])
})

t.test('a replay does not wait for acknowledgements that wait for the disk', async (t) => {
  const { buffer, socket } = startBuffer(1_000_000)
  buffer.promise(hex('4002 0001'))
  const value = publishPacket('a', { retain: true, payload: Buffer.alloc(10_000) })
  for (let count = 0; count < 20; count++) {
    buffer.add(value)
    t.ok(buffer.hasReplayRoom())
  }
  buffer.flush()
  t.equal(socket.readableLength, 20 * value.length)
})

t.test('a client is cut whose share is used up, and gives it back', async (t) => {
  const newShare = createByteBudget({ totalBytes: 40_000, freeBytes: 0 })
  const { buffer, events } = startBuffer(
    1_000_000,
    newShare(() => 'a'),
  )
  buffer.promise(large)
  buffer.flush()
  t.same(events, [])
  const other = newShare(() => 'a')
  t.notOk(other.hold(10_000))
  buffer.promise(large)
  buffer.flush()
  t.same(events, [`full: ${2 * large.length}`])
  buffer.close()
  t.ok(other.hold(20_000))
})

t.test('a client for which too much waits for the disk is cut', async (t) => {
  const { buffer, events } = startBuffer(15_000)
  for (let count = 0; count < 3; count++) buffer.promise(large)
  buffer.flush()
  t.same(events, [], 'there is room for two of the largest besides')
  buffer.promise(large)
  buffer.flush()
  t.same(events, [`full: ${4 * large.length}`])
})

t.test('what waits for the disk at the end is never sent', async (t) => {
  const { buffer, socket, sync } = startBuffer(1_000_000)
  buffer.promise(large)
  buffer.flush()
  t.equal(buffer.close().length, 0)
  sync()
  t.equal(socket.readableLength, 0)
})

t.test('what is past the limit goes out at once', async (t) => {
  const { buffer, socket } = startBuffer(20)
  const plain = publishPacket('a', { payload: Buffer.alloc(10) })
  buffer.add(plain)
  t.equal(socket.readableLength, 0)
  buffer.add(plain)
  t.equal(socket.readableLength, 2 * plain.length)
})

t.test('a live message goes out at the end of the turn, or when the room is full', async (t) => {
  const { buffer, socket } = startBuffer(100)
  const live = publishPacket('a', { payload: Buffer.alloc(40) })
  buffer.add(live)
  buffer.add(live)
  t.equal(socket.readableLength, 0)
  buffer.add(live)
  t.equal(socket.readableLength, 3 * live.length)
  buffer.add(live)
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(socket.readableLength, 4 * live.length)
})

t.test('the first command of a turn goes out at once, and others at its end', async (t) => {
  const { buffer, socket } = startBuffer(1000)
  const command = frameOf('relay/0/set', 1)
  buffer.addPublish(command, 1, 'relay/0/set')
  t.equal(socket.readableLength, command.bytes.length)
  buffer.addPublish(command, 2, 'relay/0/set')
  t.equal(socket.readableLength, command.bytes.length)
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(socket.readableLength, 2 * command.bytes.length)
  buffer.addPublish(frameOf('relay/0', 1), 3, 'relay/0')
  buffer.addPublish(command, 4, 'relay/0/set')
  t.equal(socket.readableLength, 2 * command.bytes.length, 'nothing is overtaken')
})

/** A message at QoS 1 or 2 on `topic`. */
function frameOf(topic: string, qos: 1 | 2) {
  return writePublish({ topic, payload: Buffer.from('{}') }, { level: 4, qos, retain: false })
}

t.test('each receiver has an id of its own in the frame of all', async (t) => {
  const { buffer, socket, traffic } = startBuffer(1000)
  const frame = frameOf('a', 1)
  buffer.addPublish(frame, 7, 'a')
  buffer.addPublish(frame, 0xfffe, 'a')
  buffer.flush()
  const expected = [7, 0xfffe].map((id) => publishPacket('a', { qos: 1, id }))
  t.same(socket.read(), Buffer.concat(expected))
  t.same([traffic.packetsSent, traffic.bytesSent], [2, 2 * frame.bytes.length])
})

t.test('promises wait for the disk, in their order, and nothing else does', async (t) => {
  const { buffer, socket, sync } = startBuffer(1000)
  buffer.promise(hex('4002 0001'))
  buffer.promisePublish(frameOf('a', 2), 3, 'a')
  buffer.add(hex('d000'))
  buffer.flush()
  t.same(socket.read(), hex('d000'))
  buffer.promise(hex('5002 0002'))
  sync()
  t.same(socket.read(), Buffer.concat([hex('4002 0001'), publishPacket('a', { qos: 2, id: 3 })]))
  buffer.flush()
  t.equal(socket.read(), null)
  sync()
  t.same(socket.read(), hex('5002 0002'))
})

t.test('whether a message would overtake one on its topic is known', async (t) => {
  const { buffer, sync } = startBuffer(1000)
  t.notOk(buffer.isHolding('a'))
  buffer.promisePublish(frameOf('a', 2), 1, 'a')
  buffer.promisePublish(frameOf('a', 1), 2, 'a')
  buffer.promise(hex('4002 0001'))
  t.ok(buffer.isHolding('a'))
  t.notOk(buffer.isHolding('b'))
  buffer.flush()
  t.ok(buffer.isHolding('a'), 'also when only the disk is awaited')
  sync()
  t.notOk(buffer.isHolding('a'))
})

t.test('where nothing lasts, nothing waits', async (t) => {
  const { buffer, socket } = startBuffer(1000, undefined, { isLasting: false })
  buffer.promise(hex('4002 0001'))
  buffer.promisePublish(frameOf('a', 2), 3, 'a')
  t.notOk(buffer.isHolding('a'))
  buffer.flush()
  t.same(socket.read(), Buffer.concat([hex('4002 0001'), publishPacket('a', { qos: 2, id: 3 })]))
})

/** A message at QoS 0 of some bytes. */
function latestOf(topic: string, payload: string) {
  return writePublish(
    { topic, payload: Buffer.from(payload.repeat(100)) },
    { level: 4, qos: 0, retain: false },
  )
}

/** A reader that does not read, for whom more waits than its limit. */
function startFullBuffer() {
  const started = startBuffer(1000, undefined, { highWaterMark: 10 })
  const { buffer } = started
  buffer.add(latestOf('a', 'x').bytes)
  buffer.flush()
  for (let count = 0; count < 10; count++) buffer.add(latestOf('a', 'x').bytes)
  buffer.flush()
  return started
}

/** The payloads of all that a reader gets, without repetition. */
async function readBy({ socket }: { socket: PassThrough }, bytes: number): Promise<string> {
  const read: Buffer[] = []
  socket.on('data', (chunk) => read.push(chunk))
  for (let turn = 0; turn < 100 && Buffer.concat(read).length < bytes; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  return Buffer.concat(read).toString()
}

t.test('a reader that is behind gets the latest of each topic once it has read', async (t) => {
  const started = startFullBuffer()
  const { buffer, traffic, events } = started
  t.ok(buffer.isFull)
  t.ok(buffer.addLatest(latestOf('b', '1'), 'b'))
  t.ok(buffer.addLatest(latestOf('c', '2'), 'c'))
  t.notOk(buffer.addLatest(latestOf('d', '3'), 'd'), 'a quarter of the limit is full')
  t.ok(buffer.addLatest(latestOf('b', '4'), 'b'))
  t.equal(traffic.messagesDropped, 1)
  const text = await readBy(started, 13 * latestOf('a', 'x').bytes.length)
  t.match(text, /x{100}[^x]*2{100}[^2]*4{100}$/)
  t.notOk(buffer.isFull)
  t.same(events, [])
})

t.test('what is written to a reader that is not behind takes along what waited', async (t) => {
  const { buffer, socket } = startBuffer(20)
  // More than the limit waits, and less than what the socket tells the end of.
  socket.cork()
  buffer.addPublish(latestOf('a', 'x'), 0, 'a')
  buffer.flush()
  t.ok(buffer.isFull)
  t.notOk(buffer.isBehind)
  t.ok(buffer.addLatest(latestOf('b', '1'), 'b'))
  buffer.add(Buffer.from([0xd0, 0]))
  buffer.flush()
  buffer.flush()
  socket.uncork()
  t.match(String(socket.read()), /x{100}[^1]*1{100}$/)
})

t.test('what is larger than its share waits alone', async (t) => {
  const { buffer } = startFullBuffer()
  t.ok(buffer.addLatest(latestOf('b', '1234'), 'b'))
  t.notOk(buffer.addLatest(latestOf('c', '2'), 'c'))
  t.ok(buffer.addLatest(latestOf('b', '2'), 'b'))
  t.ok(buffer.addLatest(latestOf('c', '2'), 'c'))
})

t.test('a message above QoS 0 ends what waits on its topic: that is older', async (t) => {
  const started = startFullBuffer()
  const { buffer, sync } = started
  buffer.addLatest(latestOf('b', '1'), 'b')
  buffer.addLatest(latestOf('c', '2'), 'c')
  buffer.addPublish(frameOf('b', 1), 1, 'b')
  buffer.promisePublish(frameOf('c', 2), 2, 'c')
  buffer.flush()
  sync()
  const bytes = 11 * latestOf('a', 'x').bytes.length + 2 * frameOf('b', 1).bytes.length
  t.notMatch(await readBy(started, bytes), /[12]{100}/)
})
