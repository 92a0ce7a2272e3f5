import { parseArgs } from 'node:util'
import { localTime } from '../core/clock.ts'
import { type CliCommand, onlyOne, readArguments, timeOption } from './arguments.ts'
import { type HubAnswer, rowsIn, tellAnswer } from './ask-hub.ts'
import type { Row } from './device-rows.ts'
import { deviceNamed, hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { painted, type Screen, type Terminal, wordOf } from './terminal.ts'

const usage = `chart DEVICE [--quantity NAME] [--since 24h|ISO-TIME] [--until 1h|ISO-TIME] [--base BASE] [--json] ${hubUsage}`

const options = {
  quantity: { type: 'string' },
  since: { type: 'string', default: '24h' },
  until: { type: 'string' },
  base: { type: 'string' },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

export const chart: CliCommand = {
  usage,
  summary:
    'draw what a device has reported, a chart for each of its quantities, of the last day unless told otherwise',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const topic = deviceNamed(onlyOne(positionals, 'one device', usage), values.base)
    const size = sizeOf(terminal.screen)
    const query = {
      ...{ topic, points: String(size.columns * 2) },
      ...{ quantity: values.quantity, from: timeOption('--since', values.since) },
      to: timeOption('--until', values.until),
    }
    const asked = Object.entries(query).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, value]],
    )
    const asking = {
      request: { path: `/api/history?${new URLSearchParams(asked)}` },
      does: 'keeps a history',
      isJson: values.json,
      linesOf: (body: HubAnswer['body']) => chartsIn(body, { topic, size, terminal }),
    }
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

/** Of one chart without its words, in characters. */
interface Size {
  readonly columns: number
  readonly rows: number
}

/** Beside the numbers at its left, and not so high that its beginning is gone. */
const numberColumns = 10
const usualSize: Size = { columns: 70, rows: 10 }

function sizeOf(screen: Screen | undefined): Size {
  if (screen === undefined) return usualSize
  return {
    columns: Math.max(10, screen.columns() - numberColumns - 1),
    rows: Math.max(3, Math.min(12, screen.rows() - 6)),
  }
}

interface Drawing {
  readonly topic: string
  readonly size: Size
  readonly terminal: Terminal
}

/** Undefined when the answer is none of a history. */
function chartsIn(body: HubAnswer['body'], drawing: Drawing): string[] | undefined {
  const { size, topic, terminal } = drawing
  const series = rowsIn(body['series'])
  if (series === undefined) return undefined
  const found = series
    .map((one) => ({ ...one, spans: spansIn(one['points']) }))
    .filter(({ spans }) => spans.length > 0)
  if (found.length === 0) return [`nothing is recorded of ${topic} in this time`]
  const fromMs = Date.parse(String(body['from']))
  const toMs = Date.parse(String(body['to']))
  const columnOf = (atMs: number) =>
    Math.floor(((atMs - fromMs) / (toMs - fromMs)) * size.columns * 2)
  return found.flatMap((one) => [
    ...chartOf(one, { columnOf, size, screen: terminal.screen }),
    timesBelow({ fromMs, toMs }, size),
  ])
}

interface Plane {
  readonly size: Size
  readonly screen: Screen | undefined
  /** In half characters from the left. */
  columnOf(atMs: number): number
}

/** A bucket, from its smallest to its largest value. */
interface Span {
  readonly atMs: number
  readonly min: number
  readonly max: number
  readonly last: number
}

function spansIn(points: unknown): Span[] {
  const rows = Array.isArray(points) ? points.filter((row) => Array.isArray(row)) : []
  return rows.map((row) => {
    const [atMs, , min, , max, , last] = row.map(Number)
    return { atMs: Number(atMs), min: Number(min), max: Number(max), last: Number(last) }
  })
}

function chartOf(
  { quantity, unit, spans }: Row & { readonly spans: readonly Span[] },
  plane: Plane,
): string[] {
  const { size, screen } = plane
  const [least, most] = [
    Math.min(...spans.map(({ min }) => min)),
    Math.max(...spans.map(({ max }) => max)),
  ]
  const latest = Number(spans.at(-1)?.last)
  const name = [quantity, ...(unit === undefined ? [] : [unit])].map(wordOf).join(' ')
  const title = `${name}: ${numberText(latest)}, from ${numberText(least)} to ${numberText(most)}`
  const maskAt = dotsOf(spans, { ...plane, least, most })
  const lines = Array.from({ length: size.rows }, (_row, y) => {
    const number = y === 0 ? numberText(most) : y === size.rows - 1 ? numberText(least) : ''
    const dots = Array.from({ length: size.columns }, (_column, x) =>
      String.fromCodePoint(braille + maskAt(x, y)),
    )
    return `${number.padStart(numberColumns - 1)} ${painted(screen, 'cyan', dots.join(''))}`
  })
  return [painted(screen, 'bold', title), ...lines]
}

/**
 * The first of 256 characters, with a bit for each of eight dots: two columns of four, of which the lowest came later (the
 * Unicode Standard, Braille Patterns).
 */
const braille = 0x2800

function dotBit(x: number, y: number): number {
  const [column, row] = [x % 2, y % 4]
  return row === 3 ? 0x40 << column : 1 << (row + 3 * column)
}

/** Returns the dots of the character at a column and row. */
function dotsOf(
  spans: readonly Span[],
  { size, least, most, columnOf }: Plane & { readonly least: number; readonly most: number },
): (column: number, row: number) => number {
  const masks = new Map<number, number>()
  const maskAt = (column: number, row: number) => masks.get(row * size.columns + column) ?? 0
  const height = size.rows * 4 - 1
  const range = most - least
  // What never changes is a line in the middle.
  const heightOf = (value: number) =>
    Math.round(height * (range === 0 ? 0.5 : (most - value) / range))
  for (const { atMs, min, max } of spans) {
    const x = Math.min(Math.max(0, columnOf(atMs)), size.columns * 2 - 1)
    for (let y = heightOf(max); y <= heightOf(min); y++) {
      const [column, row] = [Math.floor(x / 2), Math.floor(y / 4)]
      masks.set(row * size.columns + column, maskAt(column, row) | dotBit(x, y))
    }
  }
  return maskAt
}

function numberText(value: number): string {
  return String(Number(value.toPrecision(5)))
}

function timesBelow(
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  { columns }: Size,
): string {
  const [from, to] = [fromMs, toMs].map((atMs) => localTime(atMs, Date.now()))
  return `${' '.repeat(numberColumns)}${String(from).padEnd(columns - String(to).length)}${to}`
}
