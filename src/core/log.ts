/** Where the log goes, how a line of it looks, and who else hears it. */

import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { type DestinationStream, type Level, type Logger, pino, symbols } from 'pino'
import { createListeners } from './callbacks.ts'
import { clockTime, systemClock } from './clock.ts'
import { systemCodeOf } from './errors.ts'
import { guarded } from './guard.ts'
import { isRecord } from './json.ts'

/** Standard output belongs to what a command answers. */
const standardErrorDescriptor = 2

/** A log whose lines wait until they are released. */
interface HeldLog {
  readonly log: Logger
  /** Writes what has waited; later lines wait no more. */
  release(): void
}

/** On standard error, lines for people in a terminal and JSON lines elsewhere. `onLost` is called for each that is lost. */
export function openLog(level: Level | 'silent', onLost?: () => void): Logger {
  /* c8 ignore next 2: standard error has to stop for that, as test/faults/log.test.ts makes that of another process. */
  const tellLost = (count: number) =>
    log.warn(
      { event: 'log-lines-lost', kind: 'log-lines-lost', count },
      'nobody took these lines of the log',
    )
  const log = pino({ name: 'clown-hub', level }, standardError({ onLost, tellLost }))
  return log
}

/** The same, for who has something to say before the log. */
export function openHeldLog(level: Level | 'silent'): HeldLog {
  const waiting: string[] = []
  const log = openLog(level)
  const stream = streamOf(log)
  let write = (line: string): unknown => waiting.push(line)
  setStream(log, { write: (line) => write(line) })
  return {
    log,
    release: () => {
      write = (line) => stream.write(line)
      for (const line of waiting.splice(0)) write(line)
    },
  }
}

type Loss = Pick<LineWriterOptions, 'onLost' | 'tellLost'>

function standardError(loss: Loss): DestinationStream {
  descriptor ??= patientDescriptor(standardErrorDescriptor)
  const writer = openLineWriter({ descriptor, ...loss })
  process.once('exit', writer.flush)
  if (!process.stderr.isTTY) return writer
  const look = { isColoured: process.stderr.hasColors() }
  return { write: (line) => writer.write(logLine(line, look)) }
}

/**
 * `opened`, which is standard error, as something that says when it takes no more, in place of stopping the whole
 * process. A pipe and a terminal are opened once more for that: others that write there notice nothing.
 */
export function patientDescriptor(opened: number): number {
  // Of a file that is opened once more, two would write at the same place.
  if (fstatSync(opened).isFile()) return opened
  try {
    const path = `/proc/self/fd/${opened}`
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    // A socket, as that of systemd, cannot be opened again. Node.js makes of it one that does not wait when it looks at it.
    return process.stderr.fd
  }
}

/** One for all logs. */
let descriptor: number | undefined

/** What writes lines somewhere. */
export interface LineWriter {
  /** Takes a line, which is written soon, or lost when too much waits already. */
  write(line: string): void
  /** Writes what can be written without waiting: the process ends. */
  flush(): void
}

export interface LineWriterOptions {
  readonly descriptor: number
  /** Called for each line that is lost. */
  readonly onLost?: (() => void) | undefined
  /** Called with how many were lost, once lines are taken again. */
  tellLost(count: number): void
}

/** Characters that may wait for who reads the log. */
const mostWaiting = 512 * 1024

/** About so many go at once. */
const mostAtOnce = 64 * 1024

/** Where nobody reads, or nothing fits on the disk, it is tried again so soon. */
const retryMs = 100

/** Writes lines without waiting for anybody: not for a reader who has stopped, nor for room on a disk. */
export function openLineWriter({ descriptor, onLost, tellLost }: LineWriterOptions): LineWriter {
  const queue = createLineQueue()
  let lost = 0
  let state: 'idle' | 'writing' | 'pausing' = 'idle'
  const lose = (count: number) => {
    lost += count
    for (let each = 0; each < count; each++) onLost?.()
  }
  const work = () => {
    const { bytes } = queue.first()
    state = bytes.length > 0 ? 'writing' : 'idle'
    if (state === 'writing')
      write(descriptor, bytes, (error, taken) => guarded(() => written(error, taken)))
  }
  const written = (error: Error | null, bytes: number) => {
    if (error !== null) {
      state = 'pausing'
      systemClock.after(retryMs, work)
      if (systemCodeOf(error) !== 'EAGAIN') lose(queue.drop())
      return
    }
    queue.taken(bytes)
    work()
    const count = lost
    lost = 0
    if (count > 0) tellLost(count)
  }
  return {
    write: (line) => {
      if (!queue.add(line)) lose(1)
      else if (state === 'idle') work()
    },
    flush: () => {
      // What is being written is, before the process is gone.
      if (state === 'writing') queue.drop()
      try {
        for (let next = queue.first(); next.bytes.length > 0; next = queue.first()) {
          queue.taken(writeSync(descriptor, next.bytes))
        }
      } catch {
        // Nobody takes them.
      }
    },
  }
}

