import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { MqttClient } from 'mqtt'
import { HubError, quote, reasonOf } from '../core/errors.ts'
import { matches } from '../core/filter.ts'
import { checkFilter } from '../core/topic.ts'
import { type CliCommand, jsonOption, printAnswer, readArguments, required } from './arguments.ts'
import { refusedCode } from './ask-hub.ts'
import { hubOptions, hubUsage } from './hub-address.ts'
import { closeBus, connectBus, published } from './hub-bus.ts'
import { type LongWork, longWork } from './long-work.ts'
import { readMessageLine, type Timed } from './message-lines.ts'
import type { Terminal } from './terminal.ts'

const usage = `replay FILE [FILTER…] [--speed FACTOR] [--json] ${hubUsage}`

const options = {
  speed: { type: 'string', default: '1' },
  ...jsonOption,
  ...hubOptions,
} as const

export const replay: CliCommand = {
  usage,
  summary:
    'publish what record has written, or what filters match of it, with its pauses, so many times as fast: --speed 10 takes a tenth of the time, --speed max none',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const [given, ...filters] = positionals
    const file = required(given, 'the name of a file', usage)
    for (const filter of filters) checkFilter(filter)
    const speed = readSpeed(values.speed)
    const tally: Tally = { sent: 0, total: await countLines(file, filters), refusals: [] }
    const bus = await connectBus(values, terminal)
    try {
      return await longWork(
        terminal,
        () => sentenceOn(tally),
        async (long) => {
          await replayAll(bus, { messages: messagesIn(file, filters), speed, tally }, long)
          const code = told(tally, terminal)
          const { sent, total, refusals } = tally
          const value = { file, published: sent, total, refused: refusals }
          printAnswer(terminal, values, { value, lines: [] })
          return code
        },
      )
    } finally {
      await closeBus(bus)
    }
  },
}

/** How many times as fast; infinite for `max`. @throws HubError `bad-command-line` */
function readSpeed(text: string): number {
  const speed = text === 'max' ? Number.POSITIVE_INFINITY : Number(text)
  if (speed > 0) return speed
  const expected = 'expected --speed to be a number above 0, or max'
  throw new HubError('bad-command-line', `${expected}, got ${quote(text)}`)
}

/** @throws HubError `unreadable-file` when it is not there, or one of its lines is no message. */
async function* messagesIn(file: string, filters: readonly string[]): AsyncIterable<Timed> {
  let number = 0
  try {
    for await (const text of createInterface({ input: createReadStream(file) })) {
      number++
      const timed = readMessageLine(text, `line ${number} of ${file}`)
      const isMeant = (filter: string) => matches(filter, timed.message.topic)
      if (filters.length === 0 || filters.some(isMeant)) yield timed
    }
  } catch (cause) {
    if (cause instanceof HubError) throw cause
    const reason = reasonOf(cause).replace(/,.*/s, '')
    throw new HubError('unreadable-file', `expected to read ${quote(file)}: ${reason}`, { cause })
  }
}

/** All of a file is read before anything of it is published: a wrong line would leave half of a session. */
async function countLines(file: string, filters: readonly string[]): Promise<number> {
  let count = 0
  for await (const _ of messagesIn(file, filters)) count++
  return count
}

/** What became of it, so far. */
interface Tally {
  sent: number
  readonly total: number
  readonly refusals: string[]
}

interface Replaying {
  readonly messages: AsyncIterable<Timed>
  readonly speed: number
  readonly tally: Tally
}

async function replayAll(
  bus: MqttClient,
  { messages, speed, tally }: Replaying,
  { signal, step }: LongWork,
): Promise<void> {
  const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  let answered = Promise.resolve()
  let firstMs: number | undefined
  const startMs = performance.now()
  for await (const { atMs, message } of messages) {
    firstMs ??= atMs
    const dueMs = startMs + (atMs - firstMs) / speed
    const waitMs = dueMs - performance.now()
    if (waitMs > 1) await pause(waitMs, undefined, { signal })
    const telling = published(bus, message).then((refusal) => {
      if (refusal !== undefined) tally.refusals.push(`${message.topic}: ${refusal}`)
    })
    answered = Promise.all([answered, telling]).then(() => {})
    tally.sent++
    step(sentenceOn(tally))
    // What waits for its answer is bounded.
    if (tally.sent % 100 === 0) await Promise.race([answered, over])
  }
  await Promise.race([answered, over])
  signal.throwIfAborted()
}

function sentenceOn({ sent, total }: Tally): string {
  return `${sent} of ${total} messages were published`
}

/** Says how it ended; returns the exit code. */
function told(tally: Tally, { printError, progress }: Terminal): number {
  progress('')
  printError(sentenceOn(tally))
  if (tally.refusals.length === 0) return 0
  printError(`refused: ${tally.refusals.length} of them; the first: ${tally.refusals[0]}`)
  return refusedCode
}
