import fc from 'fast-check'
import t from 'tap'
import { reportIntervalOf, withInterval } from '../../../src/nodes/registry/offline-detection.ts'

t.test('the report interval is the median of the intervals, and needs three of them', async (t) => {
  t.equal(reportIntervalOf([]), undefined)
  t.equal(reportIntervalOf([100, 100]), undefined)
  t.equal(reportIntervalOf([100, 300, 200]), 200)
  t.equal(reportIntervalOf([400, 100, 300, 200]), 250)
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
      const interval = reportIntervalOf(kept)
      if (JSON.stringify(kept) !== JSON.stringify(expected)) return false
      if (interval === undefined) return expected.length < 3
      const below = expected.filter((each) => each <= interval).length
      const above = expected.filter((each) => each >= interval).length
      return below * 2 >= expected.length && above * 2 >= expected.length
    }),
  )
  t.pass()
})
