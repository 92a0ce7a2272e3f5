import type { Bucket } from './bucket.ts'
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

interface Scale {
  readonly form: number
  /** The smallest value of the bucket before, as an integer of its own form. */
  readonly floor: number
}

/** Answers the floor of the next bucket. */
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

/** What `writeBuckets` was given; throws a RangeError for what is none of its. */
export function readBuckets(bytes: Buffer, lengthMs: number): Bucket[] {
  const reader = new ByteReader(bytes)
  const buckets: Bucket[] = []
  let place = 0
  let floor = 0
  let form = 0
  while (reader.hasMore) {
    const token = reader.unsigned()
    if (token % 2 === 1) form = reader.byte()
    place += Math.floor(token / 2)
    const start = place * lengthMs
    const count = reader.unsigned()
    const firstAt = start + reader.unsigned()
    const times = { start, count, firstAt, lastAt: firstAt + reader.unsigned() }
    if (isDecimal(form)) {
      const read = readDecimals(reader, count, { form, floor })
      floor = read.floor
      buckets.push({ ...times, ...read.values })
    } else buckets.push({ ...times, ...readFloats(reader, form) })
    place += 1
  }
  return buckets
}

function readDecimals(reader: ByteReader, count: number, { form, floor }: Scale) {
  const min = floor + reader.signed()
  const value = () => unscaled(min + reader.unsigned(), form)
  const values = { min: unscaled(min, form), max: value(), first: value(), last: value() }
  const sum = unscaled(min * count + reader.signed(), form)
  return { floor: min, values: { ...values, sum } }
}

function readFloats(reader: ByteReader, form: number) {
  const [min, max, first, last] = [0, 0, 0, 0].map(() => readFloating(reader, form))
  return {
    min: Number(min),
    max: Number(max),
    first: Number(first),
    last: Number(last),
    sum: reader.double(),
  }
}
