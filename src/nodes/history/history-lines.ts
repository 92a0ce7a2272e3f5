/** Points and buckets as lines of text: for programs, and for spreadsheets. */
import { isoTime } from '../../core/clock.ts'
import type { Bucket } from '../../history/buckets.ts'
import type { Point } from '../../history/raw-block.ts'
import type { Series } from '../../history/series.ts'
import { columns, rowOf } from './history-answer.ts'

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
      const told = { at: isoTime(at), ...names, ...Object.fromEntries(numbers) }
      return `${JSON.stringify(told)}\n`
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
