import { isoTime, readTime } from '../../core/clock.ts'
import { type ErrorCode, HubError, quote } from '../../core/errors.ts'
import { dayMs, type TimeRange } from '../../history/periods.ts'

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
function readRange({ from, to }: HistoryParameters, { code, nowMs }: QueryReader): TimeRange {
  const time = (name: string, value: unknown) =>
    readTime(value, { name, code, nowMs, takesNumbers: true })
  const end = to === undefined ? Math.floor(nowMs) + 1 : time('to', to)
  const start = from === undefined ? Math.max(0, end - dayMs) : time('from', from)
  if (start < end) return { from: start, to: end }
  const sentence = `expected from to be before to, got ${isoTime(start)} and ${isoTime(end)}`
  throw new HubError(code, sentence)
}

function readPoints(value: unknown, { code }: QueryReader): number {
  if (value === undefined) return usualPoints
  const isNumber = typeof value === 'number' || /^\d{1,6}$/.test(String(value))
  const points = isNumber ? Number(value) : Number.NaN
  if (Number.isInteger(points) && points >= 1 && points <= mostPoints) return points
  const sentence = `expected points to be 1 to ${mostPoints}, got ${quote(String(value))}`
  throw new HubError(code, sentence)
}
