import t from 'tap'
import { HubError } from '../../src/core/errors.ts'
import type { Message } from '../../src/core/message.ts'
import { Payload } from '../../src/core/payload.ts'
import { type ReceivingGroup, Trace } from '../../src/core/trace.ts'
import { steppedClock } from '../clock.ts'
import { clown } from '../senders.ts'

function messageOn(topic: string, text = '1'): Message {
  return { topic, payload: new Payload(Buffer.from(text)), qos: 0, retain: false }
}

function opened() {
  const clock = steppedClock()
  const trace = new Trace(clock)
  const enter = (topic: string) => {
    const message = messageOn(topic)
    trace.enters(message, clown)
    return message
  }
  const hand = (message: Message, ...names: string[]) => {
    trace.begins(message)
    for (const name of names) trace.handed(name, 'sent')
    trace.ends()
  }
  return { clock, trace, enter, hand }
}

t.test('a message is told with its rule, its receivers, and how long it took', async (t) => {
  const { clock, trace, enter, hand } = opened()
  const message = enter('a/b')
  trace.allowed(message, 'role admin')
  clock.step(2)
  hand(message, 'ann:phone')
  const [entry, ...others] = trace.read({ limit: 9 })
  t.same(others, [])
  t.match(entry, { kind: 'message', topic: 'a/b', user: clown.user, rule: 'role admin' })
  t.match(entry, { receivers: 1, tookMs: 2, bytes: 1 })
  t.same(entry?.receivedBy, [{ user: 'ann', client: 'phone', way: 'mqtt' }])
})

t.test('of each receiver is told whether it waited, and whether it was too slow', async (t) => {
  const { trace, enter } = opened()
  const reader = { user: 'eve', address: '::1', way: 'clown-talk', isBehind: true }
  const group: ReceivingGroup = { size: 2, receiving: () => [reader, { ...reader, clientId: 'a' }] }
  trace.begins(enter('a'))
  trace.handed('ann:away', 'waits')
  trace.handed('ann:slow', 'behind')
  trace.handed(group, 'sent')
  trace.ends()
  const [entry] = trace.read({ limit: 1 })
  t.equal(entry?.receivers, 4)
  t.same(entry?.receivedBy, [
    { user: 'ann', client: 'away', way: 'mqtt', waits: true },
    { user: 'ann', client: 'slow', way: 'mqtt', waits: true, slow: true },
    { user: 'eve', address: '::1', way: 'clown-talk', slow: true },
    { user: 'eve', client: 'a', address: '::1', way: 'clown-talk', slow: true },
  ])
})

t.test('what was refused is told with the reason, and a command with its receipt', async (t) => {
  const { trace, enter } = opened()
  trace.refused(enter('a'), new HubError('forbidden', 'no right'))
  const command = enter('relay/set')
  trace.told(command.traced, { receipt: 'confirmed', final: true, afterMs: 7 })
  trace.shed(enter('b'))
  t.match(trace.read({ limit: 9 }), [
    { topic: 'b', shed: true },
    { kind: 'command', receipt: 'confirmed', receiptMs: 7 },
    { refused: { code: 'forbidden', message: 'no right' } },
  ])
})

t.test('how a connection ended is told, and what is asked for is chosen', async (t) => {
  const { trace, enter, clock } = opened()
  const eve = { ...clown, user: 'eve', clientId: 'phone' }
  trace.connectionEnded(eve, { why: 'it said goodbye', openMs: 12.4 })
  enter('a/b')
  clock.step(5)
  enter('c/set')
  const kindsOf = (query: object) => trace.read({ limit: 9, ...query }).map(({ kind }) => kind)
  t.match(trace.read({ limit: 9, kind: 'connection' }), [
    { user: 'eve', client: 'phone', ended: 'it said goodbye', openMs: 12 },
  ])
  t.same(kindsOf({}), ['command', 'message', 'connection'])
  t.same(kindsOf({ user: 'eve' }), ['connection'])
  t.same(kindsOf({ topic: '#' }), ['command', 'message'])
  t.same(kindsOf({ topic: 'a/+' }), ['message'])
  t.same(kindsOf({ sinceMs: 5 }), ['command'])
  t.same(kindsOf({ limit: 1 }), ['command'])
  clock.step(10 * 60_000 + 1)
  t.same(kindsOf({}), [], 'only the last minutes')
})

t.test('what the hub says itself is its own, and what is of the broker is left out', async (t) => {
  const { trace, hand } = opened()
  hand(messageOn('a'), 'ann:a')
  hand(messageOn('$SYS/uptime'), 'ann:a')
  t.match(trace.read({ limit: 9 }), [{ user: 'hub', topic: 'a', receivers: 1 }])
  trace.handed('ann:a', 'sent')
  t.match(trace.read({ limit: 9 }), [{ receivers: 1 }], 'between two messages nothing is noted')
})

t.test('of a message with many receivers all are counted, and some named', async (t) => {
  const { trace, enter, hand } = opened()
  const message = enter('a')
  hand(message, ...Array.from({ length: 100 }, (_, at) => `ann:${at}`))
  const [entry] = trace.read({ limit: 1 })
  t.equal(entry?.receivers, 100)
  t.equal(entry?.receivedBy?.length, 64)
  const reader = { user: 'eve', address: '::1', way: 'clown-talk', isBehind: false }
  const crowd = { size: 80, receiving: () => Array.from({ length: 80 }, () => reader) }
  trace.begins(enter('b'))
  trace.handed(crowd, 'sent')
  trace.handed(crowd, 'sent')
  trace.ends()
  const [crowded] = trace.read({ limit: 1 })
  t.match(crowded, { receivers: 160 })
  t.equal(crowded?.receivedBy?.length, 64)
})

t.test('a command that goes out on several topics has the receivers of all', async (t) => {
  const { trace, enter, hand } = opened()
  const message = enter('a/set')
  hand(message, 'ann:a')
  hand({ ...message, topic: 'a/more' }, 'ann:b')
  hand(enter('c'), 'ann:c')
  hand({ ...message, topic: 'a/last' }, 'ann:d')
  const entry = trace.read({ limit: 9 })[1]
  t.equal(entry?.receivers, 3)
  t.same(
    entry?.receivedBy?.map(({ client }) => client),
    ['a', 'b'],
  )
})

t.test('the ring is bounded, in entries, in receivers and in characters', async (t) => {
  const { trace, enter, hand } = opened()
  const first = enter('first')
  hand(first, 'ann:a')
  for (let at = 0; at < 8192; at++) hand(enter(`topic/${at}`), ...names)
  t.equal(trace.read({ limit: 10_000 }).length, 8192)
  t.equal(trace.read({ limit: 10_000, topic: 'first' }).length, 0)
  trace.told(first.traced, { receipt: 'confirmed', final: true, afterMs: 7 })
  t.equal(trace.read({ limit: 9, topic: 'topic/8191' })[0]?.receipt, undefined)
  const [oldest] = trace.read({ limit: 1, topic: 'topic/0' })
  t.match(oldest, { receivers: 5, receivedBy: [] }, 'who got it is forgotten, how many is not')
  for (let at = 0; at < 10; at++) enter('x'.repeat(1_048_576))
  t.equal(trace.read({ limit: 10_000 }).length, 3)
  enter('x'.repeat(8 * 1_048_576))
  t.equal(trace.read({ limit: 10_000 }).length, 1, 'the latest stays')
})

const names = ['ann:a', 'ann:b', 'ann:c', 'ann:d', 'ann:e']
