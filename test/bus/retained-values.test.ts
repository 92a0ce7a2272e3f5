import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { openJournal } from '../../src/bus/journal.ts'
import { createRetainedRecords } from '../../src/bus/retained-records.ts'
import { RetainedValues } from '../../src/bus/retained-values.ts'
import type { Store } from '../../src/store/store.ts'
import { textsOf } from '../store/contract.ts'
import { anyTopic } from '../topics.ts'
import { lastingStore, listed } from './lasting-store.ts'
import { ownMessage } from './own-message.ts'

const limits = { topics: 10_000, valueBytes: 100, totalBytes: 1e6 }

function valuesOn(topics: readonly string[]): RetainedValues {
  const values = new RetainedValues(limits)
  topics.forEach((topic, at) => {
    values.store(ownMessage(at, { topic }))
  })
  return values
}

function topicsOf(values: RetainedValues, filter: string): (string | undefined)[] {
  return Array.from(values.matching(filter), (message) => message?.topic)
}

t.test('a filter finds what it matches', async (t) => {
  const values = valuesOn(['a/b', 'a/c', 'd'])
  t.same(topicsOf(values, 'a/c'), ['a/c'])
  t.same(topicsOf(values, 'a/x'), [])
  t.same(topicsOf(values, 'a/+'), ['a/b', 'a/c'])
  t.same(topicsOf(values, '#'), ['a/b', 'a/c', 'd'])
})

t.test(
  'an empty value takes one away, and so does one past the limits [MQTT-3.3.1-7]',
  async (t) => {
    const values = valuesOn(['a', 'b'])
    t.ok(values.store(ownMessage(1, { topic: 'a', payload: Buffer.alloc(0) })))
    t.notOk(values.store(ownMessage(1, { topic: 'b', payload: Buffer.alloc(101) })))
    t.same([...values.matching('#')], [])
  },
)

t.test('others have their turn while many topics are looked at', async (t) => {
  const topics = Array.from({ length: 1000 }, (_, at) => `a/${at}`)
  const values = valuesOn(topics)
  t.same(topicsOf(values, 'b/+'), [undefined, undefined, undefined])
  t.same(
    topicsOf(values, 'a/+').filter((topic) => topic !== undefined),
    topics,
  )
})

t.test('what is stored meanwhile makes it no longer', async (t) => {
  const values = valuesOn(['a', 'b'])
  let looked = 0
  for (const _ of values.matching('#')) {
    values.store(ownMessage(9, { topic: `new/${looked++}` }))
  }
  t.equal(looked, 2)
})

t.test('what is cleared while the disk takes nothing does not wait for it', async (t) => {
  const store = await lastingStore()
  const written: number[] = []
  let fail = true
  const write: Store['write'] = async (changes) => {
    written.push(changes.length)
    if (fail) throw new Error('no space')
    await store.write(changes)
  }
  const journal = openJournal({ ...store, write })
  const records = createRetainedRecords(journal)
  const values = new RetainedValues(limits, records)
  const set = (topic: string, text: string) =>
    values.store(ownMessage(1, { topic, payload: Buffer.from(text) }))
  for (const topic of ['a', 'b']) set(topic, '1')
  while (written.length === 0) await new Promise(setImmediate)
  set('a', '2')
  for (let count = 0; count < 100; count++) {
    set(`comes/and/goes/${count}`, '1')
    set(`comes/and/goes/${count}`, '2')
    for (const topic of [`comes/and/goes/${count}`, `never/there/${count}`, 'b']) set(topic, '')
  }
  fail = false
  await new Promise<void>((resolve) => journal.settled(resolve))
  t.same(written, [2, 2, 2])
  t.equal((await textsOf(store)).length, 1)
  t.match(await listed(records.load()), [{ topic: 'a', payload: Buffer.from('2') }])
  await journal.close()
})

t.test('a value on any topic is kept under it, found by it, and loaded again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(anyTopic, { maxLength: 10 }), async (topics) => {
      const store = await lastingStore()
      const journal = openJournal(store)
      const records = createRetainedRecords(journal)
      const values = new RetainedValues(limits, records)
      for (const [at, topic] of topics.entries()) values.store(ownMessage(at, { topic }))
      await new Promise<void>((resolve) => journal.settled(resolve))
      const loaded = await listed(records.load())
      const isFound = topics.every((topic) => topicsOf(values, topic)[0] === topic)
      return isFound && isDeepStrictEqual(loaded.map(({ topic }) => topic).sort(), topics.sort())
    }),
  )
})
