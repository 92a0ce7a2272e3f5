import { parseArgs } from 'node:util'
import { isRecord } from '../core/record.ts'
import { type Command, readArguments } from './command.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import type { HubAnswer } from './hub-client.ts'
import { rowsIn, wordOf } from './hub-question.ts'
import { printList } from './list-command.ts'

const usage = `nodes [--json] ${hubUsage}`
const options = { json: { type: 'boolean', default: false }, ...hubOptions } as const

export const listNodes: Command = {
  usage,
  summary: 'list the nodes that a hub knows, whether they are online, and their devices',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () => parseArgs({ args, options }))
    const listing = { path: '/api/nodes', isJson: values.json, linesOf }
    return printList(hubAddress(values, terminal), listing, terminal)
  },
}

const heads = ['BASE', 'ONLINE', 'LAST SEEN', 'DEVICES']

function linesOf(answer: HubAnswer): string[] {
  const rows = rowsIn(answer, 'nodes').map(({ base, online, lastSeen, devices }) => [
    wordOf(base),
    onlineWord(online),
    wordOf(lastSeen),
    namesIn(devices),
  ])
  return aligned([heads, ...rows])
}

function onlineWord(online: unknown): string {
  if (online === null) return 'unknown'
  return online === true ? 'yes' : 'no'
}

function namesIn(devices: unknown): string {
  const rows = Array.isArray(devices) ? devices.filter(isRecord) : []
  return rows.map(({ name }) => wordOf(name)).join(' ') || '-'
}

/** Lines with their columns below each other. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((_, column) =>
    Math.max(...rows.map((row) => String(row[column]).length)),
  )
  return rows.map((row) =>
    row
      .map((word, column) => word.padEnd(Number(widths[column])))
      .join('  ')
      .trimEnd(),
  )
}
