import { parseArgs } from 'node:util'
import { ageOf, localTime } from '../core/clock.ts'
import { type CliCommand, readArguments } from './arguments.ts'
import { type HubAnswer, rowsIn, tellAnswer } from './ask-hub.ts'
import { alignedLines, type Row, reportedText, timeIn } from './device-rows.ts'
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
