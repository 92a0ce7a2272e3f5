import { type Level, type Logger, pino } from 'pino'

/** JSON lines on standard error: standard output belongs to what a command answers. */
export function openLog(level: Level | 'silent'): Logger {
  return pino({ name: 'clown-hub', level }, pino.destination({ fd: 2, sync: true }))
}
