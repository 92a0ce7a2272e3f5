import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { dayMs, hourMs, minuteMs } from '../../src/history/periods.ts'
import { finestTier, planOf } from '../../src/history/read-history.ts'
import { midnight } from './opened-history.ts'

const lost = { raw: midnight - dayMs, minute: midnight - 30 * dayMs, hour: 0 }
const lostUntil = (tier: keyof typeof lost) => lost[tier]
const nothingLost = () => 0

t.test(
  'buckets have lengths that people can name, and are read where that is cheapest',
  async (t) => {
    const planFor = (spanMs: number, points: number) => {
      const range = { from: midnight - spanMs, to: midnight }
      const { bucketMs, tier } = planOf(range, points, nothingLost)
      return [bucketMs, tier]
    }
    t.same(planFor(10_000, 500), [20, 'raw'])
    t.same(planFor(hourMs, 500), [10_000, 'raw'])
    t.same(planFor(dayMs, 500), [3 * minuteMs, 'minute'])
    t.same(planFor(7 * dayMs, 500), [30 * minuteMs, 'minute'])
    t.same(planFor(30 * dayMs, 500), [2 * hourMs, 'hour'])
    t.same(planFor(730 * dayMs, 500), [2 * dayMs, 'hour'])
  },
)

t.test('what is not there any more in detail is told in longer buckets', async (t) => {
  const planFrom = (from: number) => planOf({ from, to: from + 1000 }, 500, lostUntil)
  t.match(planFrom(midnight - hourMs), { bucketMs: 2, tier: 'raw' })
  t.match(planFrom(midnight - 2 * dayMs), { bucketMs: minuteMs, tier: 'minute' })
  t.match(planFrom(midnight - 40 * dayMs), { bucketMs: hourMs, tier: 'hour' })
  t.equal(finestTier(midnight - hourMs, lostUntil), 'raw')
  t.equal(finestTier(midnight - 2 * dayMs, lostUntil), 'minute')
  t.equal(finestTier(midnight - 40 * dayMs, lostUntil), 'hour')
})

t.test('a chart is read where everything is, whichever is kept the longest', async (t) => {
  const planWith = (lost: Record<'raw' | 'minute' | 'hour', number>) =>
    planOf({ from: midnight - 60 * dayMs, to: midnight - 59 * dayMs }, 500, (tier) => lost[tier])
  const never = midnight
  t.match(planWith({ raw: 0, minute: never, hour: 0 }), { bucketMs: 3 * minuteMs, tier: 'raw' })
  t.match(planWith({ raw: never, minute: 0, hour: never }), {
    bucketMs: 3 * minuteMs,
    tier: 'minute',
  })
  const lost = { raw: midnight, minute: midnight - 2 * dayMs, hour: midnight - dayMs }
  t.match(planWith(lost), { tier: 'minute' }, 'of none, the one that reaches back the furthest')
})

t.test('a plan covers its range with whole buckets, and never with too many', async () => {
  const times = fc.integer({ min: 0, max: 253_402_300_799_999 })
  fc.assert(
    fc.property(times, times, fc.integer({ min: 1, max: 10_000 }), (one, other, points) => {
      const range = { from: Math.min(one, other), to: Math.max(one, other) + 1 }
      const { from, to, bucketMs } = planOf(range, points, nothingLost)
      assert.ok(from <= range.from && to >= range.to)
      assert.ok(Number.isInteger(from / bucketMs) && Number.isInteger(to / bucketMs))
      assert.ok((to - from) / bucketMs <= points)
    }),
  )
})
