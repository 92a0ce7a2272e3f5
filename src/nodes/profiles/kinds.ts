/**
 * The kinds of devices, and what is asked of them and reported by them, in one table. Clown.Model's own kinds keep its
 * names and units. docs/devices.md shows the table to people.
 */
import { HubError, nearest, quote } from '../../core/errors.ts'
import { isRecord } from '../../core/json.ts'
import { plainSwitchOf } from '../switch-state.ts'
import type { Ask, Report, StateValue } from './profile.ts'

/** How the value of a key is asked and reported. */
type Form =
  /** A boolean. Asked as one, or as any word for on and off. */
  | 'switch'
  /** 0 to 100. */
  | 'percent'
  | 'number'
  /** A colour temperature. Beyond what the lamp has it is the nearest that it has, as lamps do it. */
  | 'mired'
  /** How long, in milliseconds. */
  | 'duration'
  | 'text'
  /** `RRGGBB`, told in capital letters; asked with `#` before it, too. */
  | 'color'
  /** One of `words`. */
  | 'word'

interface Key {
  readonly form: Form
  /** What may be asked, in lower case, and the state that each ends in. */
  readonly words?: Readonly<Record<string, string>>
  /** What is reported while the device is on its way to what was asked. */
  readonly moving?: readonly string[]
}

/** What a key of a device can be set to, as everybody is told. */
export interface Settable {
  /** `any` is for what nothing is known of. */
  readonly type: 'boolean' | 'number' | 'text' | 'color' | 'any'
  /** Those that it can be, and no others. */
  readonly options?: readonly string[] | undefined
  readonly min?: number | undefined
  readonly max?: number | undefined
  readonly step?: number | undefined
  readonly unit?: string | undefined
}

/** What a profile knows of the keys of a device; `type` of those that the kind does not have. */
export type AskRanges = Readonly<Record<string, Partial<Settable>>>

/** What a device can be asked. */
interface Askable {
  /** Any, unless given. */
  readonly askKeys?: readonly string[]
  readonly ranges?: AskRanges
}

interface Kind {
  /** What can be asked of it; other keys pass as they are. */
  readonly keys: Readonly<Record<string, Key>>
  /** The key that a bare payload, such as `true` or `21.5`, is about. */
  readonly main?: string
}

const state: Key = { form: 'switch' }
const percent: Key = { form: 'percent' }
const number: Key = { form: 'number' }
const mired: Key = { form: 'mired' }
const text: Key = { form: 'text' }
const onlyReports: Kind = { keys: {} }

/**
 * | kind | keys |
 * | relay | `state`; asked `pulse`, milliseconds after which it goes back: it is turned on, unless `state` says otherwise |
 * | light | `state`, `brightness` in percent, `color-temp` in mired, `color` as `RRGGBB`, `effect` |
 * | cover | `state`: asked `open`, `close`, `stop`, reported `open`, `opening`, `closed`, `closing`, `stopped`; `position` and `tilt` in percent, 100 is open |
 * | lock | `state`: asked `lock`, `unlock`, `open`, reported `locked`, `locking`, `unlocked`, `unlocking`, `jammed` |
 * | fan | `state`, `speed` in percent, `preset`, `oscillating`, `direction` |
 * | climate | `mode`, `setpoint`, `setpoint-low`, `setpoint-high`, `fan-mode`, `swing-mode`, `preset`; reads `temperature`, `action` |
 * | number, select, text | `value` |
 * | button | nothing is reported: `{}` presses it |
 * | binary-sensor | `state`, and what it is `about` as a reading: `{"door": [true, null]}` |
 * | sensor | readings, by what each is about: `{"power": [41.7, "W"]}` |
 * | event | `event`: a word; it is told, and not kept |
 */
