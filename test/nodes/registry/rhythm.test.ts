import fc from 'fast-check'
import t from 'tap'
import { rhythmOf, withInterval } from '../../../src/nodes/registry/rhythm.ts'

t.test('the rhythm is the median of the intervals, and needs three of them', async (t) => {
  t.equal(rhythmOf([]), undefined)
  t.equal(rhythmOf([100, 100]), undefined)
  t.equal(rhythmOf([100, 300, 200]), 200)
  t.equal(rhythmOf([400, 100, 300, 200]), 250)
})

t.test('reports that come together are no interval', async (t) => {
  t.same(withInterval([1000], 49), [1000])
  t.same(withInterval([1000], 50), [1000, 50])
})

t.test('whatever comes, at most eight intervals are kept, and half are on each side', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e9, noNaN: true })), (intervals) => {
      const kept = intervals.reduce<readonly number[]>(withInterval, [])
      const expected = intervals.filter((interval) => interval >= 50).slice(-8)
      const rhythm = rhythmOf(kept)
      if (JSON.stringify(kept) !== JSON.stringify(expected)) return false
      if (rhythm === undefined) return expected.length < 3
      const below = expected.filter((interval) => interval <= rhythm).length
      const above = expected.filter((interval) => interval >= rhythm).length
      return below * 2 >= expected.length && above * 2 >= expected.length
    }),
  )
  t.pass()
})
