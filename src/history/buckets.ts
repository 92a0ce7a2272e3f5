import {
  ByteReader,
  ByteWriter,
  exactBelow,
  formOf,
  formOfFloats,
  isDecimal,
  type NumberForm,
  readFloating,
  scaled,
  unscaled,
  writeFloating,
} from './bytes.ts'
import { isWithin, type TimeRange } from './periods.ts'
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
function sumUnit({ min, max }: Pick<Bucket, 'min' | 'max'>): number {
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

// --- as bytes ---

/**
 * Buckets in the order of their times, in some 15 bytes each. Decimals are integers told from the
 * smallest value, and that from the one of the bucket before; the sum is told from `count` times it.
 */
export function writeBuckets(buckets: readonly Bucket[], lengthMs: number): Buffer {
  const writer = new ByteWriter(buckets.length * 16 + 16)
  let place = 0
  let floor = 0
  let form = 0
  for (const bucket of buckets) {
    const ownForm = formOfAll(bucket)
    const isDecimalOnly = isDecimal(ownForm)
    writer.unsigned((bucket.start / lengthMs - place) * 2 + (ownForm === form ? 0 : 1))
    if (ownForm !== form) writer.byte(ownForm)
    writer.unsigned(bucket.count)
    writer.unsigned(bucket.firstAt - bucket.start)
    writer.unsigned(bucket.lastAt - bucket.firstAt)
    if (isDecimalOnly) floor = writeDecimals(writer, bucket, { form: ownForm, floor })
    else {
      for (const value of [bucket.min, bucket.max, bucket.first, bucket.last]) {
        writeFloating(writer, value, ownForm)
      }
      writer.double(bucket.sum)
    }
    place = bucket.start / lengthMs + 1
    form = ownForm
  }
  return writer.written()
}

/** As `double`, with a sum in a larger unit: those of hubs before 0.2 were in units of 1, whatever came out. */
const huge = 12

interface Scale {
  readonly form: number
  /** The smallest value of the bucket before, as an integer of its own form. */
  readonly floor: number
}

/** Returns the floor of the next bucket. */
function writeDecimals(writer: ByteWriter, bucket: Bucket, { form, floor }: Scale): number {
  const min = scaled(bucket.min, form)
  writer.signed(min - floor)
  for (const value of [bucket.max, bucket.first, bucket.last]) {
    writer.unsigned(scaled(value, form) - min)
  }
  writer.signed(scaled(bucket.sum, form) - min * bucket.count)
  return min
}

/** The form in which all values of a bucket can be said exactly, and their sum as well as it is known. */
function formOfAll(bucket: Bucket): NumberForm {
  const { min, max, first, last } = bucket
  if (sumUnit(bucket) !== 1) return huge
  const values = [min, max, first, last]
  const form = values.reduce(
    (before, value) => (isDecimal(before) ? formOf(value, before) : before),
    0,
  )
  return isDecimal(form) ? formOfSum(bucket, form) : formOfFloats(values)
}

/** What lies between the smallest and the largest value may have more decimals than those. */
function formOfSum(bucket: Bucket, decimals: number): NumberForm {
  const { min, max, first, last, sum, count } = bucket
  const largest = Math.max(Math.abs(min), Math.abs(max)) * count
  for (let form = decimals; isDecimal(form) && scaled(largest, form) < exactBelow; form++) {
    if (Math.abs(unscaled(scaled(sum, form), form) - sum) <= largest * addingError) return form
  }
  return formOfFloats([min, max, first, last])
}

/** By how much a sum of doubles may be wrong, as a part of what was added: its last bits mean nothing. */
const addingError = 1e-13

/** Goes through what `writeBuckets` was given; throws a RangeError for what is none of its. */
export class BucketCursor implements Bucket {
  readonly #reader: ByteReader
  readonly #lengthMs: number
  #place = 0
  #floor = 0
  #form = 0
  start = 0
  count = 0
  min = 0
  max = 0
  sum = 0
  first = 0
  firstAt = 0
  last = 0
  lastAt = 0

  constructor(bytes: Buffer, lengthMs: number) {
    this.#reader = new ByteReader(bytes)
    this.#lengthMs = lengthMs
  }

  /** Goes on to the next bucket; false when there is none. */
  next(): boolean {
    const reader = this.#reader
    if (!reader.hasMore) return false
    const token = reader.unsigned()
    if (token % 2 === 1) this.#form = reader.byte()
    this.#place += Math.floor(token / 2)
    this.start = this.#place * this.#lengthMs
    this.#place += 1
    this.count = reader.unsigned()
    this.firstAt = this.start + reader.unsigned()
    this.lastAt = this.firstAt + reader.unsigned()
    if (isDecimal(this.#form)) this.#readDecimals(reader)
    else this.#readFloats(reader)
    return true
  }

  #readDecimals(reader: ByteReader): void {
    const form = this.#form
    const min = this.#floor + reader.signed()
    this.#floor = min
    this.min = unscaled(min, form)
    this.max = unscaled(min + reader.unsigned(), form)
    this.first = unscaled(min + reader.unsigned(), form)
    this.last = unscaled(min + reader.unsigned(), form)
    this.sum = unscaled(min * this.count + reader.signed(), form)
  }

  #readFloats(reader: ByteReader): void {
    const form = this.#form
    this.min = readFloating(reader, form)
    this.max = readFloating(reader, form)
    this.first = readFloating(reader, form)
    this.last = readFloating(reader, form)
    const sum = reader.double()
    const unit = sumUnit(this)
    if (form === huge || unit === 1) this.sum = sum
    // It is lost: the middle is as good as anything between the two ends.
    else if (!Number.isFinite(sum))
      this.sum = (this.min / unit + this.max / unit) * (this.count / 2)
    else this.sum = sum / unit
  }
}

// --- gaps ---

/** From so many intervals on, it is known how often something is reported. */
const leastIntervals = 3
/** What is longer than so many usual intervals is a gap. */
const gapIntervals = 3

/**
 * The same buckets, with null wherever there was a gap: nothing came for more than three times the usual
 * interval, and for longer than a bucket.
 */
export function withGaps(buckets: readonly Bucket[], bucketMs: number): (Bucket | null)[] {
  const intervals = buckets.slice(1).map(({ firstAt }, at) => firstAt - Number(buckets[at]?.lastAt))
  if (intervals.length < leastIntervals) return [...buckets]
  const usual = Number([...intervals].sort((one, other) => one - other)[intervals.length >> 1])
  const longest = Math.max(gapIntervals * usual, bucketMs)
  return buckets.flatMap((bucket, at) =>
    at > 0 && Number(intervals[at - 1]) > longest ? [null, bucket] : [bucket],
  )
}
