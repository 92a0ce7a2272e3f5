import t from 'tap'
import { BridgeQueue, type KindOfWaiting, storedWaiting } from '../../src/bridges/bridge-queue.ts'

/** A queue, what it has lost, and what is written down of it. */
function openedQueue(limits = { messages: 100, bytes: 1_000_000 }) {
  const lost: string[] = []
  const stored = new Map<string, Buffer>()
  const note = (key: string, value: Buffer | undefined) => {
    if (value === undefined) stored.delete(key)
    else stored.set(key, value)
  }
  const journal = {
    ...{ aheadMs: 0, note, noteNew: note },
    async *entries() {
      yield* [...stored].sort()
    },
  }
  const open = () =>
    new BridgeQueue({
      ...{ name: 'cloud', journal, limits },
      lost: ({ topic }, reason) => lost.push(`${topic}: ${reason}`),
    })
  const queue = open()
  const add = (topic: string, kind: KindOfWaiting = 'promised', text = '') =>
    queue.add({ topic, bytes: Buffer.from(text), qos: 1, retain: false }, kind)
  return { queue, add, lost, stored, journal, open }
}

function takenFrom(queue: BridgeQueue): string[] {
  const topics: string[] = []
  for (let next = queue.take(); next !== undefined; next = queue.take()) {
    topics.push(`${next.message.topic}${next.message.bytes}`)
  }
  return topics
}

t.test('what was promised is there again after a restart, in its order', async (t) => {
  const { add, stored, journal, open, queue } = openedQueue()
  const names = [...'abcdefghijkl']
  for (const name of names) add(name)
  add('value', 'value')
  add('passing', 'passing')
  t.equal(stored.size, names.length)
  const first = queue.take()
  t.equal(queue.underWay, 1)
  if (first !== undefined) queue.done(first)
  const restarted = open()
  for await (const { name, number, record } of storedWaiting(journal)) {
    t.equal(name, 'cloud')
    restarted.restore(number, record)
  }
  restarted.add({ topic: 'new', bytes: Buffer.alloc(0), qos: 1, retain: false }, 'promised')
  t.same(takenFrom(restarted), [...names.slice(1), 'new'])
})

t.test('of a value only the last one waits, unless it is under way', async (t) => {
  const { add, queue } = openedQueue()
  add('a', 'value', '1')
  add('b', 'promised')
  add('a', 'value', '2')
  t.same(takenFrom(queue), ['b', 'a2'])
  add('a', 'value', '3')
  queue.startOver()
  t.same(takenFrom(queue), ['b', 'a2', 'a3'])
})

t.test('past a limit the oldest that waits is lost, and not what is under way', async (t) => {
  const { add, queue, lost, stored } = openedQueue({ messages: 2, bytes: 2000 })
  add('a')
  const underWay = queue.take()
  add('b')
  add('c')
  t.same(lost, ['b: too much waits'])
  add('large', 'promised', 'x'.repeat(2000))
  t.same(lost.slice(1), ['c: too much waits', 'large: too much waits'])
  t.equal(queue.messages, 1)
  t.equal(stored.size, 1)
  if (underWay !== undefined) queue.done(underWay)
  t.same([queue.messages, queue.bytes, stored.size], [0, 0, 0])
})

t.test('after the end of a connection what was under way comes first', async (t) => {
  const { add, queue } = openedQueue()
  add('a')
  add('passing', 'passing')
  add('b')
  const first = queue.take()
  queue.take()
  queue.startOver()
  if (first !== undefined) queue.done(first)
  t.same(takenFrom(queue), ['a', 'b'], 'what has come there twice is no worse than once')
})

t.test('what a broker does not bear is given up after ten connections', async (t) => {
  const { add, queue, lost } = openedQueue()
  add('poison')
  add('b')
  for (let times = 0; times < 10; times++) {
    t.same(lost, [])
    t.same(takenFrom(queue), ['poison', 'b'])
    queue.startOver()
  }
  t.same(lost, ['poison: 10 connections have ended with it'])
  t.same(takenFrom(queue), ['b'])
  queue.startOver()
  queue.startOver()
})