const kinds = {
  relay: { keys: { state, pulse: { form: 'duration' } }, main: 'state' },
  led: { keys: { state: text }, main: 'state' },
  light: {
    keys: {
      state,
      brightness: percent,
      'color-temp': mired,
      color: { form: 'color' },
      effect: text,
    },
    main: 'state',
  },
  cover: {
    keys: {
      state: {
        form: 'word',
        words: { open: 'open', close: 'closed', stop: 'stopped' },
        moving: ['opening', 'closing'],
      },
      position: percent,
      tilt: percent,
    },
    main: 'state',
  },
  lock: {
    keys: {
      state: {
        form: 'word',
        words: { lock: 'locked', unlock: 'unlocked', open: 'unlocked' },
        moving: ['locking', 'unlocking'],
      },
    },
    main: 'state',
  },
  fan: {
    keys: { state, speed: percent, preset: text, oscillating: state, direction: text },
    main: 'state',
  },
  climate: {
    keys: {
      mode: text,
      setpoint: number,
      'setpoint-low': number,
      'setpoint-high': number,
      'fan-mode': text,
      'swing-mode': text,
      preset: text,
    },
    main: 'setpoint',
  },
  number: { keys: { value: number }, main: 'value' },
  select: { keys: { value: text }, main: 'value' },
  text: { keys: { value: text }, main: 'value' },
  button: onlyReports,
  'binary-sensor': onlyReports,
  sensor: onlyReports,
  event: onlyReports,
  // Of Clown.Model, and of HARDWARIO, its sister.
  thermometer: onlyReports,
  'humidity-sensor': onlyReports,
  'lux-meter': onlyReports,
  barometer: onlyReports,
  'co2-sensor': onlyReports,
  'voc-sensor': onlyReports,
  battery: onlyReports,
  'push-button': onlyReports,
  pir: onlyReports,
} as const satisfies Record<string, Kind>

export type DeviceKind = keyof typeof kinds

export function isDeviceKind(kind: string): kind is DeviceKind {
  return Object.hasOwn(kinds, kind)
}

/** Whether devices of a kind can be commanded at all. */
export function canBeAsked(kind: DeviceKind): boolean {
  return kind === 'button' || Object.keys(kinds[kind].keys).length > 0
}

/** The key that a bare payload of a kind is about; undefined where there is none. */
export function mainKeyOf(kind: DeviceKind): string | undefined {
  const { main }: Kind = kinds[kind]
  return main
}

/** How the table calls what a convention calls `name`: `color_temp` is `color-temp`. */
export function keyNamed(kind: DeviceKind, name: string): string {
  if (!name.includes('_')) return name
  const { keys }: Kind = kinds[kind]
  const key = name.replaceAll('_', '-')
  return Object.hasOwn(keys, key) ? key : name
}

/** `said` by the keys of the table, where a convention writes one with underscores. */
export function byKeysOf<T>(
  kind: DeviceKind,
  said: Readonly<Record<string, T>>,
): Readonly<Record<string, T>> {
  // It is asked of each report, and few have anything else.
  if (isEvery(said, (name) => keyNamed(kind, name) === name)) return said
  const entries = Object.entries(said).map(([name, value]) => [keyNamed(kind, name), value])
  return Object.fromEntries(entries)
}

function isEvery(said: object, isSo: (name: string) => boolean): boolean {
  for (const name in said) if (!isSo(name)) return false
  return true
}

/** Keys of one device of several gangs: `state_left` is a state as `state` is, and `brightness_l1` a brightness. */
function keyOf(kind: DeviceKind, name: string): Key | undefined {
  const { keys }: Kind = kinds[kind]
  if (Object.hasOwn(keys, name)) return keys[name]
  const ofAll = keyNamed(kind, name.replace(/_[^_]*$/, ''))
  return Object.hasOwn(keys, ofAll) ? keys[ofAll] : undefined
}

/**
 * What a payload asks of a device of `kind`, by key: a bare payload is about the kind's main key, switches are
 * booleans, words are in lower case. An empty payload asks for nothing more than to do it: it presses a button.
 * Of `askKeys` a command needs one; without them any will do.
 *
 * @throws HubError `bad-payload` with what was expected.
 */
