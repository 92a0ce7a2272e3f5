import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { createRetainedQuota, RetainedValues, readRetained } from '../../src/mqtt/retained.ts'
import { openJournal } from '../../src/store/journal.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { textsOf } from '../store/contract.ts'
import { lastingStore, listed } from '../store/lasting-store.ts'
import { anyTopic } from '../topics.ts'
import { keptMessage } from './kept-message.ts'

const limits = { topics: 10_000, valueBytes: 100, totalBytes: 1e6 }

function valuesOn(topics: readonly string[]): RetainedValues {
  const values = new RetainedValues(limits, openJournal(openMemoryStore()))
  topics.forEach((topic, at) => {
    values.store(keptMessage(at, { topic }))
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
    t.ok(values.store(keptMessage(1, { topic: 'a', payload: Buffer.alloc(0) })))
    t.notOk(values.store(keptMessage(1, { topic: 'b', payload: Buffer.alloc(101) })))
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
    values.store(keptMessage(9, { topic: `new/${looked++}` }))
  }
  t.equal(looked, 2)
})

t.test('what is cleared while the disk takes nothing does not wait for it', async (t) => {
  const written: number[] = []
  let free = () => {}
  const freed = new Promise<void>((resolve) => {
    free = resolve
  })
  const store = await lastingStore(undefined, async (changes) => {
    written.push(changes.length)
    await freed
  })
  const journal = openJournal(store)
  const values = new RetainedValues(limits, journal)
  const set = (topic: string, text: string) =>
    values.store(keptMessage(1, { topic, payload: Buffer.from(text) }))
  for (const topic of ['a', 'b']) set(topic, '1')
  while (written.length === 0) await new Promise(setImmediate)
  set('a', '2')
  for (let count = 0; count < 100; count++) {
    set(`comes/and/goes/${count}`, '1')
    set(`comes/and/goes/${count}`, '2')
    for (const topic of [`comes/and/goes/${count}`, `never/there/${count}`, 'b']) set(topic, '')
  }
  free()
  await new Promise<void>((resolve) => journal.settled(resolve))
  t.same(written, [2, 2])
  t.equal((await textsOf(store)).length, 1)
  t.match(await listed(readRetained(journal)), [{ topic: 'a', payload: Buffer.from('2') }])
  await journal.close()
})

t.test('a value on any topic is kept under it, found by it, and loaded again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(anyTopic, { maxLength: 10 }), async (topics) => {
      const store = await lastingStore()
      const journal = openJournal(store)
      const values = new RetainedValues(limits, journal)
      for (const [at, topic] of topics.entries()) values.store(keptMessage(at, { topic }))
      await new Promise<void>((resolve) => journal.settled(resolve))
      const loaded = await listed(readRetained(journal))
      const isFound = topics.every((topic) => topicsOf(values, topic)[0] === topic)
      return isFound && isDeepStrictEqual(loaded.map(({ topic }) => topic).sort(), topics.sort())
    }),
  )
})

t.test('so many topics, values so large, and so much in all are retained', async (t) => {
  const quota = createRetainedQuota({ topics: 2, valueBytes: 6, totalBytes: 10 })
  t.notOk(quota.take('a', 7), 'one value too large')
  t.ok(quota.take('a', 4))
  t.ok(quota.take('b', 3))
  t.notOk(quota.take('c', 1), 'one topic too many')
  t.ok(quota.take('b', 4), 'a new value takes the place of the old one')
  t.notOk(quota.take('b', 5), 'one byte too many, the topic counted')
  t.ok(quota.take('a', 0))
  t.ok(quota.take('c', 4), 'an empty value makes room')
  t.ok(quota.take('unknown', 0))
  t.notOk(quota.take('d', 1))
})

t.test('F57: a user who retains most leaves the others an equal share', async (t) => {
  const quota = createRetainedQuota({ topics: 8, valueBytes: 100, totalBytes: 1000 })
  for (let at = 0; at < 8; at++) t.ok(quota.take(`heavy/${at}`, 10, 'heavy'))
  t.notOk(quota.take('heavy/8', 10, 'heavy'))
  t.ok(quota.take('light/0', 10, 'light'))
  t.ok(quota.take('light/1', 10, 'light'))
  t.notOk(quota.take('light/2', 10, 'light'), 'but no more than a quarter more of all')
  quota.forget('heavy/0')
  quota.forget('heavy/1')
  quota.forget('heavy/2')
  t.ok(quota.take('light/2', 10, 'light'))
  const narrow = createRetainedQuota({ topics: 99, valueBytes: 1000, totalBytes: 1000 })
  t.ok(narrow.take('heavy', 900, 'heavy'))
  t.notOk(narrow.take('light', 600, 'light'), 'more than a share')
  t.ok(narrow.take('light', 200, 'light'))
  t.notOk(narrow.take('other', 200, 'heavy'))
})

t.test('F57: of the topics of one user, each node has an equal share', async (t) => {
  const quota = createRetainedQuota({ topics: 8, valueBytes: 100, totalBytes: 1000 })
  for (let at = 0; at < 8; at++) t.ok(quota.take(`nodes/liar/${at}`, 10, 'house'))
  t.notOk(quota.take('nodes/liar/8', 10, 'house'))
  t.ok(quota.take('nodes/lamp/0', 10, 'house'))
  t.ok(quota.take('nodes/lamp/0', 20, 'house'), 'another value of the same topic')
  t.ok(quota.take('nodes/lamp/0', 20, 'guest'), 'by somebody else')
})

t.test('what the hub itself retains is neither refused nor counted', async (t) => {
  const quota = createRetainedQuota({ topics: 1, valueBytes: 6, totalBytes: 10 })
  t.ok(quota.take('$SYS/hub/nodes/a', 1000))
  t.ok(quota.take('a', 6), 'there is room as before')
  t.ok(quota.take('$SYS/hub/nodes/b', 1000), 'also when there is none')
})

t.test('a value that has expired is forgotten when somebody meets it [MQTT-3.3.2-5]', async (t) => {
  const store = await lastingStore()
  const journal = openJournal(store)
  const values = new RetainedValues(limits, journal)
  const bytes = Buffer.alloc(0)
  const expired = { bytes, expiresAtMs: Date.now() - 1 }
  for (const topic of ['a', 'b']) values.store(keptMessage(1, { topic, properties: expired }))
  values.store(
    keptMessage(1, { topic: 'c', properties: { bytes, expiresAtMs: Date.now() + 9999 } }),
  )
  t.equal(values.on('a'), undefined)
  t.same(topicsOf(values, '#'), ['c'])
  t.equal(values.count, 1)
  await journal.close()
  t.equal((await textsOf(store)).length, 1)
})

t.test('what an earlier hub has retained is there again, as far as the limits allow', async (t) => {
  const store = await lastingStore()
  const journal = openJournal(store)
  const before = new RetainedValues(limits, journal)
  for (const topic of ['a', 'b']) before.store(keptMessage(1, { topic }))
  await journal.close()
  const now = new RetainedValues({ ...limits, topics: 1 }, openJournal(store))
  const givenUp: string[] = []
  await now.restore(({ topic }) => givenUp.push(topic))
  t.same([topicsOf(now, '#'), givenUp], [['a'], ['b']])
})
