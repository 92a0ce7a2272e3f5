/** What a device of Zigbee2MQTT exposes: which kind it is, how its properties are read, and how they are asked. */
import { hexOfPoint } from '../../core/colors.ts'
import { isRecord } from '../../core/json.ts'
import { type AskRanges, type DeviceKind, keyNamed } from '../../nodes/profiles/kinds.ts'
import type { Ask, Report } from '../../nodes/profiles/profile.ts'

type Value = Report[string]

/** One property: the key that it has in the gateway's JSON, and the one that it has here. */
interface Property {
  readonly property: string
  readonly key: string
  /** Whether it is part of what the device does, and no measurement beside it. */
  readonly isState: boolean
  readonly canBeAsked: boolean
  /** By how much a number may be told otherwise than it was asked; 0 of what is told as it was. */
  readonly tolerance: number
  readonly range: AskRanges[string]
  /** Whether what is told of it says whether that was done. */
  isToldAs(asked: unknown): boolean
  /** Undefined for what says nothing. */
  read(value: unknown): Value | undefined
  /** What the gateway is told for what is asked. */
  write(asked: unknown): unknown
}

export interface Exposed {
  readonly kind: DeviceKind
  /** What a JSON of the gateway says, by our keys; keys that it does not expose are nobody's. */
  read(said: Readonly<Record<string, unknown>>): Report
  /** What the gateway is told for what is asked. */
  write(asked: Ask): Readonly<Record<string, unknown>>
  /** See `DeviceFacts`. */
  readonly tolerance: Readonly<Record<string, number>>
  isConfirmable(asked: Ask): boolean
  readonly askKeys: readonly string[]
  readonly ranges: AskRanges
  /** What is asked for by `…/get`. */
  readonly gettable: readonly string[]
  readonly canBeAsked: boolean
}

type Expose = Readonly<Record<string, unknown>>

/** Those that are made of features, and the kind that each makes of its device; of several, the first. */
const composed: readonly (readonly [type: string, kind: DeviceKind])[] = [
  ['light', 'light'],
  ['cover', 'cover'],
  ['lock', 'lock'],
  ['climate', 'climate'],
  ['fan', 'fan'],
  ['switch', 'relay'],
]

const access = { told: 1, set: 2, get: 4 } as const

/** What `exposes` of a definition say; lists of several devices, as a group has, are laid over each other. */
export function readExposes(exposes: readonly unknown[]): Exposed {
  const records = exposes.filter(isRecord)
  const types = records.map(({ type }) => type)
  const [, kind = 'sensor'] = composed.find(([type]) => types.includes(type)) ?? []
  const found = records.flatMap(featuresOf)
  const properties = found.flatMap(({ feature, isState }) => propertyOf(kind, feature, isState))
  const byProperty = new Map(properties.map((each) => [each.property, each]))
  const byKey = properties
    .filter((each) => each.canBeAsked)
    // Ours for what Zigbee2MQTT calls color_temp.
    .map((each) => [keyNamed(kind, each.key), each] as const)
  return {
    kind,
    read: (said) =>
      Object.fromEntries(
        Object.entries(said).flatMap(([name, value]): [string, Value][] => {
          const property = byProperty.get(name)
          const read = property?.read(value)
          return property === undefined || read === undefined ? [] : [[property.key, read]]
        }),
      ),
    write: (asked) => {
      const entries = byKey
        .filter(([key]) => Object.hasOwn(asked, key))
        .map(([key, { property, write }]) => [property, write(asked[key])])
      return Object.fromEntries(entries)
    },
    askKeys: [...new Set(byKey.map(([key]) => key))],
    ranges: Object.fromEntries(byKey.map(([key, { range }]) => [key, range])),
    tolerance: Object.fromEntries(byKey.map(([key, { tolerance }]) => [key, tolerance])),
    isConfirmable: (asked) =>
      byKey.every(([key, { isToldAs }]) => !Object.hasOwn(asked, key) || isToldAs(asked[key])),
    gettable: found.flatMap(({ feature: { property, access: may }, isState }) =>
      isState && typeof property === 'string' && (Number(may) & access.get) > 0 ? [property] : [],
    ),
    canBeAsked: properties.some(({ isState, canBeAsked }) => isState && canBeAsked),
  }
}

