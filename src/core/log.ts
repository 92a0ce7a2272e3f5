/** Where the log goes, how a line of it looks, and who else hears it. */
import { type DestinationStream, type Level, type Logger, pino, symbols } from 'pino'
import { createListeners } from './callbacks.ts'
import { clockTime } from './clock.ts'
import { isRecord } from './json.ts'

/** Standard error: standard output belongs to what a command answers. */
const descriptor = 2

/** A log whose lines wait until they are released. */
interface HeldLog {
  readonly log: Logger
  /** Writes what has waited; later lines wait no more. */
  release(): void
}

/** On standard error, lines for people in a terminal and JSON lines elsewhere. */
export function openLog(level: Level | 'silent'): Logger {
  return pino({ name: 'clown-hub', level }, standardError())
}

/** The same, for who has something to say before the log. */
export function openHeldLog(level: Level | 'silent'): HeldLog {
  const waiting: string[] = []
  const stream = standardError()
  let write = (line: string): unknown => waiting.push(line)
  return {
    log: pino({ name: 'clown-hub', level }, { write: (line) => write(line) }),
    release: () => {
      write = (line) => stream.write(line)
      for (const line of waiting.splice(0)) write(line)
    },
  }
}

function standardError(): DestinationStream {
  const stream = pino.destination({ fd: descriptor, sync: true })
  if (!process.stderr.isTTY) return stream
  const look = { isColoured: process.stderr.hasColors() }
  return { write: (line) => stream.write(logLine(line, look)) }
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
const leftOut = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'err'])

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
  const stream: { write(line: string): unknown } = Reflect.get(log, symbols.streamSym)
  Reflect.set(log, symbols.streamSym, {
    write: (line: string) => {
      stream.write(line)
      tell(read(line))
    },
  })
  return { onLine, close: () => Reflect.set(log, symbols.streamSym, stream) }
}

function read(line: string): TailedLine {
  const { time, kind, msg = '' }: { time: number; kind?: string; msg?: string } = JSON.parse(line)
  return { atMs: time, kind, text: msg }
}