export function readAsk(kind: DeviceKind, payload: unknown, can: Askable = {}): Ask {
  const { askKeys: keys, ranges = {} } = can
  const said = byKeysOf(kind, objectOf(kind, payload))
  // What turns on for a moment turns on: whoever guards the device has to see that.
  const isPulse = kind === 'relay' && Object.hasOwn(said, 'pulse')
  const ask = isPulse ? { state: true, ...said } : said
  if (keys !== undefined) checkKeys(Object.keys(ask), keys)
  return Object.fromEntries(
    Object.entries(ask).map(([name, value]) => {
      const range = { ...formOf(kind, name), ...ranges[name] }
      return [name, withinRange(name, asked(kind, name, value), range)]
    }),
  )
}

function objectOf(kind: DeviceKind, payload: unknown): Readonly<Record<string, unknown>> {
  if (payload === null) return {}
  if (isRecord(payload)) return payload
  const main = mainKeyOf(kind)
  if (main === undefined) throw unexpected(`an object, for a ${kind}`, payload)
  return { [main]: payload }
}

/** @throws HubError `bad-payload` */
function checkKeys(asked: readonly string[], known: readonly string[]): void {
  const other = asked.find((name) => !known.includes(name))
  if (other === undefined && (asked.length > 0 || known.length === 0)) return
  const meant = other === undefined ? undefined : nearest(other, known)
  const hint = meant === undefined ? '' : `: did you mean ${quote(meant)}?`
  const got = other === undefined ? 'none' : quote(other)
  const expected = known.join(', ') || 'an empty object'
  throw new HubError('bad-payload', `expected ${expected}, got ${got}${hint}`)
}

function asked(kind: DeviceKind, name: string, value: unknown): unknown {
  const key = keyOf(kind, name)
  if (key === undefined) return value
  const read = readers[key.form](value, key)
  if (read !== undefined) return read
  throw unexpected(`${expected(key)} as ${name}`, value)
}

/** @throws HubError `bad-payload` for what the device cannot be set to. */
function withinRange(name: string, value: unknown, range: Settable): unknown {
  const { options, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, unit } = range
  if (options !== undefined) {
    if (options.includes(String(value))) return value
    throw unexpected(`${options.join(', ')} as ${name}`, value)
  }
  if (typeof value !== 'number' || (value >= min && value <= max)) return value
  if (unit === miredUnit) return Math.min(max, Math.max(min, value))
  const most = min === Number.NEGATIVE_INFINITY ? `at most ${max}` : `${min} to ${max}`
  throw unexpected(
    `${max === Number.POSITIVE_INFINITY ? `at least ${min}` : most} as ${name}`,
    value,
  )
}

const miredUnit = 'mired'

/** How what each form says is told to everybody. */
const settables: Readonly<Record<Form, Settable>> = {
  switch: { type: 'boolean' },
  percent: { type: 'number', min: 0, max: 100, unit: '%' },
  number: { type: 'number' },
  mired: { type: 'number', unit: miredUnit },
  duration: { type: 'number', min: 0, unit: 'ms' },
  text: { type: 'text' },
  color: { type: 'color' },
  word: { type: 'text' },
}

function formOf(kind: DeviceKind, name: string): Settable {
  const key = keyOf(kind, name)
  if (key === undefined) return { type: 'any' }
  const { form, words } = key
  return words === undefined ? settables[form] : { ...settables[form], options: Object.keys(words) }
}

/** What a device of `kind` can be set to, by key: nothing of a button, which is pressed. */
export function settableOf(
  kind: DeviceKind,
  { askKeys = [], ranges = {} }: Askable,
): Readonly<Record<string, Settable>> {
  return Object.fromEntries(
    askKeys.map((name) => [name, { ...formOf(kind, name), ...ranges[name] }]),
  )
}