/** A thing that is made of features has none of its own. */
function featuresOf(expose: Expose): { readonly feature: Expose; readonly isState: boolean }[] {
  const { type, features } = expose
  const isState = composed.some(([each]) => each === type)
  if (!isState || !Array.isArray(features)) return [{ feature: expose, isState: false }]
  return features.filter(isRecord).map((feature) => ({ feature, isState }))
}

function propertyOf(kind: DeviceKind, feature: Expose, isState: boolean): Property[] {
  const { property, access: may, endpoint } = feature
  if (typeof property !== 'string') return []
  const key = typeof endpoint === 'string' && isState ? property : nameIn(kind, property)
  const form = withNumbers(withValues(formOf(kind, feature, isState), feature), feature)
  const can = (bit: number) => (Number(may) & bit) > 0
  return [
    {
      ...{ property, key, isState, canBeAsked: can(access.set), ...form },
      range: rangeOf(feature, form),
      tolerance: tolerances.get(String(feature['name'] ?? property)) ?? 0,
      // Some can only be set. A word of its own for what is told as true or false comes back as that.
      isToldAs: (asked) =>
        can(access.told) && (form.isBoolean !== true || typeof asked !== 'string'),
    },
  ]
}

/** What can be asked of a property, by what is exposed of it; percents are ours. */
function rangeOf(feature: Expose, { options, isPercent }: Form): AskRanges[string] {
  if (options !== undefined) return { type: 'text', options }
  if (isPercent === true) return {}
  const { type, value_min: min, value_max: max, value_step: step } = feature
  const number = (value: unknown) => (typeof value === 'number' ? value : undefined)
  if (type === 'binary') return { type: 'boolean' }
  if (type === 'numeric') {
    const unit = unitOf(feature) ?? undefined
    return { type: 'number', min: number(min), max: number(max), step: number(step), unit }
  }
  return type === 'text' ? { type: 'text' } : {}
}

/** What is rounded on its way, or moves: a brightness and a speed of percent have 254 steps. */
const tolerances = new Map([
  ['brightness', 1],
  ['speed', 1],
  ['position', 2],
  ['color_temp', 2],
])

/** The words of a climate, and those that mean the same as ours. */
const names = new Map([
  ['system_mode', 'mode'],
  ['local_temperature', 'temperature'],
  ['occupied_heating_setpoint', 'setpoint'],
  ['current_heating_setpoint', 'setpoint'],
  ['running_state', 'action'],
  ['fan_mode', 'fan-mode'],
  ['action', 'event'],
])

/** Those of a fan. */
const fanNames = new Map([
  ['fan_state', 'state'],
  ['fan_mode', 'preset'],
])

function nameIn(kind: DeviceKind, property: string): string {
  const isOurs = kind === 'climate' || property === 'action'
  const known = kind === 'fan' ? fanNames : isOurs ? names : undefined
  return known?.get(property) ?? property
}

interface Form extends Pick<Property, 'read' | 'write'> {
  /** It is told as true or false, though the gateway has words for that. */
  readonly isBoolean?: boolean
  readonly isPercent?: boolean
  /** The words of ours that it has. */
  readonly options?: readonly string[]
}

const asItIs = (asked: unknown) => asked

/** Some converters tell a number as a text. */
function withNumbers(form: Form, { type }: Expose): Form {
  if (type !== 'numeric') return form
  return { ...form, read: (value) => form.read(numberOf(value)) }
}

function numberOf(value: unknown): unknown {
  const isText = typeof value === 'string' && value.trim() !== ''
  return isText && Number.isFinite(Number(value)) ? Number(value) : value
}

/** One of several values may be a number, and is asked for as a text. */
function withValues(form: Form, { type, values }: Expose): Form {
  if (type !== 'enum' || !Array.isArray(values) || form.options !== undefined) return form
  const write = (asked: unknown) => values.find((each) => String(each) === String(asked))
  return { ...form, write, options: values.map(String) }
}

