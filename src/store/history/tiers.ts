/** What is kept of a series: every point for a day, and buckets of a minute and of an hour for longer. */
export type Tier = 'raw' | 'minute' | 'hour'

/** The tiers whose points are put together to buckets. */
export type BucketTier = Exclude<Tier, 'raw'>

export const bucketTiers: readonly BucketTier[] = ['minute', 'hour']
export const tiers: readonly Tier[] = ['raw', ...bucketTiers]

export const minuteMs = 60_000
export const hourMs = 3_600_000
export const dayMs = 86_400_000

export const bucketMs: Readonly<Record<BucketTier, number>> = { minute: minuteMs, hour: hourMs }

/** What is stored together, and given up together. */
export const periodMs: Readonly<Record<Tier, number>> = {
  raw: hourMs,
  minute: dayMs,
  hour: 30 * dayMs,
}

/** The number of the period that a time is in. */
export function periodOf(tier: Tier, at: number): number {
  return Math.floor(at / periodMs[tier])
}

/** When a period begins. */
export function startOfPeriod(tier: Tier, period: number): number {
  return period * periodMs[tier]
}
