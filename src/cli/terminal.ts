/** What a command sees of the person before it: what it prints, what is typed, and when to end. */
import type { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import { type Readable, Writable } from 'node:stream'
import { HubError } from '../core/errors.ts'

/** What a command sees of the world around it. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>
  print(line: string): void
  /** Prints a line that is none of what was asked for, on standard error. */
  printError(line: string): void
  /** Says how far long work is, in place of what was said before; nothing where nobody looks. */
  progress(text: string): void
  /** Prints text of any length; resolves when it went out, to false when nobody reads it any more. */
  write(text: string): Promise<boolean>
  /** Standard input. */
  readonly input: Readable
  /** There when somebody sees what is printed on a terminal; undefined when a program or file takes it. */
  readonly screen: Screen | undefined
  /** Resolves when the user asks the command to end. */
  readonly stopped: Promise<void>
  /** What nobody has caught goes there, and then the command ends: a supervisor starts it again. */
  endOnDefect(tell: (error: unknown) => void): void
  /** From now on these do nothing. */
  ignore(signals: readonly NodeJS.Signals[]): void
  /** Calls `reload` each time a service manager asks for files to be read anew. */
  onReload(reload: () => void): void
}

export interface Screen {
  /** What is drawn on, for who edits a line there. */
  readonly output: Writable
  columns(): number
  rows(): number
  /** Whether it shows colours, and nobody has asked for none (https://no-color.org). */
  readonly hasColors: boolean
}

/** Aborted when the user asks for an end. */
export function stopSignal({ stopped }: Pick<Terminal, 'stopped'>): AbortSignal {
  const stopping = new AbortController()
  void stopped.then(() => stopping.abort())
  return stopping.signal
}

/** What of a stream matters here: a terminal has a size. */
interface Drawn extends Writable {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** Undefined for a file or a pipe. */
export function screenOf(
  stream: Drawn,
  { NO_COLOR, TERM }: Readonly<Record<string, string | undefined>>,
): Screen | undefined {
  if (stream.isTTY !== true) return undefined
  return {
    output: stream,
    columns: () => Number(stream.columns),
    rows: () => Number(stream.rows),
    hasColors: !NO_COLOR && TERM !== 'dumb',
  }
}

/** Writes how far something is over what was written before, where that is a terminal. */
export function progressOn(stream: Drawn): (text: string) => void {
  return (text) => {
    if (stream.isTTY === true) stream.write(`\r\u001b[K${text}`)
  }
}

const colors = { dim: 2, bold: 1, red: 31, green: 32, yellow: 33, cyan: 36 } as const

/** `text` in a colour, where there is a terminal that shows it. */
export function painted(
  screen: Pick<Screen, 'hasColors'> | undefined,
  color: keyof typeof colors,
  text: string,
): string {
  return screen?.hasColors ? `\u001b[${colors[color]}m${text}\u001b[0m` : text
}

/**
 * Of a terminal, what is typed there and not shown; else a line of input. Undefined when nobody wants to say it.
 *
 * @throws HubError `bad-command-line` for an empty one.
 */
export async function readHidden(
  what: string,
  question: string,
  terminal: Pick<Terminal, 'input' | 'screen' | 'write'>,
): Promise<string | undefined> {
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: terminal.input, output, terminal: true })
  if (terminal.screen !== undefined) await terminal.write(question)
  const typed = await new Promise<string | undefined>((resolve) => {
    lines.once('line', resolve).once('SIGINT', () => resolve(undefined))
    lines.once('close', () => resolve(''))
  })
  lines.close()
  if (terminal.screen !== undefined) await terminal.write('\n')
  if (typed !== '') return typed
  throw new HubError('bad-command-line', `expected ${what} on standard input, got none`)
}

/** By their default they end a process at once; others take them for a wish to read files anew, or to say how it is. */
export const straySignals: readonly NodeJS.Signals[] = ['SIGQUIT', 'SIGUSR2', 'SIGALRM']

/** Prints what the configuration has to be changed for before the next release. */
export function warningsTo({ print }: Pick<Terminal, 'print'>): (sentence: string) => void {
  return (sentence) => print(`warning: ${sentence}`)
}

/**
 * What a stranger may have written, on one line of a terminal: no control characters come through, and none
 * that turn the text around them.
 */
export function plainText(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Bidi_Control}]+/gu, ' ')
}

/** A value of JSON as one word or more; a dash when there is none. */
export function wordOf(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-'
  return plainText(typeof value === 'string' ? value : JSON.stringify(value))
}

export interface StopSurroundings {
  /** Emits `SIGINT` and `SIGTERM`, as `process` does. */
  readonly signals: Pick<EventEmitter, 'on' | 'removeAllListeners'>
  /** Milliseconds of a clock that never jumps. */
  now(): number
  /** Calls `act` after so many milliseconds, unless nothing else keeps the process running. */
  after(delayMs: number, act: () => void): unknown
  exit(code: number): void
  /** Sends the process a signal, which ends it at once where nothing listens for that. */
  kill(signal: NodeJS.Signals): void
}

/** As a shell says of a program that Ctrl-C has ended: 128 and the number of the signal. */
export const interruptedCode = 130

/** What was waited for did not come in time. */
export const timedOutCode = 3

/** So long a program that was asked to end may take: whoever asked kills it otherwise, as Docker does after 10 s. */
const mostStoppingMs = 10_000

/** npm passes on a Ctrl-C that the terminal sends here as well: that is one, not two. */
const sameSignalMs = 1000

/**
 * Resolves at the first signal that asks for an end. Who asks again later does not want to wait: the signal does then
 * what it would have done without us, of which a shell makes 130 or 143. What has not ended 10 s after the first one is killed.
 */
export function firstStopSignal(surroundings: StopSurroundings): Promise<void> {
  const { signals, now, after, kill, exit } = surroundings
  const end = (signal: NodeJS.Signals) => {
    signals.removeAllListeners(signal)
    // `exit` waits for threads, also for one that waits for a disk; a signal does not.
    kill(signal)
    // The first process of a container is deaf to its own.
    exit(128 + constants.signals[signal])
  }
  return new Promise((resolve) => {
    let firstAtMs: number | undefined
    const stop = (signal: NodeJS.Signals) => {
      if (firstAtMs === undefined) after(mostStoppingMs, () => end('SIGKILL'))
      firstAtMs ??= now()
      resolve()
      if (now() - firstAtMs > sameSignalMs) end(signal)
    }
    signals.on('SIGINT', stop)
    signals.on('SIGTERM', stop)
  })
}
