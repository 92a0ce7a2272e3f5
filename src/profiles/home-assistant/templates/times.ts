/** Points in time as templates make and write them, all in UTC: a device's time belongs to no zone of the hub's. */
import { isoText } from './texts.ts'
import {
  asNumber,
  asText,
  type Call,
  Duration,
  floatOf,
  kindOf,
  Moment,
  numberIn,
  TemplateError,
} from './values.ts'

/** What filters, functions and methods have to do with time, each by its name. */
export const timeFilters: Readonly<Record<string, Call>> = {
  as_timestamp: (value, given) =>
    orDefault(given.at(0, 'default'), () => secondsOf(momentOf(value))),
  as_datetime: (value, given) => orDefault(given.at(0, 'default'), () => momentOf(value)),
  as_local: (value) => momentOf(value),
  as_timedelta: (value) => new Duration(asNumber(value) * 1000),
  timestamp_local: (value, given) => orDefault(given.at(0, 'default'), () => isoOf(value)),
  timestamp_utc: (value, given) => orDefault(given.at(0, 'default'), () => isoOf(value)),
  timestamp_custom: (value, given) => {
    const form = asText(given.at(0, 'format_string') ?? '%Y-%m-%d %H:%M:%S')
    return orDefault(given.at(2, 'default'), () => formatted(secondsMoment(value), form))
  },
}

export const timeFunctions: Readonly<Record<string, Call>> = {
  now: (_value, _given, { clock }) => new Moment(clock.wallMs()),
  utcnow: (_value, _given, { clock }) => new Moment(clock.wallMs()),
  as_timestamp: (_value, given) =>
    orDefault(given.at(1, 'default'), () => secondsOf(momentOf(given.at(0, 'value')))),
  as_datetime: (_value, given) =>
    orDefault(given.at(1, 'default'), () => momentOf(given.at(0, 'value'))),
  today_at: (_value, given, { clock }) => {
    const day = isoText(new Moment(clock.wallMs()), 'T').slice(0, 10)
    return momentOf(`${day}T${asText(given.at(0, 'time_str') ?? '00:00')}`)
  },
  timedelta: (_value, given) => {
    const parts = lengths.map(([name, ms], at) => asNumber(given.at(at, name) ?? 0) * ms)
    return new Duration(parts.reduce((sum, ms) => sum + ms, 0))
  },
  strptime: (_value, given) =>
    orDefault(given.at(2, 'default'), () => {
      return parsedBy(asText(given.at(0, 'string')), asText(given.at(1, 'format')))
    }),
}

export const timeMethods: Readonly<Record<string, Call>> = {
  timestamp: (value) => (value instanceof Moment ? secondsOf(value) : undefined),
  isoformat: (value) => (value instanceof Moment ? isoText(value, 'T') : undefined),
  strftime: (value, given) =>
    value instanceof Moment ? formatted(value, asText(given.at(0, 'format'))) : undefined,
  weekday: (value) => (value instanceof Moment ? (utc(value).getUTCDay() + 6) % 7 : undefined),
  isoweekday: (value) => (value instanceof Moment ? utc(value).getUTCDay() || 7 : undefined),
  total_seconds: (value) => (value instanceof Duration ? floatOf(value.ms / 1000) : undefined),
}

/** The parameters of `timedelta`, in Python's order, in milliseconds. */
const lengths = [
  ['days', 86_400_000],
  ['seconds', 1000],
  ['microseconds', 0.001],
  ['milliseconds', 1],
  ['minutes', 60_000],
  ['hours', 3_600_000],
  ['weeks', 604_800_000],
] as const

const momentParts: Readonly<Record<string, (at: Date) => number>> = {
  year: (at) => at.getUTCFullYear(),
  month: (at) => at.getUTCMonth() + 1,
  day: (at) => at.getUTCDate(),
  hour: (at) => at.getUTCHours(),
  minute: (at) => at.getUTCMinutes(),
  second: (at) => at.getUTCSeconds(),
  microsecond: (at) => at.getUTCMilliseconds() * 1000,
}

/** `hour` and the like of a moment, `days` and `seconds` of a duration; undefined for any other. */
export function timePartOf(value: unknown, name: unknown): unknown {
  if (typeof name !== 'string') return undefined
  if (value instanceof Moment && Object.hasOwn(momentParts, name))
    return momentParts[name]?.(utc(value))
  if (!(value instanceof Duration)) return undefined
  const days = Math.floor(value.ms / 86_400_000)
  if (name === 'days') return days
  return name === 'seconds' ? Math.floor((value.ms - days * 86_400_000) / 1000) : undefined
}

/** `one + other` or `one - other` where one of them is a time; undefined when neither is. */
export function timeSum(one: unknown, other: unknown, sign: 1 | -1): unknown {
  if (other instanceof Duration) {
    if (one instanceof Moment) return new Moment(one.ms + sign * other.ms)
    return one instanceof Duration ? new Duration(one.ms + sign * other.ms) : undefined
  }
  if (one instanceof Moment && other instanceof Moment && sign === -1) {
    return new Duration(one.ms - other.ms)
  }
  return one instanceof Duration && other instanceof Moment && sign === 1
    ? new Moment(other.ms + one.ms)
    : undefined
}