/** What a value of each form says; undefined when it is none. */
const readers: Readonly<Record<Form, (value: unknown, key: Key) => unknown>> = {
  switch: (value) => {
    const position = plainSwitchOf(value)
    return position && position === 'on'
  },
  percent: (value) => (typeof value === 'number' && value >= 0 && value <= 100 ? value : undefined),
  number: numberIn,
  mired: numberIn,
  duration: numberIn,
  text: (value) => (typeof value === 'string' ? value : undefined),
  color: (value) => /^#?([0-9A-F]{6})$/i.exec(String(value))?.[1]?.toUpperCase(),
  word: (value, { words = {} }) => {
    const word = typeof value === 'string' ? value.toLowerCase() : ''
    return Object.hasOwn(words, word) ? word : undefined
  },
}

function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

function expected({ form, words = {} }: Key): string {
  const sentences = {
    switch: 'true or false',
    percent: '0 to 100',
    number: 'a number',
    mired: 'a number of mired',
    duration: 'a number of milliseconds',
    text: 'a text',
    color: 'a color such as FF8800',
    word: Object.keys(words).join(', '),
  }
  return sentences[form]
}

function unexpected(what: string, value: unknown): HubError {
  const got = String(JSON.stringify(value)).slice(0, 64)
  return new HubError('bad-payload', `expected ${what}, got ${got}`)
}

/** What a device reports once it has done what was asked: a cover that is asked to `close` is `closed`. */
export function goalOf(kind: DeviceKind, ask: Ask): Ask {
  const entries = Object.entries(ask).map(([name, value]) => {
    const words = keyOf(kind, name)?.words
    const isWord = typeof value === 'string' && words !== undefined && Object.hasOwn(words, value)
    return [name, isWord ? words[value] : value]
  })
  return Object.fromEntries(entries)
}

/** What of a report says where the device is, without what it passes on its way there. */
export function settledPart(kind: DeviceKind, report: Report): Report {
  const entries = Object.entries(byKeysOf(kind, report)).filter(([name, value]) => {
    const moving = keyOf(kind, name)?.moving ?? []
    return typeof value !== 'string' || !moving.includes(value)
  })
  return Object.fromEntries(entries)
}

/** What of a report still holds when the next one comes: what has happened is told once, and would be a lie later. */
export function lastingPart(kind: DeviceKind, report: Report): Report {
  // What a thermostat does goes on.
  const isOver = (name: string) => name === 'event' || (name === 'action' && kind !== 'climate')
  if (isEvery(report, (name) => !isOver(name))) return report
  return Object.fromEntries(Object.entries(report).filter(([name]) => !isOver(name)))
}

/** Clown.Model's units, where another one is told by a device of a kind that is its own. */
const clownUnits: Readonly<Record<string, readonly [unit: string, factor: number]>> = {
  'barometer pressure Pa': ['kPa', 0.001],
  'barometer pressure hPa': ['kPa', 0.1],
}

/** `report` by the keys of the table, in the units of Clown.Model where the kind is one of its own. */
export function inTermsOf(kind: DeviceKind, report: Report): Report {
  const said = byKeysOf(kind, report)
  if (kind !== 'barometer') return said
  const entries = Object.entries(said).map(([name, value]): [string, Report[string]] => {
    const [measured, unit] = isPair(value) ? value : []
    const clown = clownUnits[`${kind} ${name} ${unit}`]
    if (clown === undefined) return [name, value]
    const [clownUnit, factor] = clown
    const converted = Number((Number(measured) * factor).toPrecision(12))
    return [name, [measured === null ? null : converted, clownUnit]]
  })
  return Object.fromEntries(entries)
}

/** Whether `value` is a reading: `[value, unit]`. */
export function isPair(
  value: Report[string],
): value is readonly [number | string | boolean | null, string | null] {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [measured, unit]: readonly StateValue[] = value
  const isUnit = unit === null || typeof unit === 'string'
  return isUnit && (measured === null || typeof measured !== 'object')
}
