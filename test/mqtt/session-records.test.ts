import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { steadyMs } from '../../src/core/clock.ts'
import { isCommand } from '../../src/core/topic.ts'
import { openJournal } from '../../src/mqtt/journal.ts'
import { optionsOf } from '../../src/mqtt/read-packets.ts'
import { createSessionRecords, noNotes } from '../../src/mqtt/session-records.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { put, textsOf } from '../store/contract.ts'
import { anyTopic } from '../topics.ts'
import { delivery } from './kept-message.ts'
import { lastingStore, listed } from './lasting-store.ts'

/** A subscription as MQTT 3.1.1 has it. */
function subscription(filter: string, qos: number) {
  return { filter, ...optionsOf(qos, undefined) }
}

async function startRecords() {
  const store = await lastingStore()
  const journal = openJournal(store)
  const records = createSessionRecords(journal)
  const load = async () => {
    await new Promise<void>((resolve) => journal.settled(resolve))
    return listed(records.load())
  }
  return { store, records, load }
}

t.test('what was noted of a session is loaded, whatever its client calls itself', async (t) => {
  const { records, load } = await startRecords()
  const notes = records.of('user:a/b č')
  notes.here(7)
  records.subscribed('user:a/b č', subscription('x/+/y', 2), true)
  records.subscribed('user:a/b č', subscription('#', 1), true)
  records.subscribed('user:a/b č', subscription('gone', 1), true)
  records.unsubscribed('user:a/b č', 'gone')
  records.subscribed('user:a/b č', subscription('#', 0), false)
  t.equal(notes.waits(delivery(1)), 1)
  t.equal(notes.waits(delivery(2, { qos: 2 })), 2)
  t.equal(notes.waits(delivery(3, { qos: 2 })), 3)
  t.equal(notes.waits(delivery(4)), 4)
  notes.lastId(8)
  notes.sent(2, 7)
  notes.sent(3, 8)
  notes.received(2)
  notes.done(1)
  for (const id of [5, 6]) notes.unreleased(id)
  notes.released(5)
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
  const { store, records, load } = await startRecords()
  const before = records.of('a')
  for (const count of [1, 2]) before.waits(delivery(count, { qos: 2 }))
  before.sent(1, 7)
  const [stored] = await load()
  const notes = records.of('a', stored?.messages)
  t.equal(notes.waits(delivery(3)), 3)
  for (const number of [1, 2, 3]) notes.done(number)
  await load()
  t.same(await textsOf(store), [])
})

t.test('a command is never written down', async (t) => {
  const { store, records, load } = await startRecords()
  t.equal(records.of('a').waits(delivery(1, { topic: 'relay/-/set' })), undefined)
  t.same(await load(), [])
  t.same(await textsOf(store), [])
})

t.test('absence is counted over restarts, and a clock set back makes none', async (t) => {
  const { store, records, load } = await startRecords()
  records.of('a').away(3000, 60)
  records.of('b').away(0, 60)
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
  const { store, records, load } = await startRecords()
  await store.write([put('session/b/later/x', '')])
  const notes = records.of('a')
  notes.here(7)
  notes.lastId(1)
  notes.ended()
  t.match(await load(), [{ clientId: 'b', messages: [] }])
})

t.test('without a store that lasts there is nothing to note', async (t) => {
  const records = createSessionRecords(openJournal(openMemoryStore()))
  t.equal(records.of('a'), noNotes)
  records.subscribed('a', subscription('x', 1), true)
  records.unsubscribed('a', 'x')
  t.same(await listed(records.load()), [])
  const { here, away, ended, lastId, waits, sent, received, done, unreleased, released } = noNotes
  ended()
  here(1)
  for (const note of [lastId, received, done, unreleased, released]) note(1)
  for (const note of [sent, away]) note(1, 1)
  t.equal(waits(delivery(1)), undefined)
})

t.test('filters and topics of any kind are noted and loaded as they are', async () => {
  const filters = fc.uniqueArray(anyTopic, { maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(anyTopic, filters, async (clientId, topics) => {
      const { records, load } = await startRecords()
      const notes = records.of(clientId)
      notes.here(7)
      for (const topic of topics) {
        records.subscribed(clientId, subscription(topic, 1), true)
        if (!isCommand(topic)) notes.waits(delivery(1, { topic }))
      }
      const [session] = await load()
      const found = session?.subscriptions.map(({ filter }) => filter) ?? []
      const waiting = session?.messages.map(({ delivery }) => delivery?.message.topic)
      return (
        session?.clientId === clientId &&
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
  const { records, load } = await startRecords()
  records.of('a').here(7)
  const all = [
    { filter: 'own', ...optionsOf(0b10_1110, 268_435_455) },
    { filter: 'x', ...optionsOf(0b01_0001, undefined) },
  ]
  for (const one of all) records.subscribed('a', one, true)
  const [session] = await load()
  t.same(session?.subscriptions, all)
})
