import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { RecencyMap, SharedMap, ShareQuota } from '../../src/core/recency-map.ts'

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

t.test(
  'F65: of what many share, whoever has most gives way, with what was set the longest ago',
  async (t) => {
    const map = new SharedMap<string, number>()
    t.equal(map.givesWay, undefined)
    const set = (key: string, owner: string, weight = 1) => map.set(key, 0, { owner, weight })
    for (const key of ['a1', 'a2', 'a3']) set(key, 'a')
    for (const key of ['b1', 'b2']) set(key, 'b')
    set('a1', 'b')
    t.equal(map.givesWay, 'a2', 'it stays with whoever set it first, and comes last there')
    map.delete('a2')
    t.equal(map.givesWay, 'b1', 'of two who have as much, who came later gives way')
    set('a3', 'a', 7)
    t.equal(map.givesWay, 'a1')
    t.same([map.size, map.weight, map.get('a3'), map.get('a2')], [4, 10, 0, undefined])
    for (const key of ['a1', 'a3', 'none']) map.delete(key)
    t.same([...map.keys()], ['b1', 'b2'])
  },
)

t.test('F57: past what there may be, who has less than an equal share may have more', async (t) => {
  const quota = new ShareQuota(6)
  quota.count('a', 5)
  t.ok(quota.hasRoomFor('a'))
  quota.count('a', 1)
  t.notOk(quota.hasRoomFor('a'))
  t.ok(quota.hasRoomFor('b'), 'who has none may have one')
  quota.count('b', 1)
  t.ok(quota.hasRoomFor('b'))
  quota.count('b', 1)
  t.notOk(quota.hasRoomFor('b'), 'a third may come')
  quota.count('a', -6)
  t.equal(quota.total, 2)
})
