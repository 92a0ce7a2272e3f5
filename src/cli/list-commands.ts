import { parseArgs } from 'node:util'
import { type CliCommand, readArguments, timeOption } from './arguments.ts'
import { type HubAnswer, rowsIn, tellAnswer } from './ask-hub.ts'
import { deviceNamed, hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { wordOf } from './terminal.ts'

const usage = `commands [--device DEVICE] [--base BASE] [--since 1h|ISO-TIME] [--json] ${hubUsage}`

const options = {
  base: { type: 'string' },
  device: { type: 'string' },
  since: { type: 'string' },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

/** The most that a hub answers with at once. */
const limit = 1000

export const listCommands: CliCommand = {
  usage,
  summary: 'list who commanded what, and what became of it; the latest command comes last',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () => parseArgs({ args, options }))
    const request = { path: `/api/commands?${queryOf(values)}` }
    const asking = { request, does: 'lists commands', isJson: values.json, linesOf }
    return tellAnswer(hubAddress(values, terminal), asking, terminal)
  },
}

interface Wanted {
  readonly base?: string | undefined
  readonly device?: string | undefined
  readonly since?: string | undefined
}

function queryOf({ base, device: name, since }: Wanted): URLSearchParams {
  const query = new URLSearchParams({ limit: String(limit) })
  if (name !== undefined) query.set('device', deviceNamed(name, base))
  const from = timeOption('--since', since)
  if (from !== undefined) query.set('since', from)
  return query
}

function linesOf({ commands }: HubAnswer['body']): string[] | undefined {
  const rows = rowsIn(commands)
  if (rows === undefined) return undefined
  const cut = `only the latest ${limit} are listed; ask for fewer with --device`
  return [...(rows.length < limit ? [] : [cut]), ...rows.toReversed().map(lineOf)]
}

/** When, who, by which way, which device, what was asked, what became of it and how long that took. */
function lineOf(row: Readonly<Record<string, unknown>>): string {
  const { at, user, way, device, asked, receipt, code, afterMs } = row
  const words = [at, user, way, device, asked, receipt].map(wordOf)
  const reason = code === undefined || code === receipt ? '' : ` (${wordOf(code)})`
  return `${words.join(' ')}${reason}, after ${wordOf(afterMs)} ms`
}
