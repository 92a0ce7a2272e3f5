/** Points and buckets as lines of text: for programs, and for spreadsheets. */

import { setImmediate as turnOver } from 'node:timers/promises'
import { isoTime } from '../../core/clock.ts'
import type { Bucket } from '../../history/buckets.ts'
import type { SeriesSnapshot } from '../../history/history.ts'
import { type BucketTier, isWithin, type Tier, type TimeRange } from '../../history/periods.ts'
import { merged, type Point, RawBlockCursor } from '../../history/raw-block.ts'
import { finestTier, type Plan, planOf, sameSeries, summarize } from '../../history/read-history.ts'
import type { Series } from '../../history/series.ts'
import { columns, type HistorySource, rowOf } from './history-answer.ts'

/** How lines are written, each with its end. */
export interface LineFormat {
  readonly type: string
  /** What stands before all lines of points, or of buckets. */
  readonly pointHeader: string
  readonly bucketHeader: string
  /** Lines of the points of a series, and of its buckets. */
  point(series: Series): (point: Point) => string
  bucket(series: Series): (bucket: Bucket) => string
}

type Named = Pick<Series, 'topic' | 'quantity' | 'unit' | 'isBoolean'>

/** A JSON object a line. */
export const ndjson: LineFormat = {
  type: 'application/x-ndjson',
  pointHeader: '',
  bucketHeader: '',
  point: ndjsonPoint,
  bucket: (series) => {
    const names = namesIn(series)
    return (bucket) => {
      const [at, ...rest] = rowOf(bucket)
      const numbers = columns.slice(1).map((column, place) => [column, rest[place]])
      const row = { at: isoTime(at), ...names, ...Object.fromEntries(numbers) }
      return `${JSON.stringify(row)}\n`
    }
  },
}

/** A point as one line of JSON. */
export function ndjsonPoint(series: Named): (point: Point) => string {
  const head = `${JSON.stringify(namesIn(series)).slice(1, -1)},"value":`
  const textOf = valueTexts(series)
  return ({ at, value }) => `{"at":"${isoTime(at)}",${head}${textOf(value)}}\n`
}

function namesIn({ topic, quantity, unit }: Named) {
  return { topic, quantity, ...(unit !== undefined && { unit }) }
}

function valueTexts({ isBoolean }: Named): (value: number) => string {
  return isBoolean ? (value) => String(value === 1) : String
}

const lineEnd = '\r\n'

/** Comma-separated values as in RFC 4180. */
export const csv: LineFormat = {
  type: 'text/csv; charset=utf-8; header=present',
  pointHeader: `at,topic,quantity,value,unit${lineEnd}`,
  bucketHeader: `at,topic,quantity,${columns.slice(1).join(',')},unit${lineEnd}`,
  point: (series) => {
    const { head, tail } = cellsOf(series)
    const textOf = valueTexts(series)
    return ({ at, value }) => `${isoTime(at)},${head},${textOf(value)},${tail}`
  },
  bucket: (series) => {
    const { head, tail } = cellsOf(series)
    return (bucket) => {
      const [at, ...rest] = rowOf(bucket)
      return `${isoTime(at)},${head},${rest.join(',')},${tail}`
    }
  },
}

/** By this, spreadsheets tell UTF-8 from the encoding of old files of their country. */
const byteOrderMark = '\uFEFF'

/** The same for spreadsheets, which would show ℃ as â„ƒ otherwise. */
export const csvWithMark: LineFormat = {
  ...csv,
  pointHeader: byteOrderMark + csv.pointHeader,
  bucketHeader: byteOrderMark + csv.bucketHeader,
}

function cellsOf({ topic, quantity, unit = '' }: Named) {
  return { head: `${cell(topic)},${cell(quantity)}`, tail: cell(unit) + lineEnd }
}

/** What a spreadsheet would take for a formula begins with one of these; OWASP, "CSV Injection". */
const formula = /^[=+\-@\t\r]/

