import { PassThrough } from 'node:stream'
import t from 'tap'
import { Outbox } from '../../../src/bus/guard/outbox.ts'
import { createByteBudget } from '../../../src/core/byte-budget.ts'
import { createEndOfTick } from '../../../src/core/callbacks.ts'
import { hex, publishPacket } from '../../raw-mqtt.ts'
import { unbounded } from '../../unbounded.ts'

/** The outbox of a kept session, whose disk takes what was noted when it is told to. */
function startOutbox(limitBytes: number, share = unbounded(() => '')) {
  const waiting: (() => void)[] = []
  const events: string[] = []
  const socket = new PassThrough({ highWaterMark: 1_000_000 })
  const outbox = new Outbox({
    socket,
    turnEnd: createEndOfTick(),
    journal: { isLasting: true, settled: (done) => waiting.push(done) },
    limitBytes,
    share,
    onPacket: () => {},
    isKept: () => true,
    onDrained: () => events.push('drained'),
    onFull: (waitingBytes) => events.push(`full: ${waitingBytes}`),
  })
  const sync = () => {
    for (const done of waiting.splice(0)) done()
  }
  return { outbox, socket, events, sync }
}

/** A message at QoS 2, which promises something to a kept session, of 10,000 bytes and some. */
const large = publishPacket('a', { qos: 2, payload: Buffer.alloc(9994) })

t.test('a replay waits for the disk as it does for its reader', async (t) => {
  const { outbox, socket, events, sync } = startOutbox(1_000_000)
  const replay = () => {
    outbox.expectReplay()
    return outbox.add(large)
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
  const { outbox, socket } = startOutbox(1_000_000)
  outbox.add(hex('4002 0001'))
  outbox.published(1)
  const value = publishPacket('a', { retain: true, payload: Buffer.alloc(10_000) })
  for (let count = 0; count < 20; count++) t.ok(outbox.add(value))
  outbox.flush()
  t.equal(socket.readableLength, 20 * value.length)
})

t.test('a client is cut whose share is used up, and gives it back', async (t) => {
  const newShare = createByteBudget({ totalBytes: 40_000, freeBytes: 0 })
  const { outbox, events } = startOutbox(
    1_000_000,
    newShare(() => 'a'),
  )
  outbox.add(large)
  outbox.flush()
  t.same(events, [])
  const other = newShare(() => 'a')
  t.notOk(other.hold(10_000))
  outbox.add(large)
  outbox.flush()
  t.same(events, [`full: ${2 * large.length}`])
  outbox.close()
  t.ok(other.hold(20_000))
})

t.test('a client for which too much waits for the disk is cut', async (t) => {
  const { outbox, events } = startOutbox(15_000)
  for (let count = 0; count < 3; count++) outbox.add(large)
  outbox.flush()
  t.same(events, [], 'there is room for two of the largest besides')
  outbox.add(large)
  outbox.flush()
  t.same(events, [`full: ${4 * large.length}`])
})

t.test('what waits for the disk at the end is never sent', async (t) => {
  const { outbox, socket, sync } = startOutbox(1_000_000)
  outbox.add(large)
  outbox.flush()
  t.equal(outbox.close().length, 0)
  sync()
  t.equal(socket.readableLength, 0)
})

t.test('what is past the limit goes out at once', async (t) => {
  const { outbox, socket } = startOutbox(20)
  const plain = publishPacket('a', { payload: Buffer.alloc(10) })
  outbox.add(plain)
  t.equal(socket.readableLength, 0)
  outbox.add(plain)
  t.equal(socket.readableLength, 2 * plain.length)
})

t.test('a live message goes out at the end of the turn, or when the room is full', async (t) => {
  const { outbox, socket } = startOutbox(100)
  const live = publishPacket('a', { payload: Buffer.alloc(40) })
  outbox.addLive(live)
  outbox.addLive(live)
  t.equal(socket.readableLength, 0)
  outbox.addLive(live)
  t.equal(socket.readableLength, 3 * live.length)
  outbox.addLive(live)
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(socket.readableLength, 4 * live.length)
})
