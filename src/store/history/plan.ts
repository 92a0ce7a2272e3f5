import { bucketMs, bucketTiers, dayMs, hourMs, minuteMs, type Tier } from './tiers.ts'

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
  const shortest = shortestAt(from, lostUntil)
  const isFit = (length: number) =>
    length >= shortest && Math.ceil(to / length) - Math.floor(from / length) <= points
  let at = 0
  while (!isFit(lengthAt(at))) at += 1
  const length = lengthAt(at)
  const whole = { from: Math.floor(from / length) * length, to: Math.ceil(to / length) * length }
  return { ...whole, bucketMs: length, tier: tierWith(length) }
}

/** Past the list, each is twice as long as the one before. */
function lengthAt(at: number): number {
  return lengths[at] ?? Number(lengths.at(-1)) * 2 ** (at - lengths.length + 1)
}

/** The shortest buckets there are from that time on. */
function shortestAt(from: number, lostUntil: (tier: Tier) => number): number {
  if (from >= lostUntil('raw')) return 0
  return from >= lostUntil('minute') ? bucketMs.minute : bucketMs.hour
}

/** The tier with the longest buckets of which such a length is a multiple. */
function tierWith(length: number): Tier {
  return bucketTiers.findLast((tier) => length >= bucketMs[tier]) ?? 'raw'
}

/** The tier with the most detail of those that have everything since `from`. */
export function finestTier(from: number, lostUntil: (tier: Tier) => number): Tier {
  if (from >= lostUntil('raw')) return 'raw'
  return from >= lostUntil('minute') ? 'minute' : 'hour'
}
