import {
  ByteReader,
  ByteWriter,
  formOf,
  isDecimal,
  readFloating,
  scaled,
  unscaled,
  unzigzag,
  writeFloating,
  zigzag,
} from './bytes.ts'

/** A value and when it came, in whole milliseconds since 1970. */
export interface Point {
  readonly at: number
  readonly value: number
}

/**
 * Points of one series, in the order they came, in a few bytes each: of a time, how much longer or
 * shorter the interval is than the one before; of a value, the difference to the one before. A bit in
 * front of each point tells that the form of its value changes.
 */
export class RawBlockWriter {
  readonly #writer = new ByteWriter()
  #at: number
  #interval = 0
  #form = 0
  /** The decimals of the latest decimal. */
  #decimals = 0
  #integer = 0

  /** `startAt`: times are told from here. */
  constructor(startAt: number) {
    this.#at = startAt
  }

  get length(): number {
    return this.#writer.length
  }

  /** All so far; what is added later does not change it. */
  written(): Buffer {
    return this.#writer.written()
  }

  /** `value` is finite. */
  add(at: number, value: number): void {
    const isFirst = this.length === 0
    const interval = at - this.#at
    const form = formOf(value, this.#decimals)
    const hasChanged = form !== this.#form
    this.#writer.unsigned(zigzag(interval - this.#interval) * 2 + (hasChanged ? 1 : 0))
    if (hasChanged) this.#writer.byte(form)
    this.#at = at
    // From the start to the first point it is no interval.
    this.#interval = isFirst ? 0 : interval
    this.#form = form
    this.#addValue(value)
  }

  #addValue(value: number): void {
    if (!isDecimal(this.#form)) {
      writeFloating(this.#writer, value, this.#form)
      return
    }
    const integer = scaled(value, this.#form)
    // With more decimals than before, the one before has no integer that surely is exact.
    const before = this.#form === this.#decimals ? this.#integer : 0
    this.#writer.signed(integer - before)
    this.#decimals = this.#form
    this.#integer = integer
  }
}

/** The points of a block, one after the other; throws a RangeError for what is none. */
export class RawBlockCursor implements Point {
  readonly #reader: ByteReader
  at: number
  value = 0
  #isFirst = true
  #interval = 0
  #form = 0
  #decimals = 0
  #integer = 0

  constructor(bytes: Buffer, startAt: number) {
    this.#reader = new ByteReader(bytes)
    this.at = startAt
  }

  /** Goes on to the next point; false when there is none. */
  next(): boolean {
    const reader = this.#reader
    if (!reader.hasMore) return false
    const token = reader.unsigned()
    const interval = this.#interval + unzigzag(Math.floor(token / 2))
    if (token % 2 === 1) this.#form = reader.byte()
    this.at += interval
    this.#interval = this.#isFirst ? 0 : interval
    this.#isFirst = false
    this.value = this.#readValue(reader)
    return true
  }

  #readValue(reader: ByteReader): number {
    if (!isDecimal(this.#form)) return readFloating(reader, this.#form)
    const before = this.#form === this.#decimals ? this.#integer : 0
    this.#integer = before + reader.signed()
    this.#decimals = this.#form
    return unscaled(this.#integer, this.#form)
  }
}

// --- many of them ---

/** Something that has a next point until it has none. */
export interface PointSource {
  /** The time of the point it is at. */
  readonly at: number
  /** Goes on to the next point; false when there is none. */
  next(): boolean
}

/**
 * Goes through the points of all sources in the order of their times, as long as each source is in that
 * order itself; of points at the same time, those of earlier sources come first.
 */
export function* merged<T extends PointSource>(sources: readonly T[]): Generator<T> {
  const heap = sources
    .map((source, place) => ({ source, place }))
    .filter(({ source }) => source.next())
    .sort(order)
  for (let [first] = heap; first !== undefined; [first] = heap) {
    yield first.source
    if (!first.source.next()) {
      const last = heap.pop()
      if (last === undefined || last === first) continue
      heap[0] = last
    }
    sink(heap)
  }
}

interface Placed {
  readonly source: PointSource
  readonly place: number
}

function order(one: Placed, other: Placed): number {
  return one.source.at - other.source.at || one.place - other.place
}

/** A binary heap: each item comes before the two at twice its place. Puts the one at `at` in its place. */
function sink(heap: Placed[], at = 0): void {
  const to = earlierBelow(heap, at)
  const [self, other] = [heap[at], heap[to]]
  if (self === undefined || other === undefined || order(self, other) <= 0) return
  heap[at] = other
  heap[to] = self
  sink(heap, to)
}

/** Where the earlier one is of the two below `at`. */
function earlierBelow(heap: readonly Placed[], at: number): number {
  const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]]
  const isRight = left !== undefined && right !== undefined && order(right, left) < 0
  return 2 * at + (isRight ? 2 : 1)
}