/** A text that somebody else chose, as a cell: an apostrophe makes it text to every spreadsheet. */
function cell(text: string): string {
  const safe = formula.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

// --- all of a range ---

/** Says something of a series as a line of text. */
type LineOf<T> = (series: SeriesSnapshot) => (item: T) => string

interface Stretch {
  readonly series: readonly SeriesSnapshot[]
  readonly range: TimeRange
}

export interface Exported extends Stretch {
  /** The detail; without it, the most that reaches back to the beginning of the range. */
  readonly resolution: Tier | undefined
  /** Whether it is told in at most so many buckets a series. */
  readonly isInBuckets: boolean
  readonly points: number
}

/** About so many characters go out at a time. */
const chunkCharacters = 32_768

/** All of a range, one series after the other, in pieces of text. */
export async function* exportChunks(
  history: HistorySource,
  { series, range, resolution, isInBuckets, points }: Exported,
  format: LineFormat,
): AsyncGenerator<string> {
  const { lostUntil } = history
  if (isInBuckets) {
    const plan = planOf(range, points, lostUntil)
    yield format.bucketHeader
    yield* summaryChunks(history, { series, plan }, format.bucket)
    return
  }
  const tier = resolution ?? finestTier(range.from, lostUntil)
  yield tier === 'raw' ? format.pointHeader : format.bucketHeader
  if (tier === 'raw') yield* pointChunks(history, { series, range }, format.point)
  else yield* bucketChunks(history, { series, range, tier }, format.bucket)
}

async function* pointChunks(
  history: HistorySource,
  { series, range }: Stretch,
  lineOf: LineOf<Point>,
): AsyncGenerator<string> {
  for (const each of series) {
    const line = lineOf(each)
    for (const hour of history.periods(each, 'raw', range)) {
      for await (const { bytes, startAt } of history.blocks(each, hour)) {
        yield* chunked(linesIn(new RawBlockCursor(bytes, startAt), range, line))
      }
    }
  }
}

async function* summaryChunks(
  history: HistorySource,
  { series, plan }: { readonly series: readonly SeriesSnapshot[]; readonly plan: Plan },
  lineOf: LineOf<Bucket>,
): AsyncGenerator<string> {
  for (const same of sameSeries(series)) {
    yield* chunked((await summarize(history, same, plan)).map(lineOf(same[0])))
  }
}

function* linesIn(cursor: RawBlockCursor, range: TimeRange, line: (point: Point) => string) {
  while (cursor.next()) if (isWithin(cursor.at, range)) yield line(cursor)
}

/** Every point of all series together, in the order of their times. */
export async function* mergedChunks(
  history: HistorySource,
  { series, range }: Stretch,
  lineOf: LineOf<Point>,
): AsyncGenerator<string> {
  const hours = new Set(series.flatMap((each) => history.periods(each, 'raw', range)))
  for (const hour of [...hours].sort((one, other) => one - other)) {
    const sources: SeriesCursor[] = []
    for (const each of series) {
      const line = lineOf(each)
      for await (const { bytes, startAt } of history.blocks(each, hour)) {
        sources.push(new SeriesCursor(bytes, startAt, line))
      }
    }
    yield* chunked(mergedLines(sources, range))
  }
}

class SeriesCursor extends RawBlockCursor {
  readonly line: (point: Point) => string

  constructor(bytes: Buffer, startAt: number, line: (point: Point) => string) {
    super(bytes, startAt)
    this.line = line
  }
}

function* mergedLines(sources: readonly SeriesCursor[], range: TimeRange) {
  for (const source of merged(sources)) if (isWithin(source.at, range)) yield source.line(source)
}

/** The buckets of a tier, one series after the other. */
async function* bucketChunks(
  history: HistorySource,
  { series, range, tier }: Stretch & { readonly tier: BucketTier },
  lineOf: LineOf<Bucket>,
): AsyncGenerator<string> {
  for (const each of series) {
    const line = lineOf(each)
    for (const period of history.periods(each, tier, range)) {
      yield* chunked((await history.buckets(each, { tier, period, range })).map(line))
    }
  }
}

/** Between two pieces, others have their turn. */
async function* chunked(lines: Iterable<string>): AsyncGenerator<string> {
  let chunk = ''
  for (const line of lines) {
    chunk += line
    if (chunk.length < chunkCharacters) continue
    yield chunk
    chunk = ''
    await turnOver()
  }
  if (chunk !== '') yield chunk
}
