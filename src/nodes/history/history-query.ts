import { type ErrorCode, HubError, quote } from '../../core/errors.ts'
import type { TimeRange } from '../../store/history/plan.ts'
import { dayMs } from '../../store/history/tiers.ts'

/** Parameters as they came: texts of a URL, or values of a JSON object. */
export type HistoryParameters = Readonly<Record<string, unknown>>

/** What is asked for: which time, in how many buckets at most. */
export interface HistoryQuery {
  readonly range: TimeRange
  readonly points: number
}

/** As many as a wide chart has pixels to draw them. */
const usualPoints = 500
const mostPoints = 10_000

export interface QueryReader {
  /** With what a mistake is answered. */
  readonly code: ErrorCode
  readonly nowMs: number
}

/** @throws HubError with the code of `reader` and one sentence about the first mistake. */
export function readHistoryQuery(parameters: HistoryParameters, reader: QueryReader): HistoryQuery {
  return { range: readRange(parameters, reader), points: readPoints(parameters['points'], reader) }
}

/** The last day, unless told otherwise; throws the same. */
function readRange({ from, to }: HistoryParameters, reader: QueryReader): TimeRange {
  const end = to === undefined ? Math.floor(reader.nowMs) + 1 : readTime('to', to, reader)
  const start = from === undefined ? Math.max(0, end - dayMs) : readTime('from', from, reader)
  if (start < end) return { from: start, to: end }
  const sentence = `expected from to be before to, got ${isoTime(start)} and ${isoTime(end)}`
  throw new HubError(reader.code, sentence)
}

function readTime(name: string, value: unknown, { code }: QueryReader): number {
  const time = timeIn(value)
  // Past that, it has no ISO text.
  if (time >= 0 && time <= latestTime) return time
  const expected = `expected ${name} to be an ISO time or milliseconds since 1970`
  throw new HubError(code, `${expected}, got ${quote(String(value))}`)
}

/** 9999-12-31T23:59:59.999Z */
const latestTime = 253_402_300_799_999

function timeIn(value: unknown): number {
  if (typeof value === 'number') return Math.floor(value)
  if (typeof value !== 'string') return Number.NaN
  // ISO 8601 begins with a date; `Date.parse` alone takes much else.
  if (/^\d{4}-\d\d-\d\d/.test(value)) return Date.parse(value)
  return /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
}

function readPoints(value: unknown, { code }: QueryReader): number {
  if (value === undefined) return usualPoints
  const isNumber = typeof value === 'number' || /^\d{1,6}$/.test(String(value))
  const points = isNumber ? Number(value) : Number.NaN
  if (Number.isInteger(points) && points >= 1 && points <= mostPoints) return points
  const sentence = `expected points to be 1 to ${mostPoints}, got ${quote(String(value))}`
  throw new HubError(code, sentence)
}

export function isoTime(at: number): string {
  return new Date(at).toISOString()
}