/** Lines that wait, and those at their front as one piece. */
function createLineQueue() {
  let waiting: string[] = []
  let length = 0
  let first = { bytes: Buffer.alloc(0), lines: 0 }
  const takeFirst = () => {
    let sum = 0
    const end = waiting.findIndex((line) => {
      sum += line.length
      return sum >= mostAtOnce
    })
    const lines = end < 0 ? waiting : waiting.slice(0, end + 1)
    waiting = end < 0 ? [] : waiting.slice(end + 1)
    length -= sum
    first = { bytes: Buffer.from(lines.join('')), lines: lines.length }
  }
  return {
    /** False when too much waits already. */
    add: (line: string): boolean => {
      if (length + line.length > mostWaiting) return false
      waiting.push(line)
      length += line.length
      return true
    },
    /** The piece that is to be written; empty when nothing waits. */
    first: () => {
      if (first.bytes.length === 0) takeFirst()
      return first
    },
    taken: (bytes: number) => {
      first = { ...first, bytes: first.bytes.subarray(bytes) }
    },
    /** Gives up that piece, and returns how many lines it has. */
    drop: (): number => {
      const { lines } = first
      first = { bytes: Buffer.alloc(0), lines: 0 }
      return lines
    },
  }
}

/** How log lines for people look. */
interface Look {
  /** Whether the terminal shows colours. */
  readonly isColoured: boolean
}

const levels: Readonly<Record<number, { readonly word: string; readonly colour: string }>> = {
  10: { word: 'trace', colour: '2' },
  20: { word: 'debug', colour: '2' },
  30: { word: 'info', colour: '32' },
  40: { word: 'warn', colour: '33' },
  50: { word: 'error', colour: '31' },
  60: { word: 'fatal', colour: '1;31' },
}

/** In every line of the hub, or said elsewhere in it. */
const leftOut = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'err', 'event'])

/**
 * A JSON line of the log as a terminal shows it: `07:26:11 warn  a message was refused  topic=a/b`, in local
 * time, and below it where an error was thrown. What strangers wrote cannot command the terminal.
 */
export function logLine(json: string, look: Look): string {
  const line: unknown = JSON.parse(json)
  if (!isRecord(line)) return json
  const { level, time, msg = '', err } = line
  const { word, colour } = levels[Number(level)] ?? { word: String(level), colour: '0' }
  const known = Object.entries(line).filter(
    ([key, value]) => !leftOut.has(key) && isWorthIt(key, value),
  )
  const fields = known.map(([key, value]) => `${printable(key)}=${valueText(value)}`).join(' ')
  const words = [
    painted(clockTime(Number(time)), '2', look),
    painted(word.padEnd(5), colour, look),
    printable(String(msg)),
    ...(fields === '' ? [] : [` ${painted(fields, '2', look)}`]),
  ]
  return `${[words.join(' '), ...stackOf(err)].join('\n')}\n`
}

/** Nothing was left out of nearly every line that is sampled. */
function isWorthIt(key: string, value: unknown): boolean {
  return value !== undefined && !(key === 'leftOut' && value === 0)
}

function valueText(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[^\s"=]+$/.test(value)
  return printable(isPlain ? value : JSON.stringify(value))
}

function stackOf(error: unknown): string[] {
  if (!isRecord(error)) return []
  const { stack, message } = error
  return String(stack ?? message)
    .split('\n')
    .map((line) => `         ${printable(line)}`)
}

/** Control and format characters move the cursor, or turn the text around: they are shown by number. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u${Number(character.codePointAt(0)).toString(16).padStart(4, '0')}`
  })
}

function painted(text: string, colour: string, { isColoured }: Look): string {
  return isColoured ? `\u001b[${colour}m${text}\u001b[0m` : text
}

/** A line of the log, without the fields that say more than its text. */
export interface TailedLine {
  /** In milliseconds since 1970. */
  readonly atMs: number
  /** The kind of an odd thing, where it has one. */
  readonly kind: string | undefined
  readonly text: string
}

/** Tells whoever listens what is logged. */
export interface LogTail {
  /** Calls `listener` with each line from now on; the returned function ends that. */
  onLine(listener: (line: TailedLine) => void): () => void
  close(): void
}

export function createLogTail(log: Logger): LogTail {
  const { add: onLine, tell } = createListeners<[line: TailedLine]>()
  const stream = streamOf(log)
  setStream(log, {
    write: (line) => {
      stream.write(line)
      tell(read(line))
    },
  })
  return { onLine, close: () => setStream(log, stream) }
}

function streamOf(log: Logger): DestinationStream {
  return Reflect.get(log, symbols.streamSym)
}

function setStream(log: Logger, stream: DestinationStream): void {
  Reflect.set(log, symbols.streamSym, stream)
}

function read(line: string): TailedLine {
  const { time, kind, msg = '' }: { time: number; kind?: string; msg?: string } = JSON.parse(line)
  return { atMs: time, kind, text: msg }
}
