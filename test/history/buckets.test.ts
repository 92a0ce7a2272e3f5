import t from 'tap'
import { BucketTable, withGaps } from '../../src/history/buckets.ts'

const bucketMs = 1000

/** The starts of the buckets of points at these seconds, and null for each gap. */
function startsOf(seconds: readonly number[]): (number | null)[] {
  const table = new BucketTable(bucketMs)
  for (const second of seconds) table.addPoint({ at: second * 1000, value: 1 })
  return withGaps(table.sorted(), bucketMs).map((bucket) => bucket && bucket.start / 1000)
}

t.test('a silence that is much longer than usual is a gap', async (t) => {
  t.same(startsOf([0, 2, 4, 6, 8, 60, 62]), [0, 2, 4, 6, 8, null, 60, 62])
})

t.test('whoever reports seldom has no gap between two reports', async (t) => {
  t.same(startsOf([0, 60, 125, 180, 240, 300]), [0, 60, 125, 180, 240, 300])
})

t.test('a report that is missed now and then is no gap', async (t) => {
  t.same(startsOf([0, 10, 20, 40, 50, 80, 90]), [0, 10, 20, 40, 50, 80, 90])
})

t.test('of what came only a few times, nobody knows how often it comes', async (t) => {
  t.same(startsOf([]), [])
  t.same(startsOf([0, 2, 1000]), [0, 2, 1000])
})

t.test('a silence that is shorter than a bucket is no gap', async (t) => {
  const seconds = [0.999, 1, 1.999, 2, 2.999, 3, 3.999, 4, 4.1, 5.05]
  t.same(startsOf(seconds), [0, 1, 2, 3, 4, 5])
})
