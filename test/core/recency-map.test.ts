import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { RecencyMap } from '../../src/core/recency-map.ts'

t.test('whatever is set and deleted, it is a Map to whose end each set entry moves', async () => {
  const key = fc.integer({ min: 0, max: 5 })
  const steps = fc.array(fc.oneof(fc.tuple(key, fc.nat()), fc.tuple(key)), { maxLength: 40 })
  const setBoth =
    (model: Map<number, number>, map: RecencyMap<number, number>) =>
    ([at, value]: readonly [number, number?]) => {
      const isKnown = model.delete(at)
      if (value === undefined) assert.equal(map.delete(at), isKnown)
      else for (const each of [map, model]) each.set(at, value)
      assert.equal(map.oldest, [...model.keys()][0])
      assert.equal(map.size, model.size)
      assert.deepEqual([map.get(at), map.has(at)], [value, model.has(at)])
    }
  const check = (all: readonly (readonly [number, number?])[]) => {
    const map = new RecencyMap<number, number>()
    const model = new Map<number, number>()
    all.forEach(setBoth(model, map))
    assert.deepEqual([...map.entries()], [...model])
  }
  fc.assert(fc.property(steps, check))
})

t.test('entries may be deleted while they are told', async (t) => {
  const map = new RecencyMap<string, number>()
  for (const [at, key] of ['a', 'b', 'c', 'd'].entries()) map.set(key, at)
  const told: string[] = []
  for (const [key] of map.entries()) {
    told.push(key)
    if (key === 'b') for (const gone of ['b', 'c']) map.delete(gone)
  }
  t.same(told, ['a', 'b', 'd'])
  t.same(
    [...map.entries()],
    [
      ['a', 0],
      ['d', 3],
    ],
  )
})
