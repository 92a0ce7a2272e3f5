import t from 'tap'
import { OutgoingQueue, type QueueLimits } from '../../src/bus/outgoing-queue.ts'
import { ownMessage } from './own-message.ts'

const roomy = { messages: 100, bytes: 10_000 }

/** A queue with messages 1 to `count`, and the payloads of what it dropped. */
function queueOf(count: number, limits: QueueLimits = roomy) {
  const dropped: string[] = []
  const usage = { bytes: 0 }
  const queue = new OutgoingQueue({
    limits,
    usage,
    onDropped: ({ payload }) => dropped.push(String(payload)),
  })
  for (let number = 1; number <= count; number++) queue.add(ownMessage(number))
  return { queue, usage, dropped }
}

/** All that is to be written now: id, payload or PUBREL, and whether it comes again. */
function sendAll(queue: OutgoingQueue): string[] {
  const sent: string[] = []
  for (let next = queue.next(); next !== undefined; next = queue.next()) {
    const what = next.message === undefined ? 'PUBREL' : String(next.message.payload)
    sent.push(`${next.id}: ${what}${next.isAgain ? ' again' : ''}`)
  }
  return sent
}

const always = () => true

t.test('messages are sent in order, and again until they are acknowledged', async (t) => {
  const { queue } = queueOf(3)
  queue.resume()
  t.same(sendAll(queue), ['1: 1', '2: 2', '3: 3'])
  queue.acknowledged(2)
  queue.acknowledged(99)
  queue.leave(always)
  queue.add(ownMessage(4))
  queue.resume()
  queue.acknowledged(3)
  t.same(sendAll(queue), ['1: 1 again', '4: 4'])
  queue.acknowledged(1)
  t.notOk(queue.isEmpty)
  queue.acknowledged(4)
  t.ok(queue.isEmpty)
})

t.test('a message that has arrived is only released, in its old place', async (t) => {
  const { queue, usage } = queueOf(2)
  queue.resume()
  sendAll(queue)
  queue.arrived(1)
  queue.arrived(99)
  queue.leave(always)
  queue.resume()
  t.same(sendAll(queue), ['1: PUBREL again', '2: 2 again'])
  queue.acknowledged(1)
  queue.acknowledged(2)
  t.equal(usage.bytes, 0)
})

t.test('past a limit the oldest that wait are dropped', async (t) => {
  const { queue, dropped } = queueOf(3, { messages: 2, bytes: 100 })
  t.same(dropped, ['1'])
  queue.add(ownMessage(4, { payload: Buffer.alloc(98) }))
  t.same(dropped, ['1', '2', '3'], 'one byte for the topic')
  queue.add(ownMessage(5, { payload: Buffer.alloc(100) }))
  t.ok(queue.isEmpty, 'what is too large alone does not wait')
})

t.test('what is under way has a limit of its own', async (t) => {
  const { queue, dropped } = queueOf(2, { messages: 2, bytes: 100 })
  queue.resume()
  sendAll(queue)
  for (const at of [3, 4]) queue.add(ownMessage(at))
  sendAll(queue)
  t.same(dropped, [], 'twice as high while the client is there')
  queue.add(ownMessage(5, { payload: Buffer.alloc(195) }))
  sendAll(queue)
  t.same(dropped, ['1', '2'])
  queue.leave(always)
  t.same(dropped.slice(2, 4), ['3', '4'])
  t.ok(queue.isEmpty, 'the last one alone is too large')
})

t.test('while the client is there twice as much may wait', async (t) => {
  const { queue, dropped } = queueOf(2, { messages: 2, bytes: 100 })
  queue.resume()
  queue.add(ownMessage(3))
  queue.add(ownMessage(4))
  t.same(dropped, [])
  queue.add(ownMessage(5))
  t.same(dropped, ['1'])
  queue.leave(always)
  t.same(dropped, ['1', '2', '3'])
})

t.test('what may not wait for a client that is away is dropped', async (t) => {
  const { queue, dropped } = queueOf(4)
  queue.resume()
  queue.next()
  queue.next()
  queue.arrived(2)
  queue.leave(({ brokerCounter }) => brokerCounter > 3)
  t.same(dropped, ['1', '3'])
  queue.resume()
  t.same(sendAll(queue), ['2: PUBREL again', '3: 4'])
})

t.test('a new id is none of those under way', async (t) => {
  const { queue } = queueOf(1)
  queue.resume()
  t.same(sendAll(queue), ['1: 1'])
  t.equal(queue.takeId(), 2)
  // All the way round, past the two that are never acknowledged.
  for (let id = 3; id <= 65_535; id++) {
    if (queue.takeId() !== id) t.fail(`${id} was free`)
    queue.acknowledged(id)
  }
  t.equal(queue.takeId(), 3)
  queue.leave(always)
  t.equal(queue.takeId(), 4)
})

t.test('ids that nobody acknowledges run out for nobody', async (t) => {
  const { queue } = queueOf(0, { messages: 100_000, bytes: 1e9 })
  queue.resume()
  for (let count = 1; count <= 70_000; count++) {
    queue.takeId()
    queue.add(ownMessage(count))
    queue.next()
  }
  queue.leave(always)
  queue.resume()
  t.equal(sendAll(queue).length, 32_000)
})

t.test('the oldest can be dropped, and everything forgotten', async (t) => {
  const { queue, usage, dropped } = queueOf(4)
  queue.resume()
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
