import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import type { MqttClient } from 'mqtt'
import { HubError, quote, reasonOf } from '../core/errors.ts'
import { checkTopic } from '../core/topic.ts'
import {
  type CliCommand,
  jsonOption,
  printAnswer,
  readArguments,
  readQos,
  required,
} from './arguments.ts'
import { refusedCode } from './ask-hub.ts'
import { hubOptions, hubUsage } from './hub-address.ts'
import { type BusMessage, closeBus, connectBus, published } from './hub-bus.ts'
import { interruptedCode, type Terminal } from './terminal.ts'

const usage = `pub TOPIC (VALUE | -l | -f FILE) [-r] [-q 0|1|2] [-D NAME=VALUE]… [--content-type TYPE] [--json] ${hubUsage}`

const options = {
  retain: { type: 'boolean', short: 'r', default: false },
  qos: { type: 'string', short: 'q', default: '1' },
  lines: { type: 'boolean', short: 'l', default: false },
  file: { type: 'string', short: 'f' },
  property: { type: 'string', short: 'D', multiple: true },
  'content-type': { type: 'string' },
  ...jsonOption,
  ...hubOptions,
} as const

export const publish: CliCommand = {
  usage,
  summary:
    'publish a message: VALUE as it is, each line of standard input (-l), or a file (-f, a dash for standard input); -r has it retained, an empty VALUE with -r takes that back (exit code 4 refused)',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const [topic, ...given] = positionals
    checkTopic(required(topic, 'a topic', usage))
    const payloads = payloadsOf(given, values, terminal)
    const how = {
      qos: readQos(values.qos),
      retain: values.retain,
      properties: propertiesOf(values),
    }
    const bus = await connectBus(values, terminal)
    try {
      const result = await publishAll(bus, { topic: String(topic), payloads, how }, terminal)
      const { refused } = result
      if (refused !== undefined) terminal.printError(`refused: ${topic}: ${refused}`)
      const { published, code } = result
      printAnswer(terminal, values, { value: { topic, published, refused }, lines: [] })
      return code
    } finally {
      await closeBus(bus)
    }
  },
}

interface Values {
  readonly lines: boolean
  readonly file?: string | undefined
  readonly property?: readonly string[] | undefined
  readonly 'content-type'?: string | undefined
}

/** @throws HubError `bad-command-line` unless exactly one place is named. */
function payloadsOf(given: string[], { lines, file }: Values, { input }: Terminal) {
  const places = given.length + (lines ? 1 : 0) + (file === undefined ? 0 : 1)
  if (places !== 1) required(undefined, 'one VALUE, -l or -f FILE', usage)
  if (lines) return linesOf(input)
  if (file === undefined) return given
  return wholeOf(file, input)
}

/** Begun when it is read: an interface that nobody reads loses what comes. */
async function* linesOf(input: Terminal['input']): AsyncIterable<string> {
  yield* createInterface({ input })
}

/** @throws HubError `unreadable-file` */
async function* wholeOf(file: string, input: Terminal['input']): AsyncIterable<Buffer> {
  try {
    yield await buffer(file === '-' ? input : createReadStream(file))
  } catch (cause) {
    const reason = reasonOf(cause).replace(/,.*/s, '')
    const sentence = `expected -f to name a file, got ${quote(file)}: ${reason}`
    throw new HubError('unreadable-file', sentence, { cause })
  }
}

function propertiesOf({ property = [], 'content-type': contentType }: Values) {
  const userProperties: Record<string, string[]> = {}
  for (const text of property) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
    if (name === undefined || value === undefined) {
      const sentence = `expected -D to be like NAME=VALUE, got ${quote(text)}`
      throw new HubError('bad-command-line', sentence)
    }
    userProperties[name] = [...(userProperties[name] ?? []), value]
  }
  return {
    ...(property.length > 0 && { userProperties }),
    ...(contentType !== undefined && { contentType }),
  }
}

interface Publishing {
  readonly topic: string
  readonly payloads: Iterable<string> | AsyncIterable<string | Buffer>
  readonly how: Omit<BusMessage, 'topic' | 'payload'>
}

interface Result {
  readonly code: number
  /** How many messages. */
  readonly published: number
  /** Why the one behind them was refused. */
  readonly refused?: string
}

/** One after the other, until one is refused. */
async function publishAll(
  bus: MqttClient,
  { topic, payloads, how }: Publishing,
  { stopped }: Terminal,
): Promise<Result> {
  const interrupted = stopped.then(() => interruptedCode)
  let count = 0
  for await (const payload of payloads) {
    const result = await Promise.race([
      published(bus, { topic, payload: Buffer.from(payload), ...how }),
      interrupted,
    ])
    if (typeof result === 'number') return { code: result, published: count }
    if (result !== undefined) return { code: refusedCode, published: count, refused: result }
    count++
  }
  return { code: 0, published: count }
}
