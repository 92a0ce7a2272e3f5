import { parseArgs } from 'node:util'
import { HubError, quote } from '../core/errors.ts'
import { type CliCommand, jsonOption, onlyOne, readArguments, timeOption } from './arguments.ts'
import { type HistoryWanted, streamHistory } from './ask-hub.ts'
import { type HubAddress, hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { longWork } from './long-work.ts'
import { interruptedCode, type Terminal } from './terminal.ts'

const usage = `export FILTER [--since 24h|ISO-TIME] [--until 1h|ISO-TIME] [--quantity NAME] [--format csv|ndjson | --json | --excel] [--resolution raw|minute|hour] ${hubUsage}`

const options = {
  since: { type: 'string' },
  until: { type: 'string' },
  quantity: { type: 'string' },
  format: { type: 'string' },
  excel: { type: 'boolean', default: false },
  ...jsonOption,
  resolution: { type: 'string' },
  ...hubOptions,
} as const

export const exportCommand: CliCommand = {
  usage,
  summary:
    'print what devices reported, of the last day unless told otherwise, for a spreadsheet or a program',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const topic = onlyOne(positionals, 'one filter on topics', usage)
    const { since, until, quantity, resolution } = values
    const wanted = {
      topic,
      quantity,
      from: timeOption('--since', since),
      to: timeOption('--until', until),
      ...readFormat(values),
      resolution,
    }
    return exportAll(hubAddress(values, terminal), wanted, terminal)
  },
}

async function exportAll(
  hub: HubAddress,
  wanted: HistoryWanted,
  terminal: Terminal,
): Promise<number | undefined> {
  let bytes = 0
  const soFar = () => `${(bytes / 1_048_576).toFixed(1)} MiB`
  const said = () => `${soFar()} were written, up to the end of a line`
  return longWork(terminal, said, async ({ tell, signal }) => {
    let rest = ''
    const take = async (piece: string) => {
      const text = rest + piece
      const end = text.lastIndexOf('\n') + 1
      rest = text.slice(end)
      bytes += Buffer.byteLength(text.slice(0, end))
      // Who sees the lines does not want a count among them.
      if (terminal.screen === undefined) tell(soFar())
      return terminal.write(text.slice(0, end))
    }
    const isWhole = await streamHistory(hub, { ...terminal, wanted }, take)
    signal.throwIfAborted()
    await terminal.write(rest)
    // Who does not read on, such as head, is told nothing.
    return isWhole ? 0 : interruptedCode
  })
}

interface FormatValues {
  readonly format?: string | undefined
  readonly json: boolean
  readonly excel: boolean
}

/** Excel takes a table for one in UTF-8 by the mark at its beginning. */
function readFormat({ json, excel, ...given }: FormatValues) {
  const { format = json ? 'ndjson' : 'csv' } = given
  if (excel && format === 'csv') return { format, bom: 'true' } as const
  if (!excel && (format === 'csv' || format === 'ndjson')) return { format } as const
  const expected = excel ? '--excel with --format csv' : '--format csv or ndjson'
  throw new HubError('bad-command-line', `expected ${expected}, got ${quote(format)}`)
}
