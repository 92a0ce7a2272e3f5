import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { branchOf, RecencyMap, SharedMap } from '../../src/core/recency-map.ts'

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

t.test('F65: of what many share, whoever has most gives way', async (t) => {
  const map = new SharedMap<number>()
  t.equal(map.givesWay, undefined)
  const set = (topic: string, owner: string, weight = 1) => map.set(topic, 0, { owner, weight })
  for (const topic of ['x/y/z/a1', 'x/y/z/a2', 'x/y/z/a3']) set(topic, 'a')
  for (const topic of ['x/y/z/b1', 'x/y/z/b2']) set(topic, 'b')
  set('x/y/z/a1', 'b')
  t.equal(map.givesWay, 'x/y/z/a2', 'it stays with whoever set it first, and comes last there')
  map.delete('x/y/z/a2')
  t.equal(map.givesWay, 'x/y/z/b1', 'of two who have as much, who came later gives way')
  set('x/y/z/a3', 'a', 7)
  t.equal(map.givesWay, 'x/y/z/a1')
  t.same([map.size, map.weight], [4, 10])
  t.same([map.get('x/y/z/a3'), map.get('x/y/z/a2')], [0, undefined])
  for (const topic of ['x/y/z/a1', 'x/y/z/a3', 'none']) map.delete(topic)
  t.same([...map.keys()], ['x/y/z/b1', 'x/y/z/b2'])
})

t.test('F65: of what one has, a node gives way that has more than all others', async (t) => {
  const map = new SharedMap<number>()
  const set = (topic: string) => map.set(topic, 0, { owner: 'house', weight: 1 })
  const takeAway = () => {
    const topic = map.givesWay
    map.delete(topic ?? '')
    return topic
  }
  for (const topic of ['boiler', 'nodes/lamp/0/relay/a', 'nodes/shed/0/relay/a']) set(topic)
  for (const at of [1, 2, 3, 4, 5]) set(`nodes/liar/0/relay/${at}`)
  set('nodes/liar/0/relay/1')
  t.same([takeAway(), takeAway()], ['nodes/liar/0/relay/2', 'nodes/liar/0/relay/3'])
  t.equal(takeAway(), 'boiler', 'of those who are alike, the longest silent')
  while (map.size > 0) t.ok(takeAway())
  t.same([map.givesWay, map.weight], [undefined, 0])
  t.same(['nodes/liar/0/relay/1', 'a/b', 'a'].map(branchOf), ['nodes/liar', 'a/b', 'a'])
})
