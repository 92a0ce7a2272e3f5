import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { parseArgs } from 'node:util'
import type { MqttClient } from 'mqtt'
import { HubError, quote, reasonOf } from '../core/errors.ts'
import { checkFilter } from '../core/topic.ts'
import {
  type CliCommand,
  jsonOption,
  printAnswer,
  readArguments,
  readSeconds,
  required,
} from './arguments.ts'
import { refusedCode } from './ask-hub.ts'
import { hubOptions, hubUsage } from './hub-address.ts'
import { closeBus, connectBus, subscribed, takeMessages } from './hub-bus.ts'
import { messageLine } from './message-lines.ts'
import type { Terminal } from './terminal.ts'

const usage = `record FILE [FILTER…] [--for SECONDS] [--force] [--json] ${hubUsage}`

const options = {
  for: { type: 'string' },
  force: { type: 'boolean', default: false },
  ...jsonOption,
  ...hubOptions,
} as const

/** A week is more than anybody keeps in one file. */
const duration = { name: '--for', minimumSeconds: 0.1, maximumSeconds: 604_800 }

export const record: CliCommand = {
  usage,
  summary:
    'write all that is published, or what filters match, into a file for replay: what is retained first, and then what comes, until Ctrl-C or for so long',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const [given, ...filters] = positionals
    const file = required(given, 'the name of a file', usage)
    for (const filter of filters) checkFilter(filter)
    const forMs = values.for && readSeconds(values.for, duration)
    const bus = await connectBus(values, terminal)
    try {
      const output = await openOutput(file, values.force)
      const recording = { output, filters: filters.length > 0 ? filters : ['#'], forMs }
      const { count, refused } = await recordInto(bus, recording, terminal)
      if (refused !== undefined) terminal.printError(`refused: ${refused}`)
      terminal.printError(`${count} messages are in ${file}`)
      printAnswer(terminal, values, { value: { file, messages: count, refused }, lines: [] })
      return refused === undefined ? 0 : refusedCode
    } finally {
      await closeBus(bus)
    }
  },
}

interface Recording {
  readonly output: WriteStream
  readonly filters: readonly string[]
  readonly forMs: number | '' | undefined
}

async function recordInto(
  bus: MqttClient,
  { output, filters, forMs }: Recording,
  { progress, stopped }: Terminal,
): Promise<{ count: number; refused: string | undefined }> {
  let count = 0
  takeMessages(bus, async (packet) => {
    // A line is written whole, whatever ends this.
    await new Promise((resolve) => output.write(`${messageLine(packet, Date.now())}\n`, resolve))
    progress(`${++count} messages`)
  })
  const refused = await subscribed(bus, filters, { qos: 1, rap: true })
  if (refused === undefined) await Promise.race([stopped, ...(forMs ? [elapsed(forMs)] : [])])
  progress('')
  await new Promise<void>((resolve) => output.end(resolve))
  return { count, refused }
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}

/** @throws HubError `unwritable-file`, also for one that is there unless it is to be written over. */
async function openOutput(file: string, isForced: boolean): Promise<WriteStream> {
  const output = createWriteStream(file, { flags: isForced ? 'w' : 'wx' })
  try {
    await once(output, 'open')
    return output
  } catch (cause) {
    const reason = reasonOf(cause).replace(/,.*/s, '')
    const hint = reason.startsWith('EEXIST') ? ': --force writes over it' : ''
    const sentence = `expected to write ${quote(file)}: ${reason}${hint}`
    throw new HubError('unwritable-file', sentence, { cause })
  }
}
