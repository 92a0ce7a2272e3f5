/** What time it is, and times as people, pages and programs say them: `from`, `to` and `since` are read here alone. */
import { type ErrorCode, HubError, quote } from './errors.ts'
import { guarded } from './guard.ts'

/** What time it is. */
export interface Clock {
  /** Milliseconds of a clock that never jumps; only differences mean something. */
  nowMs(): number
  /** Milliseconds since 1970 in UTC, by a clock that somebody may set. */
  wallMs(): number
}

/** A clock that also calls when a time has come. */
export interface AlarmClock extends Clock {
  /** Calls `act` once after so many milliseconds, unless the returned function was called before. */
  after(delayMs: number, act: () => void): () => void
}

/** The clock of the machine. What waits for it does not keep the process running. */
export const systemClock: AlarmClock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, act) => {
    const timer = setTimeout(guarded, delayMs, act).unref()
    return () => clearTimeout(timer)
  },
}

/** The same as `systemClock.after` for what has to be done: it keeps the process running. */
export function laterForSure(delayMs: number, act: () => void): () => void {
  const timer = setTimeout(guarded, delayMs, act)
  return () => clearTimeout(timer)
}

/** Calls `act` again and again, until the returned function is called. It does not keep the process running. */
export function every(intervalMs: number, act: () => void): () => void {
  const timer = setInterval(guarded, intervalMs, act).unref()
  return () => clearInterval(timer)
}

/** Calls `act` in the next turn of the event loop, once the sockets were read, unless the returned function was called before. */
export function nextTurn(act: () => void): () => void {
  const turn = setImmediate(guarded, act)
  return () => clearImmediate(turn)
}

/** Calls `act` when all that runs now has returned. */
export function afterwards(act: () => void): void {
  queueMicrotask(() => guarded(act))
}

const startedAtMs = Date.now() - performance.now()

/** Milliseconds since 1970 as they were when the process was started, counted on steadily: nobody sets it. */
export function steadyMs(): number {
  return startedAtMs + performance.now()
}

/** A delay is ours from so much on; what is late by less was read in time. */
const stallMs = 50

/** So long it takes at most to read what came while the event loop stood still. */
const mostReadingMs = 1000

/**
 * `clock`, but whatever it calls is called after the sockets were read: once, or for as long as the event loop
 * stood still when that was due. So nobody is told to be late who was not.
 */
export function readingFirst(clock: AlarmClock): AlarmClock {
  return {
    ...clock,
    after: (delayMs, act) => {
      const dueMs = clock.nowMs() + delayMs
      let cancel = clock.after(delayMs, () => {
        const lateMs = Math.min(clock.nowMs() - dueMs, mostReadingMs)
        if (lateMs > stallMs) cancel = clock.after(lateMs, actOnceRead)
        else actOnceRead()
      })
      const actOnceRead = () => {
        cancel = nextTurn(act)
      }
      return () => cancel()
    },
  }
}

interface TimeReader {
  /** What the time is called where it is said, such as `from` or `--since`. */
  readonly name: string
  /** With what a mistake is refused. */
  readonly code: ErrorCode
  /** From when on a time such as `1h` is told back. */
  readonly nowMs: number
  /** Whether a bare number is milliseconds since 1970; a person who types one forgot its unit. */
  readonly takesNumbers: boolean
}

/** The time `at`, in milliseconds since 1970, as ISO 8601 in UTC. */
export function isoTime(at: number): string {
  return new Date(at).toISOString()
}

/**
 * Milliseconds since 1970 of a time: how long ago it is, such as `90s`, `30m`, `1h` or `7d`; ISO 8601, of
 * which a day alone begins at midnight in UTC; or, where `reader` takes it, that number itself.
 *
 * @throws HubError with the code of `reader`, for anything else, and for a day that is not there.
 */
export function readTime(value: unknown, reader: TimeReader): number {
  const { name, code, takesNumbers } = reader
  const time = timeIn(value, reader)
  const reason = typeof time === 'string' ? time : outOfRange(time)
  if (typeof time === 'number' && reason === undefined) return time
  const forms = takesNumbers
    ? '7d, 2026-11-21T10:00:00Z or milliseconds since 1970'
    : '7d or 2026-11-21T10:00:00Z'
  const expected = `expected ${name} to be a time such as 90s, 30m, 1h, ${forms}`
  throw new HubError(code, `${expected}, got ${quote(String(value))}${reason}`)
}

/** 9999-12-31T23:59:59.999Z; what is later has another form in ISO 8601. */
const latestTime = 253_402_300_799_999

function outOfRange(time: number): string | undefined {
  return time >= 0 && time <= latestTime ? undefined : ', which is not between 1970 and 9999'
}

/** The time, or what is wrong with it, in words that may follow it. */
function timeIn(value: unknown, { nowMs, takesNumbers }: TimeReader): number | string {
  if (typeof value === 'number' && takesNumbers) return Math.floor(value)
  if (typeof value !== 'string') return ''
  if (takesNumbers && /^\d{1,15}$/.test(value)) return Number(value)
  const [, digits, unit = ''] = /^(\d{1,6})([smhd])$/.exec(value) ?? []
  if (digits !== undefined) return agoIn(Number(digits) * Number(unitMs[unit]), nowMs)
  return isoTimeIn(value)
}

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** There is nothing before 1970. */
function agoIn(ms: number, nowMs: number): number {
  return Math.max(0, Math.floor(nowMs - ms))
}

/** RFC 3339, with or without seconds. The plus of a zone is a space where somebody left it so in a URL. */
const isoForm =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?:(Z)|([+ -]\d\d):?(\d\d))?)?$/i

function isoTimeIn(text: string): number | string {
  const [, day, clock, utc, hours, minutes] = isoForm.exec(text) ?? []
  if (day === undefined) return ''
  if (!isDay(day)) return ', a day that is not there'
  if (clock === undefined) return Date.parse(day)
  const zone = utc ?? (hours && `${hours.replace(' ', '+')}:${minutes}`)
  if (zone === undefined) return ' without a zone such as Z or +01:00'
  const time = Date.parse(`${day}T${clock}${zone}`.toUpperCase())
  return Number.isNaN(time) ? ', a time of day that is not there' : time
}

/** `Date.parse` alone takes 31 February for 3 March. */
function isDay(text: string): boolean {
  const day = new Date(text)
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text)
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const

/** How long before `nowMs` something was, such as `5 min ago`; what the hub's clock is ahead of ours is now. */
export function ageOf(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs
  const [word, size] = units.find(([, each]) => ms >= each) ?? []
  return word === undefined ? 'now' : `${Math.floor(ms / size)} ${word} ago`
}

/** Local time to the second, with the day unless that is today. */
export function localTime(atMs: number, nowMs: number): string {
  const day = dayOf(atMs)
  return day === dayOf(nowMs) ? clockTime(atMs) : `${day} ${clockTime(atMs)}`
}

/** Such as `07:26:11`, by the local clock. */
export function clockTime(ms: number): string {
  const at = new Date(ms)
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(':')
}

function dayOf(ms: number): string {
  const at = new Date(ms)
  return [at.getFullYear(), at.getMonth() + 1, at.getDate()].map(twoDigits).join('-')
}

function twoDigits(part: number): string {
  return String(part).padStart(2, '0')
}
