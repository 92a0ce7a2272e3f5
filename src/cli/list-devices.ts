import { parseArgs } from 'node:util'
import { ageOf } from '../core/clock.ts'
import { matches } from '../core/filter.ts'
import { checkFilter } from '../core/topic.ts'
import { type CliCommand, readArguments, required } from './arguments.ts'
import { type HubAnswer, rowsIn, tellAnswer } from './ask-hub.ts'
import { alignedLines, type Row, reportedText, timeIn } from './device-rows.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { painted, type Terminal, wordOf } from './terminal.ts'

const usage = `devices [FILTER] [--room ROOM] [--json] ${hubUsage}`

const options = {
  room: { type: 'string' },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

export const listDevices: CliCommand = {
  usage,
  summary:
    'list devices as a table: what each reported last, how long ago, what it is called and in which room; those that a filter on their topics matches, or of a room',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const [filter = '#', ...more] = positionals
    if (more.length > 0) required(undefined, 'one filter', usage)
    checkFilter(filter)
    const isMeant = meant(filter, values.room)
    const linesOf = ({ nodes }: HubAnswer['body']) => {
      const rows = devicesIn(nodes)?.filter(isMeant)
      if (rows === undefined) return undefined
      return values.json ? rows.map((row) => JSON.stringify(row)) : tableOf(rows, terminal)
    }
    // Only the devices are told as JSON, one a line.
    const asking = { request: { path: '/api/nodes' }, does: 'lists nodes', isJson: false, linesOf }
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

function devicesIn(nodes: unknown): Row[] | undefined {
  return rowsIn(nodes)?.flatMap(({ devices }) => rowsIn(devices) ?? [])
}

function meant(filter: string, room: string | undefined): (row: Row) => boolean {
  return (row) =>
    matches(filter, String(row['topic'])) && (room === undefined || row['room'] === room)
}

function tableOf(rows: readonly Row[], { screen }: Terminal): string[] {
  if (rows.length === 0) return ['no devices']
  const nowMs = Date.now()
  const head = ['DEVICE', 'VALUE', 'REPORTED', 'NAME', 'ROOM']
  const [first = '', ...lines] = alignedLines([head, ...rows.map((row) => cellsOf(row, nowMs))])
  const isOld = (at: number) => rows[at]?.['stale'] === true || rows[at]?.['known'] === false
  const painting = lines.map((line, at) => (isOld(at) ? painted(screen, 'yellow', line) : line))
  return [painted(screen, 'bold', first), ...painting]
}

function cellsOf(row: Row, nowMs: number): string[] {
  const { topic, at, stale, title, room } = row
  const atMs = timeIn(at)
  const age = atMs === undefined ? 'never' : ageOf(atMs, nowMs)
  const called = [title, room].map((word) => (word === undefined ? '' : wordOf(word)))
  return [wordOf(topic), reportedText(row), stale === true ? `${age}, stale` : age, ...called]
}
