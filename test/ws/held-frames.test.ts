import t from 'tap'
import { HeldFrames } from '../../src/ws/held-frames.ts'

function drained(held: HeldFrames): string[] {
  const frames: string[] = []
  for (let frame = held.take(); frame !== undefined; frame = held.take()) frames.push(frame)
  return frames
}

t.test('frames leave in the order they came, and their bytes with them', async (t) => {
  const held = new HeldFrames()
  held.add('a1', 'a')
  held.add('x', undefined)
  held.add('č', 'a')
  t.equal(held.bytes, 2 + 1 + 2 + 3 * 64)
  t.same([held.has('a'), held.has('b'), held.isEmpty], [true, false, false])
  t.same(drained(held), ['a1', 'x', 'č'])
  t.same([held.bytes, held.isEmpty, held.has('a')], [0, true, false])
})

t.test('conflating keeps the latest frame of each topic, and all that have none', async (t) => {
  const held = new HeldFrames()
  for (const [frame, topic] of [
    ['a1', 'a'],
    ['x', undefined],
    ['b1', 'b'],
    ['a2', 'a'],
    ['x', undefined],
    ['a3', 'a'],
  ] as const) {
    held.add(frame, topic)
  }
  t.equal(held.conflate(), 2)
  t.equal(held.conflate(), 0)
  t.ok(held.drop('b'))
  t.notOk(held.drop('b'))
  t.same(drained(held), ['x', 'x', 'a3'])
})

t.test('cleared, it holds nothing', async (t) => {
  const held = new HeldFrames()
  held.add('a', 'a')
  held.clear()
  t.same([held.bytes, held.isEmpty, held.has('a'), held.take()], [0, true, false, undefined])
})
