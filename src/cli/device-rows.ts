/** What a hub tells of devices, as rows of a table. */
import { isRecord } from '../core/json.ts'
import { wordOf } from './terminal.ts'

/** A device, or whatever else a hub tells as an object. */
export type Row = Readonly<Record<string, unknown>>

/** What a device reported last, in words. */
export function reportedText({ value, known, lastValue, encoding }: Row): string {
  if (encoding === 'base64') return 'bytes'
  return known === false ? `unknown, was ${valueText(lastValue)}` : valueText(value)
}

/** Milliseconds since 1970. */
export function timeIn(value: unknown): number | undefined {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
}

const mostCharacters = 60

/** What a device reported, as somebody would say it: `temperature 20.01 ℃`. */
function valueText(value: unknown): string {
  const parts = isRecord(value)
    ? Object.entries(value).map(([key, inner]) => `${wordOf(key)} ${quantityText(inner)}`)
    : [quantityText(value)]
  const text = parts.join(', ') || '-'
  return text.length > mostCharacters ? `${text.slice(0, mostCharacters)}…` : text
}

/** A value and its unit; some say null where there is none. */
function quantityText(value: unknown): string {
  const [number, unit, ...more] = Array.isArray(value) ? value : []
  if (more.length > 0) return wordOf(value)
  if (unit === null) return wordOf(number)
  const hasUnit = typeof number === 'number' && typeof unit === 'string'
  return hasUnit ? `${number} ${wordOf(unit)}` : wordOf(value)
}

/** A line for each row, with their columns below each other. */
export function alignedLines(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  }
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(Number(widths[at])))
      .join('  ')
      .trimEnd(),
  )
}
