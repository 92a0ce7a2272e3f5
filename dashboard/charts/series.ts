/** What quantities were and are: from the history of the hub, and what is said since. */
import { getJson } from '../api.ts'
import type { Bucket, SeriesAnswer } from '../devices/past.ts'

/** One quantity of one topic. */
export interface Chosen {
  readonly topic: string
  readonly quantity: string
}

export interface Range {
  readonly fromMs: number
  readonly toMs: number
  /** For how long back from now it goes; undefined when it stands still. */
  readonly lengthMs: number | undefined
}

/** A quantity in one unit, which is a line of its own. */
export interface ChartSeries extends Chosen {
  readonly unit: string | undefined
  readonly type: 'number' | 'boolean'
  readonly bucketMs: number
  readonly points: readonly (Bucket | null)[]
}

interface HistoryAnswer {
  readonly bucketMs: number
  readonly series: readonly SeriesAnswer[]
}

/** Enough for a line that is as wide as a screen. */
const mostPoints = 600

/** @throws ApiError, HubAwayError */
export async function loadSeries(
  chosen: readonly Chosen[],
  { fromMs, toMs }: Range,
  signal: AbortSignal,
): Promise<ChartSeries[]> {
  const range = { from: Math.floor(fromMs), to: Math.ceil(toMs), points: mostPoints }
  const load = async ({ topic, quantity }: Chosen): Promise<ChartSeries[]> => {
    const query = { topic, quantity, ...range }
    const { bucketMs, series } = await getJson<HistoryAnswer>('api/history', query, signal)
    return series.map(({ unit, type, points }) => ({
      ...{ topic, quantity, unit: unit ?? undefined },
      ...{ type, bucketMs, points },
    }))
  }
  return (await Promise.all(chosen.map(load))).flat()
}

/** Adds a value that has just come, to the bucket that it falls into. */
export function withValue(series: ChartSeries, atMs: number, value: number): ChartSeries {
  const { bucketMs, points } = series
  const startMs = Math.floor(atMs / bucketMs) * bucketMs
  const latest = points.at(-1)
  if (latest?.[0] !== startMs) {
    return { ...series, points: [...points, [startMs, 1, value, value, value, value, value]] }
  }
  const [, count, min, mean, max, first] = latest
  const spread = [Math.min(min, value), mean + (value - mean) / (count + 1), Math.max(max, value)]
  const [lower = value, middle = value, upper = value] = spread
  const merged: Bucket = [startMs, count + 1, lower, middle, upper, first, value]
  return { ...series, points: [...points.slice(0, -1), merged] }
}

const names = ['at', 'topic', 'quantity', 'unit', 'count', 'min', 'mean', 'max', 'first', 'last']

function rowsOf(all: readonly ChartSeries[], { fromMs, toMs }: Range): (string | number)[][] {
  return all.flatMap(({ topic, quantity, unit = '', points }) =>
    points.flatMap((point) => {
      if (point === null || point[0] < fromMs || point[0] > toMs) return []
      const [atMs, ...numbers] = point
      return [[new Date(atMs).toISOString(), topic, quantity, unit, ...numbers]]
    }),
  )
}

/** RFC 4180; what a spreadsheet would take for a formula has an apostrophe in front, as in the hub's own tables. */
export function csvOf(all: readonly ChartSeries[], range: Range): string {
  const cell = (value: string | number) => {
    const safe = typeof value === 'string' && /^[=+\-@]/.test(value) ? `'${value}` : String(value)
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  return [names, ...rowsOf(all, range)].map((row) => `${row.map(cell).join(',')}\r\n`).join('')
}

export function ndjsonOf(all: readonly ChartSeries[], range: Range): string {
  const line = (row: readonly (string | number)[]) =>
    `${JSON.stringify(Object.fromEntries(names.map((name, at) => [name, row[at]])))}\n`
  return rowsOf(all, range).map(line).join('')
}