function formOf(kind: DeviceKind, feature: Expose, isState: boolean): Form {
  const { type, property } = feature
  if (property === 'action') return event
  if (property === 'color') return color
  if (isState) return stateForm(kind, feature)
  return type === 'binary' ? readingOf(null, feature) : readingOf(unitOf(feature))
}

function stateForm(kind: DeviceKind, feature: Expose): Form {
  const { type, property, name, value_max: most } = feature
  // Of one of several gangs, too: brightness_l1.
  if (name === 'brightness' || property === 'brightness' || (kind === 'fan' && name === 'speed')) {
    return ofPercent(typeof most === 'number' ? most : 254)
  }
  if (property === 'state' && kind === 'cover') return words(coverWords, feature)
  if (property === 'state' && kind === 'lock') return words(lockWords, {})
  if (property === 'local_temperature') return readingOf(unitOf(feature))
  return type === 'binary' ? switching(feature) : plain
}

function unitOf({ unit }: Expose): string | null {
  return typeof unit === 'string' ? unit : null
}

/** A button that was pressed; the gateway says that it is over by an empty word. */
const event: Form = {
  read: (value) => (typeof value === 'string' && value !== '' ? value : undefined),
  write: asItIs,
}

/** Numbers and words as they are. */
const plain: Form = { read: (value) => (isPlain(value) ? value : undefined), write: asItIs }

function isPlain(value: unknown): value is number | string | boolean | null {
  return value === null || ['number', 'string', 'boolean'].includes(typeof value)
}

function ofPercent(most: number): Form {
  return {
    read: (value) => (typeof value === 'number' ? Math.round((value / most) * 100) : undefined),
    write: (asked) => Math.round((Number(asked) / 100) * most),
    isPercent: true,
  }
}

function switching({ value_on: on, value_off: off }: Expose): Form {
  return {
    read: (value) => {
      if (value === null) return null
      return value === on ? true : value === off ? false : undefined
    },
    write: (asked) => (asked === true ? on : asked === false ? off : asked),
  }
}

interface Words {
  readonly said: ReadonlyMap<string, string>
  readonly told: ReadonlyMap<string, string>
}

const coverWords: Words = {
  said: new Map([
    ['OPEN', 'open'],
    ['CLOSE', 'closed'],
    ['STOP', 'stopped'],
  ]),
  told: new Map([
    ['open', 'OPEN'],
    ['close', 'CLOSE'],
    ['stop', 'STOP'],
  ]),
}

const lockWords: Words = {
  said: new Map([
    ['LOCK', 'locked'],
    ['UNLOCK', 'unlocked'],
  ]),
  told: new Map([
    ['lock', 'LOCK'],
    ['unlock', 'UNLOCK'],
  ]),
}

/** A cover that cannot be stopped does not have the word for it. */
function words({ said, told }: Words, { values }: Expose): Form {
  const known = [...told].filter(([, word]) => !Array.isArray(values) || values.includes(word))
  return {
    options: known.map(([word]) => word),
    read: (value) => said.get(String(value)),
    write: (asked) => told.get(String(asked)),
  }
}

const color: Form = {
  read: (value) => (isRecord(value) ? colorAt(value) : undefined),
  write: (asked) => ({ hex: `#${String(asked)}` }),
}

function colorAt({ x, y }: Readonly<Record<string, unknown>>): string | undefined {
  const isPoint = typeof x === 'number' && typeof y === 'number' && y > 0
  return isPoint ? hexOfPoint(x, y) : undefined
}

/** What is measured; a detector that says it in words of its own says whether it is so. */
function readingOf(unit: string | null, expose: Expose = {}): Form {
  const { value_on: on } = expose
  return {
    read: (value) => {
      if (on !== undefined && typeof value === 'string') return [value === on, unit]
      return isPlain(value) ? [value, unit] : undefined
    },
    write: on === undefined ? asItIs : switching(expose).write,
    isBoolean: on !== undefined,
  }
}