/** What `act` returns; where it cannot, `fallback`, if one was given. */
function orDefault(fallback: unknown, act: () => unknown): unknown {
  if (fallback === undefined) return act()
  try {
    return act()
  } catch {
    return fallback
  }
}

function utc({ ms }: Moment): Date {
  return new Date(ms)
}

function secondsOf({ ms }: Moment): unknown {
  return floatOf(ms / 1000)
}

function isoOf(value: unknown): string {
  return isoText(secondsMoment(value), 'T')
}

function secondsMoment(value: unknown): Moment {
  return new Moment(asNumber(value) * 1000)
}

/** A day, with or without a time of it; without a zone it is UTC. */
const isoForm = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?)?$/

function momentOf(value: unknown): Moment {
  if (value instanceof Moment) return value
  if (numberIn(value) !== undefined) return secondsMoment(value)
  if (typeof value !== 'string') throw new TemplateError(`expected a time, got ${kindOf(value)}`)
  const [, day, clock = '00:00', zone = 'Z'] = isoForm.exec(value.trim()) ?? []
  const ms = Date.parse(`${day}T${clock}${zone.replace(/^(...)(\d\d)$/, '$1:$2')}`)
  if (Number.isNaN(ms)) throw new TemplateError('expected a time such as 2026-01-01T12:00:00Z')
  return new Moment(ms)
}

const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July']
months.push('August', 'September', 'October', 'November', 'December')
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/** The letters of `strftime`, and what each stands for. */
const written: Readonly<Record<string, (at: Date) => string | number | undefined>> = {
  Y: (at) => at.getUTCFullYear(),
  y: (at) => twoDigits(at.getUTCFullYear() % 100),
  m: (at) => twoDigits(at.getUTCMonth() + 1),
  d: (at) => twoDigits(at.getUTCDate()),
  H: (at) => twoDigits(at.getUTCHours()),
  I: (at) => twoDigits(at.getUTCHours() % 12 || 12),
  M: (at) => twoDigits(at.getUTCMinutes()),
  S: (at) => twoDigits(at.getUTCSeconds()),
  f: (at) => `${at.getUTCMilliseconds()}000`.padStart(6, '0'),
  p: (at) => (at.getUTCHours() < 12 ? 'AM' : 'PM'),
  B: (at) => months[at.getUTCMonth()],
  b: (at) => months[at.getUTCMonth()]?.slice(0, 3),
  A: (at) => days[at.getUTCDay()],
  a: (at) => days[at.getUTCDay()]?.slice(0, 3),
  F: (at) => at.toISOString().slice(0, 10),
  T: (at) => at.toISOString().slice(11, 19),
  s: (at) => Math.floor(at.getTime() / 1000),
  z: () => '+0000',
  Z: () => 'UTC',
  '%': () => '%',
}

function formatted(moment: Moment, form: string): string {
  return form.replace(/%([a-zA-Z%])/g, (all, letter: string) => {
    return Object.hasOwn(written, letter) ? String(written[letter]?.(utc(moment))) : all
  })
}

function twoDigits(part: number): string {
  return String(part).padStart(2, '0')
}

/** The letters of `strptime` that are numbers, with the most digits each has. */
const readDigits: Readonly<Record<string, number>> = { Y: 4, m: 2, d: 2, H: 2, M: 2, S: 2, f: 6 }

/** Reads `text` from left to right as `form` has it. */
function parsedBy(text: string, form: string): Moment {
  const read = new Map<string, string>()
  let at = 0
  for (const [piece, letter] of form.matchAll(/%([a-zA-Z])|[^%]/gs)) {
    const most = readDigits[letter ?? ''] ?? 0
    const found = letter === undefined ? piece : digitsAt(text, at, most)
    if (found === '' || !text.startsWith(found, at)) throw unreadable(text, form)
    if (letter !== undefined) read.set(letter, found)
    at += found.length
  }
  if (at !== text.length) throw unreadable(text, form)
  const part = (letter: string, otherwise: string) =>
    (read.get(letter) ?? otherwise).padStart(2, '0')
  const day = `${part('Y', '1900')}-${part('m', '1')}-${part('d', '1')}`
  const fraction = (read.get('f') ?? '').padEnd(6, '0')
  return momentOf(`${day}T${part('H', '0')}:${part('M', '0')}:${part('S', '0')}.${fraction}`)
}

function digitsAt(text: string, at: number, most: number): string {
  return text.slice(at, at + most).replace(/\D.*$/s, '')
}

function unreadable(text: string, form: string): TemplateError {
  return new TemplateError(
    `expected a time as ${JSON.stringify(form)} has it, got ${JSON.stringify(text)}`,
  )
}
