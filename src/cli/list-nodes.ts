import { parseArgs } from 'node:util'
import { ageOf, localTime } from '../core/clock.ts'
import { isRecord } from '../core/json.ts'
import { type CliCommand, readArguments } from './arguments.ts'
import { type HubAnswer, rowsIn, tellAnswer } from './ask-hub.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { wordOf } from './terminal.ts'

const usage = `nodes [--json] ${hubUsage}`
const options = { json: { type: 'boolean', default: false }, ...hubOptions } as const

export const listNodes: CliCommand = {
  usage,
  summary:
    'list the nodes that a hub knows, whether they are online, what their devices are called, where they are, and what they reported last, and when',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () => parseArgs({ args, options }))
    const nowMs = Date.now()
    const linesOf = ({ nodes }: HubAnswer['body']) => {
      const rows = rowsIn(nodes)
      return rows && nodeLines(rows, nowMs)
    }
    const request = { path: '/api/nodes' }
    const asking = { request, does: 'lists nodes', isJson: values.json, linesOf }
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

export type Row = Readonly<Record<string, unknown>>

/** A line for each node, and below it one for each of its devices, with their columns below each other. */
export function nodeLines(nodes: readonly Row[], nowMs: number): string[] {
  if (nodes.length === 0) return ['no nodes yet']
  const tables = nodes.map((node) => ({
    node,
    rows: (rowsIn(node['devices']) ?? []).map((row) => deviceCells(row, nowMs)),
  }))
  const lines = alignedLines(tables.flatMap(({ rows }) => rows))
  return tables.flatMap(({ node, rows }) => [
    headLine(node, nowMs),
    ...lines.splice(0, rows.length).map((line) => `  ${line}`),
  ])
}

function headLine({ base, online, lastSeen }: Row, nowMs: number): string {
  const seen = timeIn(lastSeen)
  const when = seen === undefined ? [] : [`last seen ${ageOf(seen, nowMs)}`, localTime(seen, nowMs)]
  return [wordOf(base), onlineWord(online), ...when].join(', ')
}

function onlineWord(online: unknown): string {
  if (online === null) return 'not known whether online'
  return online === true ? 'online' : 'offline'
}

function deviceCells(row: Row, nowMs: number): string[] {
  const { name, title, room, at, stale } = row
  const reportedMs = timeIn(at)
  return [
    wordOf(name),
    [title, room]
      .filter((text) => text !== undefined)
      .map(wordOf)
      .join(', '),
    reportedText(row),
    reportedMs === undefined ? 'never reported' : ageOf(reportedMs, nowMs),
    reportedMs === undefined ? '' : localTime(reportedMs, nowMs),
    stale === true ? 'stale' : '',
  ]
}

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

function quantityText(value: unknown): string {
  const [number, unit, ...more] = Array.isArray(value) ? value : []
  const hasUnit = typeof number === 'number' && typeof unit === 'string' && more.length === 0
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
