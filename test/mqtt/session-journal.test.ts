import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { steadyMs } from '../../src/core/clock.ts'
import { isCommand } from '../../src/core/topic.ts'
import { optionsOf } from '../../src/mqtt/read-packets.ts'
import {
  SessionJournal,
  type StoredMessage,
  storedSessions,
} from '../../src/mqtt/session-journal.ts'
import { openJournal } from '../../src/store/journal.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { put, textsOf } from '../store/contract.ts'
import { lastingStore, listed } from '../store/lasting-store.ts'
import { anyTopic } from '../topics.ts'
import { delivery } from './kept-message.ts'

/** A subscription as MQTT 3.1.1 has it. */
function subscription(filter: string, qos: number) {
  return { filter, ...optionsOf(qos, undefined) }
}

async function startJournal() {
  const store = await lastingStore()
  const journal = openJournal(store)
  const of = (clientId: string, messages?: readonly StoredMessage[]) =>
    new SessionJournal(journal, clientId, messages)
  const load = async () => {
    await new Promise<void>((resolve) => journal.settled(resolve))
    return listed(storedSessions(journal))
  }
  return { store, of, load }
}

t.test('what was noted of a session is loaded, whatever its client calls itself', async (t) => {
  const { of, load } = await startJournal()
  const session = of('user:a/b č')
  session.here(7)
  session.subscribed(subscription('x/+/y', 2), true)
  session.subscribed(subscription('#', 1), true)
  session.subscribed(subscription('gone', 1), true)
  session.unsubscribed('gone')
  session.subscribed(subscription('#', 0), false)
  t.equal(session.waits(delivery(1)), 1)
  t.equal(session.waits(delivery(2, { qos: 2 })), 2)
  t.equal(session.waits(delivery(3, { qos: 2 })), 3)
  t.equal(session.waits(delivery(4)), 4)
  session.lastId(8)
  session.sent(2, 7)
  session.sent(3, 8)
  session.received(2)
  session.done(1)
  for (const id of [5, 6]) session.unreleased(id)
  session.released(5)
  const arrived = { number: 2, id: 7, delivery: undefined }
  t.match(await load(), [
    {
      clientId: 'user:a/b č',
      awayMs: 0,
      lastId: 8,
      expirySeconds: 7,
      subscriptions: [
        { filter: '#', qos: 0 },
        { filter: 'x/+/y', qos: 2 },
      ],
      messages: [
        arrived,
        { number: 3, id: 8, delivery: { message: { qos: 2, payload: Buffer.from('3') } } },
        { number: 4, id: undefined, delivery: { message: { qos: 1, payload: Buffer.from('4') } } },
      ],
      unreleased: [6],
    },
  ])
})

t.test('a session that goes on numbers its messages on, and forgets ids with them', async (t) => {
  const { store, of, load } = await startJournal()
  const before = of('a')
  for (const count of [1, 2]) before.waits(delivery(count, { qos: 2 }))
  before.sent(1, 7)
  const [stored] = await load()
  const session = of('a', stored?.messages)
  t.equal(session.waits(delivery(3)), 3)
  for (const number of [1, 2, 3]) session.done(number)
  await load()
  t.same(await textsOf(store), [])
})

t.test('a command is never written down', async (t) => {
  const { store, of, load } = await startJournal()
  t.equal(of('a').waits(delivery(1, { topic: 'relay/-/set' })), undefined)
  t.same(await load(), [])
  t.same(await textsOf(store), [])
})

t.test('absence is counted over restarts, and a clock set back makes none', async (t) => {
  const { store, of, load } = await startJournal()
  of('a').away(3000, 60)
  of('b').away(0, 60)
  const [noted] = await load()
  t.ok(noted !== undefined && noted.awayMs >= 3000 && noted.awayMs < 60_000)
  await store.write([
    put('session/a/client', String(steadyMs() - 5000)),
    put('session/b/client', String(steadyMs() + 5000)),
  ])
  const [a, b] = await load()
  t.ok(a !== undefined && a.awayMs >= 5000 && a.awayMs < 60_000)
  t.equal(b?.awayMs, 0)
  t.equal(b?.expirySeconds, undefined, 'earlier releases did not write it')
})

t.test('a session that is over leaves nothing, and an unknown key is left alone', async (t) => {
  const { store, of, load } = await startJournal()
  await store.write([put('session/b/later/x', '')])
  const session = of('a')
  session.here(7)
  session.lastId(1)
  session.ended()
  t.match(await load(), [{ clientId: 'b', messages: [] }])
})

t.test('without a store that lasts nothing is noted', async (t) => {
  const store = openMemoryStore()
  for (const journal of [openJournal(store), undefined]) {
    const session = new SessionJournal(journal, 'a')
    session.ended()
    session.here(1)
    session.away(1, 1)
    session.subscribed(subscription('x', 1), true)
    session.subscribed(subscription('x', 1), false)
    session.unsubscribed('x')
    session.lastId(1)
    t.equal(session.waits(delivery(1)), undefined)
    session.sent(1, 1)
    session.received(1)
    session.done(1)
    session.dropped(undefined)
    session.unreleased(1)
    session.released(1)
  }
  await store.write([])
  t.same(await textsOf(store), [])
})

t.test('filters and topics of any kind are noted and loaded as they are', async () => {
  const filters = fc.uniqueArray(anyTopic, { maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(anyTopic, filters, async (clientId, topics) => {
      const { of, load } = await startJournal()
      const session = of(clientId)
      session.here(7)
      for (const topic of topics) {
        session.subscribed(subscription(topic, 1), true)
        if (!isCommand(topic)) session.waits(delivery(1, { topic }))
      }
      const [loaded] = await load()
      const found = loaded?.subscriptions.map(({ filter }) => filter) ?? []
      const waiting = loaded?.messages.map(({ delivery }) => delivery?.message.topic)
      return (
        loaded?.clientId === clientId &&
        isDeepStrictEqual(new Set(found), new Set(topics)) &&
        isDeepStrictEqual(
          waiting,
          topics.filter((topic) => !isCommand(topic)),
        )
      )
    }),
  )
})

t.test('what MQTT 5 says of a subscription is noted with it', async (t) => {
  const { of, load } = await startJournal()
  const session = of('a')
  session.here(7)
  const all = [
    { filter: 'own', ...optionsOf(0b10_1110, 268_435_455) },
    { filter: 'x', ...optionsOf(0b01_0001, undefined) },
  ]
  for (const one of all) session.subscribed(one, true)
  const [loaded] = await load()
  t.same(loaded?.subscriptions, all)
})
