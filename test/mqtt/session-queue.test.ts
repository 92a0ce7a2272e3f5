import t from 'tap'
import { PacketFault, packetTypes } from '../../src/mqtt/packet.ts'
import { SessionJournal } from '../../src/mqtt/session-journal.ts'
import { type QueueLimits, type QueueOptions, SessionQueue } from '../../src/mqtt/session-queue.ts'
import { ShareGroup } from '../../src/mqtt/subscriptions.ts'
import { delivery } from './kept-message.ts'

const { puback, pubrec, pubcomp } = packetTypes
const most = 65_535

const roomy = { messages: 100, bytes: 10_000 }

/** A queue with messages 1 to `count`, and the payloads of what it dropped. */
function queueOf(count: number, limits: QueueLimits = roomy, isKept = true) {
  const dropped: string[] = []
  const usage = { bytes: 0 }
  const onDropped: QueueOptions['onDropped'] = ({ payload }) => dropped.push(String(payload))
  const journal = new SessionJournal(undefined, 'a')
  const queue = new SessionQueue({ limits, usage, onDropped, journal }, isKept)
  for (let number = 1; number <= count; number++) queue.add(delivery(number))
  return { queue, usage, dropped }
}

/** All that is to be written now: id, payload or PUBREL, and whether it comes again. */
function sendAll(queue: SessionQueue): string[] {
  const sent: string[] = []
  for (let next = queue.next(); next !== undefined; next = queue.next()) {
    const what = next.delivery === undefined ? 'PUBREL' : String(next.delivery.message.payload)
    sent.push(`${next.id}: ${what}${next.isAgain ? ' again' : ''}`)
  }
  return sent
}

const always = () => true

t.test('messages are sent in order, and again until they are acknowledged', async (t) => {
  const { queue } = queueOf(3)
  queue.resume(most)
  t.same(sendAll(queue), ['1: 1', '2: 2', '3: 3'])
  queue.acknowledged(puback, 2)
  queue.acknowledged(puback, 99)
  queue.leave(always)
  queue.add(delivery(4))
  queue.resume(most)
  queue.acknowledged(puback, 3)
  t.same(sendAll(queue), ['1: 1 again', '4: 4'])
  queue.acknowledged(puback, 1)
  t.notOk(queue.isEmpty)
  queue.acknowledged(puback, 4)
  t.ok(queue.isEmpty)
})

t.test('what is recalled does not wait any more', async (t) => {
  const { queue, usage, dropped } = queueOf(0)
  queue.recall('t')
  for (const number of [1, 2, 3]) queue.add(delivery(number, { topic: `t/${number % 2}` }))
  queue.recall('t/1')
  t.same(dropped, ['1', '3'])
  queue.resume(most)
  t.same(sendAll(queue), ['1: 2'])
  queue.acknowledged(puback, 1)
  t.equal(usage.bytes, 0)
})

t.test('a message that has arrived is only released, in its old place', async (t) => {
  const { queue, usage } = queueOf(0)
  for (const number of [1, 2]) queue.add(delivery(number, { qos: 2 }))
  queue.resume(most)
  sendAll(queue)
  t.ok(queue.acknowledged(pubrec, 1))
  t.notOk(queue.acknowledged(pubrec, 99))
  queue.leave(always)
  queue.resume(most)
  t.same(sendAll(queue), ['1: PUBREL again', '2: 2 again'])
  t.notOk(queue.acknowledged(pubrec, 1), 'PUBREC may come once more')
  t.ok(queue.acknowledged(pubcomp, 1))
  queue.acknowledged(pubrec, 2)
  queue.acknowledged(pubcomp, 2)
  t.equal(usage.bytes, 0)
  t.ok(queue.isEmpty)
})

t.test('an acknowledgement of the wrong kind is a fault, one of nothing is none', async (t) => {
  const { queue } = queueOf(1)
  queue.add(delivery(2, { qos: 2 }))
  queue.resume(most)
  sendAll(queue)
  for (const [type, id] of [
    [pubrec, 1],
    [pubcomp, 1],
    [puback, 2],
    [pubcomp, 2],
  ] as const) {
    t.throws(() => queue.acknowledged(type, id), PacketFault)
  }
  t.ok(queue.awaits(puback, 1))
  t.notOk(queue.awaits(puback, 2))
  queue.acknowledged(pubrec, 2)
  t.throws(() => queue.acknowledged(puback, 2), PacketFault)
  t.notOk(queue.acknowledged(pubcomp, 3))
})

t.test('a client that does not take a message at QoS 2 has done with it', async (t) => {
  const { queue } = queueOf(0)
  queue.add(delivery(1, { qos: 2 }))
  queue.resume(most)
  sendAll(queue)
  t.ok(queue.acknowledged(pubrec, 1, true))
  t.ok(queue.isEmpty)
})

t.test('no more is under way than the client takes [MQTT-3.3.4-9]', async (t) => {
  const { queue } = queueOf(0)
  for (let number = 1; number <= 5; number++) queue.add(delivery(number, { qos: 2 }))
  queue.resume(2)
  t.notOk(queue.hasRoom)
  t.same(sendAll(queue), ['1: 1', '2: 2'])
  queue.acknowledged(pubrec, 1)
  t.same(sendAll(queue), [], 'what is not complete counts')
  queue.acknowledged(pubcomp, 1)
  t.same(sendAll(queue), ['3: 3'])
  queue.leave(always)
  queue.resume(1)
  t.same(sendAll(queue), ['2: 2 again'], 'on each connection anew')
  queue.giveUp(2)
  t.same(sendAll(queue), ['3: 3 again'])
})

