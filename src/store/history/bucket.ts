import { isWithin, type TimeRange } from './plan.ts'
import { type Point, RawBlockCursor } from './raw-block.ts'

/** What is left of the points of a stretch of time. */
export interface Bucket {
  /** When the stretch begins: a multiple of its length since 1970. */
  readonly start: number
  readonly count: number
  readonly min: number
  readonly max: number
  /** Of all values, in units of `sumUnit`. */
  readonly sum: number
  /** The earliest value, and when it came. */
  readonly first: number
  readonly firstAt: number
  /** The latest value, and when it came. */
  readonly last: number
  readonly lastAt: number
}

/** Beyond this, the sum of some values is past the largest number there is. */
const hugeFrom = 2 ** 900
const hugeUnit = 2 ** 100

/** In what the sum of values between two is told: a power of two, so that nothing is lost by it. */
export function sumUnit({ min, max }: Pick<Bucket, 'min' | 'max'>): number {
  return isHuge(min) || isHuge(max) ? hugeUnit : 1
}

function isHuge(value: number): boolean {
  return value > hugeFrom || value < -hugeFrom
}

/** What its values are in the middle; between the smallest and the largest, however they are rounded. */
export function meanOf(bucket: Pick<Bucket, 'sum' | 'count' | 'min' | 'max'>): number {
  const { sum, count, min, max } = bucket
  return Math.min(max, Math.max(min, (sum / count) * sumUnit(bucket)))
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
      if (value < bucket.min) widen(bucket, value, bucket.max)
      if (value > bucket.max) widen(bucket, bucket.min, value)
      bucket.sum += value / sumUnit(bucket)
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
      widen(bucket, Math.min(bucket.min, other.min), Math.max(bucket.max, other.max))
      bucket.sum += other.sum * (sumUnit(other) / sumUnit(bucket))
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

/** Its sum stays what it is, in another unit if need be. */
function widen(bucket: Growing, min: number, max: number): void {
  const before = sumUnit(bucket)
  bucket.min = min
  bucket.max = max
  bucket.sum *= before / sumUnit(bucket)
}

function copyOf(
  { count, min, max, sum, first, firstAt, last, lastAt }: Bucket,
  start: number,
): Growing {
  return { start, count, min, max, sum, first, firstAt, last, lastAt }
}

function bucketOf(start: number, at: number, value: number): Growing {
  const sum = value / sumUnit({ min: value, max: value })
  const one = { min: value, max: value, sum, first: value, last: value }
  return { start, count: 1, ...one, firstAt: at, lastAt: at }
}
