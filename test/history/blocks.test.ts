import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  type Bucket,
  BucketCursor,
  BucketTable,
  meanOf,
  writeBuckets,
} from '../../src/history/buckets.ts'
import { ByteReader, ByteWriter } from '../../src/history/bytes.ts'
import { type Point, RawBlockCursor, RawBlockWriter } from '../../src/history/raw-block.ts'

const hourMs = 3_600_000
const startAt = 1_795_219_200_000

/** What is not -0, which nobody measures. */
const values = fc
  .oneof(
    fc.integer({ min: -1_000_000, max: 1_000_000 }).map((cents) => cents / 100),
    fc.integer({ min: -5, max: 5 }),
    fc.double({ noNaN: true, min: -1e200, max: 1e200 }),
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc.maxSafeInteger(),
  )
  .map((value) => value + 0)

const points = fc.array(
  fc
    .tuple(fc.integer({ min: startAt, max: startAt + hourMs - 1 }), values)
    .map(([at, value]) => ({ at, value })),
)

function written(all: readonly Point[]): RawBlockWriter {
  const writer = new RawBlockWriter(startAt)
  for (const { at, value } of all) writer.add(at, value)
  return writer
}

function pointsIn(bytes: Buffer): Point[] {
  const cursor = new RawBlockCursor(bytes, startAt)
  const found: Point[] = []
  while (cursor.next()) found.push({ at: cursor.at, value: cursor.value })
  return found
}

function readBuckets(bytes: Buffer, lengthMs: number): Bucket[] {
  const cursor = new BucketCursor(bytes, lengthMs)
  const found: Bucket[] = []
  while (cursor.next()) found.push({ ...cursor })
  return found
}

function bucketsOf(all: readonly Point[], lengthMs: number): Bucket[] {
  const table = new BucketTable(lengthMs)
  for (const point of all) table.addPoint(point)
  return table.sorted()
}

t.test('numbers come out of bytes as they went in', async (t) => {
  const writer = new ByteWriter(1)
  const unsigned = [0, 127, 128, 2 ** 28 - 1, 2 ** 28, 2 ** 53]
  const signed = [0, -1, 1, -64, 64, 2 ** 51, -(2 ** 51)]
  for (const value of unsigned) writer.unsigned(value)
  for (const value of signed) writer.signed(value)
  writer.float(0.5)
  writer.double(0.1)
  const reader = new ByteReader(writer.written())
  t.same(
    unsigned.map(() => reader.unsigned()),
    unsigned,
  )
  t.same(
    signed.map(() => reader.signed()),
    signed,
  )
  t.equal(reader.float(), 0.5)
  t.equal(reader.double(), 0.1)
  t.notOk(reader.hasMore)
  t.throws(() => reader.byte(), RangeError)
})

t.test('whatever points go into a block come out of it, in order', async () => {
  fc.assert(
    fc.property(points, (all) => {
      assert.deepEqual(pointsIn(written(all).written()), all)
    }),
  )
})

t.test('what was taken from a block stays as it was while the block grows', async (t) => {
  const writer = written([{ at: startAt + 5, value: 1.5 }])
  const before = writer.written()
  const copy = Buffer.from(before)
  for (let at = 0; at < 1000; at++) writer.add(startAt + at, at / 7)
  t.same(before, copy)
})

t.test('a reading a second takes less than three bytes', async (t) => {
  const writer = new RawBlockWriter(startAt)
  for (let second = 0; second < 3600; second++) {
    const jitterMs = (second * 7919) % 11
    const hundredths = 2000 + Math.round(100 * Math.sin(second / 300)) + ((second * 31) % 9)
    writer.add(startAt + second * 1000 + jitterMs, hundredths / 100)
  }
  t.ok(writer.length < 3 * 3600, String(writer.length / 3600))
})

t.test('buckets are what a plain count of their points says', async () => {
  fc.assert(
    fc.property(points, (all) => {
      for (const bucket of bucketsOf(all, 60_000)) {
        const within = all
          .map((point, order) => ({ ...point, order }))
          .filter(({ at }) => at >= bucket.start && at < bucket.start + 60_000)
          .sort((one, other) => one.at - other.at || one.order - other.order)
        const plain = within.map(({ value }) => value)
        assert.equal(bucket.count, within.length)
        assert.equal(bucket.min, Math.min(...plain))
        assert.equal(bucket.max, Math.max(...plain))
        assert.equal(bucket.first, plain[0])
        assert.equal(bucket.last, plain.at(-1))
        assert.equal(bucket.firstAt, within[0]?.at)
        assert.equal(bucket.lastAt, within.at(-1)?.at)
      }
    }),
  )
})

t.test('buckets come out of bytes as they went in', async () => {
  fc.assert(
    fc.property(points, (all) => {
      const buckets = bucketsOf(all, 60_000)
      const read = readBuckets(writeBuckets(buckets, 60_000), 60_000)
      const tolerance = 2e-13 * Math.max(0, ...all.map(({ value }) => Math.abs(value)))
      for (const [at, bucket] of buckets.entries()) {
        const { sum, ...rest } = bucket
        const { sum: readSum, ...readRest } = read[at] ?? bucket
        assert.deepEqual(readRest, rest)
        assert.ok(
          sum === readSum || Math.abs(sum - readSum) <= tolerance * bucket.count,
          String([sum, readSum]),
        )
      }
      assert.equal(read.length, buckets.length)
    }),
  )
})

