import { type DestinationStream, type Level, type Logger, pino } from 'pino'
import { logLine } from './log-line.ts'

/** Standard error: standard output belongs to what a command answers. */
const descriptor = 2

/** A log whose lines wait until they are released. */
export interface HeldLog {
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
