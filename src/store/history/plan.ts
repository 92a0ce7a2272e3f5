import { bucketMs, dayMs, hourMs, minuteMs, type Tier, tiers } from './tiers.ts'

/** From `from` until before `to`, in whole milliseconds since 1970. */
export interface TimeRange {
  readonly from: number
  readonly to: number
}

export function isWithin(at: number, { from, to }: TimeRange): boolean {
  return at >= from && at < to
}

/** How a range is to be told in at most so many buckets. */
export interface Plan extends TimeRange {
  /** Where its points are read. */
  readonly tier: Tier
  readonly bucketMs: number
}

const secondMs = 1000

/** Lengths of buckets that people can name; each of those from a minute on is whole minutes or hours. */
const lengths: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 20, 30].map((seconds) => seconds * secondMs),
  ...[1, 2, 3, 5, 10, 15, 20, 30].map((minutes) => minutes * minuteMs),
  ...[1, 2, 3, 4, 6, 8, 12].map((hours) => hours * hourMs),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((days) => days * dayMs),
]

/**
 * The shortest buckets of which at most `points` cover the range, and the coarsest tier that has them;
 * the range grows to whole buckets. `lostUntil`: before that, a tier does not have everything.
 */
export function planOf(
  { from, to }: TimeRange,
  points: number,
  lostUntil: (tier: Tier) => number,
): Plan {
  const complete = tiersSince(from, lostUntil)
  const tierWith = (length: number) => complete.findLast((tier) => length >= shortest[tier])
  const isFit = (length: number) => Math.ceil(to / length) - Math.floor(from / length) <= points
  const planWith = (length: number): Plan | undefined => {
    const tier = tierWith(length)
    if (tier === undefined || !isFit(length)) return undefined
    const whole = { from: Math.floor(from / length) * length, to: Math.ceil(to / length) * length }
    return { ...whole, bucketMs: length, tier }
  }
  let plan = planWith(lengthAt(0))
  for (let at = 1; plan === undefined; at += 1) plan = planWith(lengthAt(at))
  return plan
}

/** Past the list, each is twice as long as the one before. */
function lengthAt(at: number): number {
  return lengths[at] ?? Number(lengths.at(-1)) * 2 ** (at - lengths.length + 1)
}

/** The shortest buckets that each tier can tell. */
const shortest: Readonly<Record<Tier, number>> = { raw: 0, ...bucketMs }

/**
 * The tiers that have everything since `from`, the one with the most detail first; of none, the one that
 * reaches back the furthest.
 */
function tiersSince(
  from: number,
  lostUntil: (tier: Tier) => number,
): readonly [Tier, ...(readonly Tier[])] {
  const [finest, ...others] = tiers.filter((tier) => from >= lostUntil(tier))
  if (finest !== undefined) return [finest, ...others]
  return [tiers.reduce((one, other) => (lostUntil(other) < lostUntil(one) ? other : one))]
}

/** The tier with the most detail of those that have everything since `from`. */
export function finestTier(from: number, lostUntil: (tier: Tier) => number): Tier {
  return tiersSince(from, lostUntil)[0]
}