t.test('what ends with the connection is nobody\u2019s afterwards', async (t) => {
  const { queue, usage, dropped } = queueOf(2, roomy, false)
  queue.resume(1)
  t.same(sendAll(queue), ['1: 1'])
  t.equal(usage.bytes, 258, 'what is sent is not kept')
  queue.acknowledged(puback, 1)
  t.same(sendAll(queue), ['2: 2'])
  queue.leave(always)
  t.ok(queue.isEmpty)
  t.same([usage.bytes, dropped], [0, []])
})

t.test('what is shared and was not acknowledged may go to another', async (t) => {
  const group = new ShareGroup('$share/g/a', 'a', { on: () => {}, removeListener: () => {} })
  const { queue, usage } = queueOf(1)
  for (const qos of [1, 2, 1] as const) queue.add({ ...delivery(2 + qos, { qos }), group })
  queue.resume(3)
  t.same(sendAll(queue), ['1: 1', '2: 3', '3: 4'])
  queue.giveUp(99)
  queue.add(delivery(9, { qos: 1 }))
  const taken = queue.takeShared().map(({ message }) => String(message.payload))
  t.same(taken, ['3', '3'], 'but for what is under way at QoS 2 [MQTT-4.8.2-5]')
  t.equal(usage.bytes, 3 * 258, 'and what is not shared')
})

t.test('past a limit the oldest that wait are dropped', async (t) => {
  const { queue, dropped } = queueOf(3, { messages: 2, bytes: 100 })
  t.same(dropped, ['1'])
  queue.add(delivery(4, { payload: Buffer.alloc(98) }))
  t.same(dropped, ['1', '2', '3'], 'one byte for the topic')
  queue.add(delivery(5, { payload: Buffer.alloc(100) }))
  t.ok(queue.isEmpty, 'what is too large alone does not wait')
})

t.test('what is under way has a limit of its own', async (t) => {
  const { queue, dropped } = queueOf(2, { messages: 2, bytes: 100 })
  queue.resume(most)
  sendAll(queue)
  for (const at of [3, 4]) queue.add(delivery(at))
  sendAll(queue)
  t.same(dropped, [], 'twice as high while the client is there')
  queue.add(delivery(5, { payload: Buffer.alloc(195) }))
  sendAll(queue)
  t.same(dropped, ['1', '2'])
  queue.leave(always)
  t.same(dropped.slice(2, 4), ['3', '4'])
  t.ok(queue.isEmpty, 'the last one alone is too large')
})

t.test('while the client is there twice as much may wait', async (t) => {
  const { queue, dropped } = queueOf(2, { messages: 2, bytes: 100 })
  queue.resume(most)
  queue.add(delivery(3))
  queue.add(delivery(4))
  t.same(dropped, [])
  queue.add(delivery(5))
  t.same(dropped, ['1'])
  queue.leave(always)
  t.same(dropped, ['1', '2', '3'])
})

t.test('what may not wait for a client that is away is dropped', async (t) => {
  const { queue, dropped } = queueOf(0)
  for (let number = 1; number <= 4; number++) queue.add(delivery(number, { qos: 2 }))
  queue.resume(most)
  queue.next()
  queue.next()
  queue.acknowledged(pubrec, 2)
  queue.leave(({ payload }) => Number(payload) > 3)
  t.same(dropped, ['1', '3'])
  queue.resume(most)
  t.same(sendAll(queue), ['2: PUBREL again', '3: 4'])
})

t.test('a new id is none of those under way', async (t) => {
  const { queue } = queueOf(1, { messages: 100_000, bytes: 1e9 })
  queue.resume(most)
  t.same(sendAll(queue), ['1: 1'])
  t.equal(queue.pass(1), 2)
  // All the way round, past the two that are never acknowledged.
  for (let id = 3; id <= 65_535; id++) {
    if (queue.pass(1) !== id) t.fail(`${id} was free`)
    queue.acknowledged(puback, id)
  }
  t.equal(queue.pass(1), 3)
  queue.leave(always)
  t.equal(queue.pass(2), 4)
  t.ok(queue.awaits(pubrec, 4))
})

t.test('ids that nobody acknowledges run out for nobody', async (t) => {
  const { queue } = queueOf(0, { messages: 100_000, bytes: 1e9 })
  queue.resume(most)
  for (let count = 1; count <= 70_000; count++) {
    queue.add(delivery(count))
    queue.next()
  }
  queue.leave(always)
  queue.resume(most)
  t.equal(sendAll(queue).length, 32_000)
  const passing = queueOf(0, roomy, false).queue
  passing.resume(most)
  for (let count = 1; count <= 70_000; count++) passing.pass(1)
  t.equal(passing.size.messages, 32_000)
})

t.test('the oldest can be dropped, and everything forgotten', async (t) => {
  const { queue, usage, dropped } = queueOf(4)
  queue.resume(most)
  queue.next()
  t.equal(usage.bytes, 4 * (2 + 256))
  t.ok(queue.dropOldest())
  t.ok(queue.dropOldest())
  t.same(dropped, ['1', '2'])
  queue.next()
  queue.clear()
  t.same([usage.bytes, queue.isEmpty, queue.dropOldest()], [0, true, false])
  t.same(dropped, ['1', '2'])
})
