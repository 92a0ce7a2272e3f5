import { parseArgs } from 'node:util'
import { isRecord } from '../core/json.ts'
import { type CliCommand, onlyOne, readArguments, timeOption } from './arguments.ts'
import { streamHistory } from './ask-hub.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { wordOf } from './terminal.ts'

const usage = `sub FILTER [--since 1h|ISO-TIME] [--quantity NAME] [--json] ${hubUsage}`

const options = {
  since: { type: 'string' },
  quantity: { type: 'string' },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

export const subscribe: CliCommand = {
  usage,
  summary:
    'print what devices reported since a time, and go on with what they report, until Ctrl-C',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const topic = onlyOne(positionals, 'one filter on topics', usage)
    const { since, quantity, json } = values
    const from = timeOption('--since', since)
    const wanted = { topic, quantity, from, format: 'ndjson', follow: 'true' } as const
    const hub = hubAddress(values, terminal)
    let rest = ''
    await streamHistory(hub, { ...terminal, wanted }, (text) => {
      const lines = (rest + text).split('\n')
      rest = String(lines.pop())
      const printed = json ? lines : lines.map(wordsOf)
      return terminal.write(printed.map((line) => `${line}\n`).join(''))
    })
    return 0
  },
}

/** When, which topic, and what it was: a quantity with its value and unit, or a payload. */
function wordsOf(line: string): string {
  const parsed: unknown = JSON.parse(line)
  const { at, topic, quantity, value, unit, payload } = isRecord(parsed) ? parsed : {}
  const reported = quantity === undefined ? [payload] : [quantity, value, ...(unit ? [unit] : [])]
  return [at, topic, ...reported].map(wordOf).join(' ')
}
