import type { Bucket } from './bucket.ts'

/** From so many intervals on, a rhythm is known. */
const leastIntervals = 3
/** A silence that is longer than so many usual intervals is a gap. */
const patience = 3

/**
 * The same buckets, with null wherever there was a gap: nothing came for more than three times the usual
 * interval, and for longer than a bucket.
 */
export function withGaps(buckets: readonly Bucket[], bucketMs: number): (Bucket | null)[] {
  const silences = buckets.slice(1).map(({ firstAt }, at) => firstAt - Number(buckets[at]?.lastAt))
  if (silences.length < leastIntervals) return [...buckets]
  const usual = Number([...silences].sort((one, other) => one - other)[silences.length >> 1])
  const longest = Math.max(patience * usual, bucketMs)
  return buckets.flatMap((bucket, at) =>
    at > 0 && Number(silences[at - 1]) > longest ? [null, bucket] : [bucket],
  )
}
