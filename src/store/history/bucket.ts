import { isWithin, type TimeRange } from './plan.ts'
import { type Point, RawBlockCursor } from './raw-block.ts'

/** What is left of the points of a stretch of time. */
export interface Bucket {
  /** When the stretch begins: a multiple of its length since 1970. */
  readonly start: number
  readonly count: number
  readonly min: number
  readonly max: number
  readonly sum: number
  /** The earliest value, and when it came. */
  readonly first: number
  readonly firstAt: number
  /** The latest value, and when it came. */
  readonly last: number
  readonly lastAt: number
}

type Growing = { -readonly [Key in keyof Bucket]: Bucket[Key] }

/** Puts points and buckets together to buckets of `lengthMs`. */
export class BucketTable {
  readonly #lengthMs: number
  readonly #buckets = new Map<number, Growing>()
  /** The one that was looked for last: most points follow the one before. */
  #latest: Growing | undefined

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs
  }

  /** Of points at the same time, the one that is added first counts as the earlier one. */
  addPoint({ at, value }: Point): void {
    const start = startOf(at, this.#lengthMs)
    const bucket = this.#find(start)
    if (bucket === undefined) this.#put(bucketOf(start, at, value))
    else {
      bucket.count += 1
      bucket.sum += value
      if (value < bucket.min) bucket.min = value
      if (value > bucket.max) bucket.max = value
      if (at < bucket.firstAt) {
        bucket.first = value
        bucket.firstAt = at
      }
      if (at >= bucket.lastAt) {
        bucket.last = value
        bucket.lastAt = at
      }
    }
  }

  /** `other` lies within one bucket; its points came later than those that were added before. */
  addBucket(other: Bucket): void {
    const start = startOf(other.start, this.#lengthMs)
    const bucket = this.#find(start)
    if (bucket === undefined) this.#put(copyOf(other, start))
    else {
      bucket.count += other.count
      bucket.sum += other.sum
      bucket.min = Math.min(bucket.min, other.min)
      bucket.max = Math.max(bucket.max, other.max)
      if (other.firstAt < bucket.firstAt) {
        bucket.first = other.first
        bucket.firstAt = other.firstAt
      }
      if (other.lastAt >= bucket.lastAt) {
        bucket.last = other.last
        bucket.lastAt = other.lastAt
      }
    }
  }

  /** Adds the points in `range` of a block whose times are told from `startAt`. */
  addBlock(bytes: Buffer, startAt: number, range: TimeRange): void {
    const cursor = new RawBlockCursor(bytes, startAt)
    while (cursor.next()) if (isWithin(cursor.at, range)) this.addPoint(cursor)
  }

  #find(start: number): Growing | undefined {
    if (this.#latest?.start !== start) this.#latest = this.#buckets.get(start)
    return this.#latest
  }

  #put(bucket: Growing): void {
    this.#buckets.set(bucket.start, bucket)
    this.#latest = bucket
  }

  /** In the order of their times. */
  sorted(): Bucket[] {
    return [...this.#buckets.values()].sort((one, other) => one.start - other.start)
  }
}

/** When the bucket begins that `at` is in. */
function startOf(at: number, lengthMs: number): number {
  return Math.floor(at / lengthMs) * lengthMs
}

function copyOf(
  { count, min, max, sum, first, firstAt, last, lastAt }: Bucket,
  start: number,
): Growing {
  return { start, count, min, max, sum, first, firstAt, last, lastAt }
}

function bucketOf(start: number, at: number, value: number): Growing {
  const one = { min: value, max: value, sum: value, first: value, last: value }
  return { start, count: 1, ...one, firstAt: at, lastAt: at }
}
