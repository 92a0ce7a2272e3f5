import t from 'tap'
import { RetainedValues } from '../../src/bus/retained-values.ts'
import { ownMessage } from './own-message.ts'

function valuesOn(topics: readonly string[]): RetainedValues {
  const values = new RetainedValues({ topics: 10_000, valueBytes: 100, totalBytes: 1e6 })
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

t.test('an empty value takes one away, and one past the limits does not', async (t) => {
  const values = valuesOn(['a', 'b'])
  t.ok(values.store(ownMessage(1, { topic: 'a', payload: Buffer.alloc(0) })))
  t.notOk(values.store(ownMessage(1, { topic: 'b', payload: Buffer.alloc(101) })))
  t.match([...values.matching('#')], [{ topic: 'b', payload: Buffer.from('1') }])
})

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
