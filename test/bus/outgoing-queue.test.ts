import type { AedesPublishPacket } from 'aedes'
import t from 'tap'
import { OutgoingQueue } from '../../src/bus/outgoing-queue.ts'

const roomy = { messages: 100, bytes: 10_000 }

/** Message `brokerCounter` of the broker, whose payload is that number. */
function message(brokerCounter: number, messageId?: number): AedesPublishPacket {
  return {
    cmd: 'publish',
    topic: 'a',
    payload: String(brokerCounter),
    qos: 1,
    retain: false,
    dup: false,
    brokerId: 'broker',
    brokerCounter,
    ...(messageId && { messageId }),
  }
}

const release = (messageId: number) => ({ cmd: 'pubrel' as const, messageId })

function queueOf(count: number, limits = roomy): OutgoingQueue {
  const queue = new OutgoingQueue(limits)
  for (let number = 1; number <= count; number++) queue.add(message(number))
  return queue
}

t.test('messages wait in order until each is acknowledged by its id', async (t) => {
  const queue = queueOf(3)
  queue.sent(message(1, 11))
  queue.sent(message(2, 12))
  t.equal(queue.acknowledged(99), undefined)
  t.match(queue.acknowledged(12), { payload: '2', messageId: 12 })
  t.equal(queue.acknowledged(12), undefined, 'once only')
  t.match(queue.packets(), [
    { payload: '1', messageId: 11 },
    { payload: '3', messageId: undefined },
  ])
  queue.acknowledged(11)
  t.notOk(queue.isEmpty)
})

t.test('a message that has arrived is only released, in its old place', async (t) => {
  const queue = queueOf(2)
  queue.sent(message(1, 11))
  queue.received(release(11))
  queue.received(release(99))
  queue.received({ cmd: 'pubrel' })
  t.match(queue.packets(), [{ cmd: 'pubrel', messageId: 11 }, { payload: '2' }])
  t.match(queue.acknowledged(11), { cmd: 'pubrel' })
})

t.test('past a limit the oldest are dropped, also those under way', async (t) => {
  const queue = queueOf(2, { messages: 2, bytes: 100 })
  queue.sent(message(1, 11))
  t.equal(queue.add(message(3)), 1)
  t.match(queue.packets(), [{ payload: '2' }, { payload: '3' }])
  queue.sent(message(1, 21))
  t.equal(queue.acknowledged(11), undefined)
  const long = { ...message(4), payload: Buffer.alloc(90) }
  t.equal(queue.add({ ...long, payload: Buffer.alloc(98) }), 2, 'one byte for the topic')
  t.equal(queue.add({ ...long, brokerCounter: 5, payload: Buffer.alloc(100) }), 2)
  t.ok(queue.isEmpty, 'what is too large alone is not kept')
})

t.test('the next id is none of those under way', async (t) => {
  const queue = queueOf(3)
  t.equal(queue.nextId, 1)
  queue.sent(message(1, 7))
  queue.sent(message(2, 5))
  t.equal(queue.nextId, 8)
  queue.sent(message(3, 65_535))
  t.equal(queue.nextId, 1)
})