t.test('it is the same to count points at once, or in parts that are put together', async () => {
  fc.assert(
    fc.property(points, fc.nat(), (all, cut) => {
      const at = cut % (all.length + 1)
      const table = new BucketTable(hourMs)
      for (const part of [all.slice(0, at), all.slice(at)]) {
        for (const bucket of bucketsOf(part, 60_000)) table.addBucket(bucket)
      }
      const strip = (buckets: Bucket[]) => buckets.map(({ sum: _, ...rest }) => rest)
      assert.deepEqual(
        strip(table.sorted()).map(({ count }) => count),
        all.length > 0 ? [all.length] : [],
      )
      const [whole] = strip(bucketsOf(all, hourMs))
      const [parts] = strip(table.sorted())
      // Of points at the same time in different parts, the order of the parts counts.
      assert.deepEqual(
        [parts?.min, parts?.max, parts?.firstAt, parts?.lastAt],
        [whole?.min, whole?.max, whole?.firstAt, whole?.lastAt],
      )
      assert.deepEqual([parts?.first, parts?.last], [whole?.first, whole?.last])
    }),
  )
})

t.test(
  'a sum is kept as it is, whatever decimals the smallest and the largest value have',
  async (t) => {
    const between = [20.1, 20.15, 20.125, 20.3].map((value, at) => ({ at: startAt + at, value }))
    const readSumOf = (all: readonly Point[]) =>
      readBuckets(writeBuckets(bucketsOf(all, hourMs), hourMs), hourMs)[0]?.sum
    t.equal(readSumOf([...between, { at: startAt + 9, value: 20.1 }]), 100.775)
    // Ten decimals are more than a decimal is kept with.
    const thirds = [0, 1 / 3, 1].map((value, at) => ({ at: startAt + at, value }))
    t.equal(readSumOf([...thirds, { at: startAt + 9, value: 1 }]), 1 / 3 + 1 + 1)
  },
)

/** Of any size: counters of 64 bits, and what is as large as numbers get. */
const anyValues = fc
  .oneof(
    values,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: -3, max: 3 }).map((value) => Number.MAX_SAFE_INTEGER - value),
    fc.constantFrom(1e308, 1.7e308, -1e308, Number.MAX_VALUE, -Number.MAX_VALUE, 5e-324),
  )
  .map((value) => value + 0)
const anyPoints = fc.array(
  fc
    .tuple(fc.integer({ min: startAt, max: startAt + hourMs - 1 }), anyValues)
    .map(([at, value]) => ({ at, value })),
  { minLength: 1 },
)

function assertMean(bucket: Bucket | undefined, all: readonly Point[]): void {
  assert.ok(bucket !== undefined)
  const mean = meanOf(bucket)
  assert.ok(mean >= bucket.min && mean <= bucket.max, String([bucket.min, mean, bucket.max]))
  // Divided first, nothing is too large; and what is off is a part of the largest.
  const plain = all.reduce((sum, { value }) => sum + value / all.length, 0)
  const scale = Math.max(...all.map(({ value }) => Math.abs(value)))
  assert.ok(Math.abs(mean - plain) <= 1e-11 * scale + 1e-300, String([mean, plain]))
}

t.test('a mean is the mean, and between the smallest and the largest, however large', async () => {
  fc.assert(
    fc.property(anyPoints, fc.nat(), (all, cut) => {
      const [whole] = bucketsOf(all, hourMs)
      assertMean(whole, all)
      assertMean(readBuckets(writeBuckets(bucketsOf(all, hourMs), hourMs), hourMs)[0], all)
      const at = cut % all.length
      const table = new BucketTable(hourMs)
      for (const part of [all.slice(0, at), all.slice(at)]) {
        const stored = writeBuckets(bucketsOf(part, 60_000), 60_000)
        for (const bucket of readBuckets(stored, 60_000)) table.addBucket(bucket)
      }
      assertMean(table.sorted()[0], all)
    }),
    { numRuns: 500 },
  )
})

t.test('of huge values that 0.1 has put together, the mean is told, or the middle', async (t) => {
  const double = 11
  const meanIn = (min: number, max: number, sum: number) => {
    const writer = new ByteWriter()
    writer.unsigned((startAt / hourMs) * 2 + 1)
    writer.byte(double)
    for (const number of [2, 0, 5]) writer.unsigned(number)
    for (const each of [min, max, min, max, sum]) writer.double(each)
    const [bucket] = readBuckets(writer.written(), hourMs)
    return bucket && meanOf(bucket)
  }
  t.equal(meanIn(1e308, 1.5e308, Number.POSITIVE_INFINITY), 1.25e308)
  t.equal(meanIn(1e308, 1.5e308, Number.NaN), 1.25e308)
  t.equal(meanIn(-1e308, 1e308, 5e307), 2.5e307)
})
