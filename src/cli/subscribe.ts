import { parseArgs } from 'node:util'
import type { IPublishPacket, MqttClient } from 'mqtt'
import { ageOf, clockTime } from '../core/clock.ts'
import { isRecord } from '../core/json.ts'
import { checkFilter } from '../core/topic.ts'
import {
  type CliCommand,
  onlyOne,
  readArguments,
  readCount,
  readQos,
  readSeconds,
  required,
  timeOption,
} from './arguments.ts'
import { refusedCode, streamHistory } from './ask-hub.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { closeBus, connectBus, isBroker, subscribed, takeMessages } from './hub-bus.ts'
import { lastReports } from './last-reports.ts'
import { propertiesText, readMessageFormat } from './message-format.ts'
import { messageLine } from './message-lines.ts'
import { painted, plainText, type Terminal, timedOutCode, wordOf } from './terminal.ts'

const usage = `sub FILTER… [-v] [-F FORMAT] [--json] [-q 0|1|2] [-C COUNT] [-W SECONDS] [--retained-only] ${hubUsage} | sub FILTER --since 1h|ISO-TIME [--quantity NAME] [--json]`

const options = {
  verbose: { type: 'boolean', short: 'v', default: false },
  format: { type: 'string', short: 'F' },
  json: { type: 'boolean', default: false },
  qos: { type: 'string', short: 'q', default: '0' },
  count: { type: 'string', short: 'C' },
  wait: { type: 'string', short: 'W' },
  'retained-only': { type: 'boolean', default: false },
  since: { type: 'string' },
  quantity: { type: 'string' },
  ...hubOptions,
} as const

export const subscribe: CliCommand = {
  usage,
  summary:
    'print what is published, until Ctrl-C: as lines for people on a terminal, else as JSON; -C ends after so many messages, -W after so long (exit code 3); --since begins with what devices have reported before',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const { since, quantity } = values
    if (since !== undefined || quantity !== undefined) {
      return fromHistory(onlyOne(positionals, 'one filter on topics', usage), values, terminal)
    }
    required(positionals[0], 'a filter on topics', usage)
    for (const filter of positionals) checkFilter(filter)
    return live(positionals, values, terminal)
  },
}

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values']

/** A retained message comes at once; one that has not come for so long does not come any more. */
const quietMs = 500

async function live(filters: string[], values: Values, terminal: Terminal): Promise<number> {
  const count = readCount(values.count, { name: '-C', least: 1, most: 1_000_000_000 })
  const waitMs = values.wait && readSeconds(values.wait, waitOption)
  const isRetainedOnly = values['retained-only']
  const qos = readQos(values.qos)
  const lineOf = await lineWriter(filters, values, terminal)
  const bus = await connectBus(values, terminal)
  const timers: NodeJS.Timeout[] = []
  const ended = new Promise<number>((end) => {
    void terminal.stopped.then(() => end(0))
    if (waitMs) timers.push(setTimeout(() => end(timedOutCode), waitMs))
    const quiet = setTimeout(() => isRetainedOnly && end(0), quietMs)
    timers.push(quiet)
    let left = count ?? Number.POSITIVE_INFINITY
    takeMessages(bus, async (packet) => {
      if (left === 0 || (isRetainedOnly && !packet.retain)) return
      left--
      quiet.refresh()
      if (!(await terminal.write(lineOf(packet))) || left === 0) end(0)
    })
  })
  try {
    return await endOf(bus, { filters, qos, ended }, terminal)
  } finally {
    timers.forEach(clearTimeout)
    await closeBus(bus)
  }
}

const waitOption = { name: '-W', minimumSeconds: 0.1, maximumSeconds: 86_400 }

interface Subscribing {
  readonly filters: readonly string[]
  readonly qos: 0 | 1 | 2
  readonly ended: Promise<number>
}

async function endOf(
  bus: MqttClient,
  { filters, qos, ended }: Subscribing,
  { printError }: Terminal,
): Promise<number> {
  const refusal = await subscribed(bus, filters, { qos })
  if (refusal === undefined) return ended
  printError(`refused: ${refusal}`)
  return refusedCode
}

type LineOf = (packet: IPublishPacket) => string

/** How a message is printed: as told, or for people on a terminal, or for programs elsewhere. */
async function lineWriter(filters: string[], values: Values, terminal: Terminal): Promise<LineOf> {
  const { verbose, format, json } = values
  if (format !== undefined) {
    const formatted = readMessageFormat(format)
    return (packet) => `${formatted({ packet, atMs: Date.now() })}\n`
  }
  if (verbose) return ({ topic, payload }) => `${topic} ${payload}\n`
  if (json || terminal.screen === undefined)
    return (packet) => `${messageLine(packet, Date.now())}\n`
  return shownLines(await agesOf(filters, values, terminal), terminal.screen)
}

/** Since when a hub has its last values, in milliseconds since 1970 by topic; a broker does not tell. */
async function agesOf(filters: string[], values: Values, terminal: Terminal) {
  if (isBroker(values, terminal)) return new Map<string, number>()
  const ofDevices = filters.filter((filter) => !filter.startsWith('$'))
  const nowMs = Date.now()
  const reports = await lastReports(hubAddress(values, terminal), ofDevices, terminal)
  const aged = reports.filter(({ ageMs }) => ageMs !== undefined)
  return new Map(aged.map(({ topic, ageMs }) => [topic, nowMs - Number(ageMs)]))
}

function shownLines(ages: ReadonlyMap<string, number>, screen: Terminal['screen']): LineOf {
  return ({ topic, payload, retain, qos, properties }) => {
    const nowMs = Date.now()
    const since = ages.get(topic)
    const age = since === undefined ? [] : [ageOf(since, nowMs)]
    const user = propertiesText(Object(properties).userProperties)
    const notes = [
      ...(retain ? ['retained', ...age] : []),
      ...(qos > 0 ? [`qos ${qos}`] : []),
      ...(user === '' ? [] : [plainText(user)]),
    ]
    const note = notes.length === 0 ? '' : painted(screen, 'dim', `  (${notes.join(', ')})`)
    const time = painted(screen, 'dim', clockTime(nowMs))
    const name = painted(screen, 'cyan', plainText(topic))
    return `${time} ${name} ${plainText(payload.toString())}${note}\n`
  }
}

/** What devices have reported since a time, and then what they report: without a gap or a double. */
async function fromHistory(topic: string, values: Values, terminal: Terminal): Promise<number> {
  const { since, quantity, json } = values
  const from = timeOption('--since', since)
  const wanted = { topic, quantity, from, format: 'ndjson', follow: 'true' } as const
  let rest = ''
  await streamHistory(hubAddress(values, terminal), { ...terminal, wanted }, (text) => {
    const lines = (rest + text).split('\n')
    rest = String(lines.pop())
    const isForPeople = !json && terminal.screen !== undefined
    const printed = isForPeople ? lines.map(wordsOf) : lines
    return terminal.write(printed.map((line) => `${line}\n`).join(''))
  })
  return 0
}

/** When, which topic, and what it was: a quantity with its value and unit, or a payload. */
function wordsOf(line: string): string {
  const parsed: unknown = JSON.parse(line)
  const { at, topic, quantity, value, unit, payload } = isRecord(parsed) ? parsed : {}
  const reported = quantity === undefined ? [payload] : [quantity, value, ...(unit ? [unit] : [])]
  return [at, topic, ...reported].map(wordOf).join(' ')
}
