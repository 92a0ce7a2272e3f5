import { setImmediate as turnOver } from 'node:timers/promises'
import type { Bucket } from '../../history/buckets.ts'
import type { SeriesCut } from '../../history/history.ts'
import { type BucketTier, isWithin, type Tier, type TimeRange } from '../../history/periods.ts'
import { merged, type Point, RawBlockCursor } from '../../history/raw-block.ts'
import { finestTier, type Plan, planOf, summarize } from '../../history/read-history.ts'
import type { HistorySource } from './history-answer.ts'
import type { LineFormat } from './history-lines.ts'

/** Says something of a series as a line of text. */
type LineOf<T> = (series: SeriesCut) => (item: T) => string

interface Stretch {
  readonly series: readonly SeriesCut[]
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
  { series, plan }: { readonly series: readonly SeriesCut[]; readonly plan: Plan },
  lineOf: LineOf<Bucket>,
): AsyncGenerator<string> {
  for (const each of series) {
    yield* chunked((await summarize(history, each, plan)).map(lineOf(each)))
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
