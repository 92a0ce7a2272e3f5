import { type Bucket, sumUnit } from './bucket.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import {
  formOf,
  formOfFloats,
  isDecimal,
  type NumberForm,
  readFloating,
  scaled,
  unscaled,
  writeFloating,
} from './number-form.ts'

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

/** So that the difference of two, with its sign, still is an exact number. */
const exactBelow = 2 ** 50

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
