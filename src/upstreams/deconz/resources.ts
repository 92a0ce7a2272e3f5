/** What the lights, groups and sensors of a deCONZ gateway are here, by the `type` and the items of their sections. */
import { hexOfPoint } from '../../core/colors.ts'
import { HubError } from '../../core/errors.ts'
import { isRecord } from '../../core/json.ts'
import { pointOf } from '../../dialects/deconz/colors.ts'
import { hubOfUpstreams } from '../../dialects/deconz/resources.ts'
import type { DeviceKind } from '../../nodes/profiles/kinds.ts'
import type { Ask, DeviceFacts, DevicePlace, Report } from '../../nodes/profiles/profile.ts'

/** A section of a resource, or several laid over each other. */
export type Section = Readonly<Record<string, unknown>>

export const resourceNames = ['lights', 'groups', 'sensors'] as const
export type ResourceName = (typeof resourceNames)[number]

/** What a resource is here. */
export interface FarResource {
  /** What it is known by for ever; its number there may change. */
  readonly id: string
  readonly facts: Omit<DeviceFacts, 'ask'>
  /** Undefined of what only reports. */
  readonly command?: FarCommand
  /** What a section says; `asked` is what was asked of it last. */
  read(section: Section, asked: Ask): Report
}

interface FarCommand {
  /** Where below the resource. */
  readonly at: string
  /**
   * What is put there for what is asked.
   *
   * @throws HubError `bad-payload` for what it does not have.
   */
  write(asked: Ask): Section
}

/** What is special about a kind: what its items mean beside those of sensors, and what is put for what is asked. */
interface Form {
  readonly kind: DeviceKind
  readonly about?: string
  read?(section: Section, asked: Ask): Report
  readonly writes?: Readonly<Record<string, (value: unknown) => Section>>
}

/** deCONZ: brightness is 0 to 255, and 255 is taken as 254. */
const brightest = 254
/** deCONZ: a fan has the speeds 0 to 6. */
const fullSpeed = 6

const light: Form = {
  kind: 'light',
  read: ({ on, any_on, bri, ct, xy, effect }, { color }) => ({
    ...switched('state', on ?? any_on),
    ...percent('brightness', bri, brightest),
    ...(typeof ct === 'number' && { 'color-temp': ct }),
    ...colored(xy, color),
    ...(typeof effect === 'string' && { effect }),
  }),
  writes: {
    // One that is off takes no brightness.
    brightness: (value) => {
      const bri = Math.round((Number(value) * brightest) / 100)
      return bri === 0 ? { on: false } : { on: true, bri }
    },
    'color-temp': (value) => ({ ct: Math.round(Number(value)) }),
    color: (value) => {
      const xy = pointOf(String(value))
      if (xy !== undefined) return { xy }
      throw new HubError('bad-payload', `expected a color such as FF8800, got ${String(value)}`)
    },
    effect: (value) => ({ effect: value }),
    state: (value) => ({ on: value }),
  },
}

const relay: Form = {
  kind: 'relay',
  read: ({ on }) => switched('state', on),
  writes: { state: (value) => ({ on: value }) },
}

const cover: Form = {
  kind: 'cover',
  read: ({ open, lift, tilt }) => ({
    ...(typeof open === 'boolean' && { state: open ? 'open' : 'closed' }),
    ...(typeof lift === 'number' && { position: 100 - lift }),
    ...(typeof tilt === 'number' && { tilt: 100 - tilt }),
  }),
  writes: {
    // The other way round: there 0 is open and 100 closed.
    position: (value) => ({ lift: Math.round(100 - Number(value)) }),
    tilt: (value) => ({ tilt: Math.round(100 - Number(value)) }),
    state: (value) => (value === 'stop' ? { stop: true } : { open: value === 'open' }),
  },
}

const fan: Form = {
  kind: 'fan',
  read: ({ on, speed }) => ({
    ...switched('state', on),
    ...percent('speed', speed, fullSpeed),
  }),
  writes: {
    speed: (value) => ({ speed: Math.round((Number(value) * fullSpeed) / 100) }),
    state: (value) => ({ on: value }),
  },
}

/** A door lock that is a light. */
const lock: Form = {
  kind: 'lock',
  read: ({ on }) => (typeof on === 'boolean' ? { state: on ? 'locked' : 'unlocked' } : {}),
  writes: { state: (value) => ({ on: value === 'lock' }) },
}

const lightForms: readonly (readonly [type: RegExp, form: Form])[] = [
  [/window covering/i, cover],
  [/door lock/i, lock],
  [/^fan/i, fan],
  [/plug|output|switch/i, relay],
]

/** What a sensor has something of that is so or not: told by its item, and what it is about here. */
function detector(item: string, about?: string): Form {
  return {
    kind: 'binary-sensor',
    ...(about !== undefined && { about }),
    read: (section) => {
      const isSo = section[item]
      if (typeof isSo !== 'boolean') return {}
      return { state: isSo, ...(about !== undefined && { [about]: [isSo, null] }) }
    },
  }
}

const thermostat: Form = {
  kind: 'climate',
  read: ({ heatsetpoint, mode, on }) => ({
    ...(typeof heatsetpoint === 'number' && { setpoint: heatsetpoint / 100 }),
    ...(typeof mode === 'string' && { mode }),
    ...(typeof on === 'boolean' && { action: on ? 'heating' : 'idle' }),
  }),
  writes: {
    setpoint: (value) => ({ heatsetpoint: Math.round(Number(value) * 100) }),
    mode: (value) => ({ mode: value }),
  },
}

const doorLock: Form = {
  kind: 'lock',
  read: ({ lockstate }) => {
    if (typeof lockstate !== 'string') return {}
    return { state: lockstate === 'locked' || lockstate === 'unlocked' ? lockstate : 'jammed' }
  },
  writes: { state: (value) => ({ lock: value === 'lock' }) },
}

/** By the type without who made it: `ZHATemperature` is `Temperature`. */
const sensorForms: Readonly<Record<string, Form>> = {
  Temperature: { kind: 'thermometer' },
  Humidity: { kind: 'humidity-sensor' },
  LightLevel: { kind: 'lux-meter' },
  Pressure: { kind: 'barometer' },
  Switch: { kind: 'event' },
  Presence: detector('presence', 'motion'),
  OpenClose: detector('open', 'door'),
  Water: detector('water', 'moisture'),
  Fire: detector('fire', 'smoke'),
  CarbonMonoxide: detector('carbonmonoxide', 'carbon-monoxide'),
  Vibration: detector('vibration', 'vibration'),
  Alarm: detector('alarm', 'safety'),
  GenericFlag: detector('flag'),
  Daylight: detector('daylight'),
  Thermostat: thermostat,
  DoorLock: doorLock,
}

type Item = readonly [key: string, unit: string | null, toOurs?: (value: number) => number]

const hundredth = (value: number) => value / 100
const thousandth = (value: number) => value / 1000

/** What any sensor may measure, and in what. */
const items: Readonly<Record<string, Item>> = {
  temperature: ['temperature', '℃', hundredth],
  humidity: ['relative-humidity', '%', hundredth],
  moisture: ['moisture', '%', hundredth],
  // ZigBee Cluster Library, 4.2.2.2.1: 10000 times the decadic logarithm, plus 1; 0 is too dark.
  lightlevel: ['illuminance', 'lux', (value) => Math.round(10 ** ((value - 1) / 10_000))],
  // In hectopascals there.
  pressure: ['pressure', 'kPa', (value) => value / 10],
  airqualityppb: ['voc', 'ppb'],
  power: ['power', 'W'],
  voltage: ['voltage', 'V'],
  current: ['current', 'A', thousandth],
  consumption: ['energy', 'Wh'],
  battery: ['battery', '%'],
  tampered: ['tamper', null],
  lowbattery: ['battery-low', null],
  status: ['status', null],
}

function measured(section: Section): Report {
  const entries = Object.entries(items).flatMap(([item, [key, unit, toOurs]]): Said[] => {
    const value = section[item]
    if (typeof value === 'boolean') return [[key, [value, unit]]]
    if (typeof value !== 'number') return []
    const ours = toOurs === undefined ? value : Number(toOurs(value).toPrecision(12))
    return [[key, [ours, unit]]]
  })
  return Object.fromEntries(entries)
}

type Said = readonly [key: string, value: Report[string]]

function switched(key: string, value: unknown): Report {
  return typeof value === 'boolean' ? { [key]: value } : {}
}

function percent(key: string, value: unknown, full: number): Report {
  if (typeof value !== 'number') return {}
  return { [key]: Math.min(100, Math.round((value * 100) / full)) }
}

/** A point comes back rounded: one that is near the colour that was asked for is that. */
const nearPoint = 0.01

function colored(xy: unknown, asked: unknown): Report {
  const [x, y]: readonly unknown[] = Array.isArray(xy) ? xy : []
  if (typeof x !== 'number' || typeof y !== 'number') return {}
  const [askedX, askedY] = pointOf(String(asked)) ?? [Number.NaN, Number.NaN]
  const isAsked = Math.abs(x - askedX) < nearPoint && Math.abs(y - askedY) < nearPoint
  return { color: isAsked ? String(asked) : hexOfPoint(x, Math.max(y, 0.0001)) }
}

/** What a resource is; undefined of what is none of a house, such as the gateway itself. */
export function readResource(
  name: ResourceName,
  number: string,
  body: Section,
): FarResource | undefined {
  const type = String(body['type'])
  if (name === 'lights' && /configuration tool/i.test(type)) return undefined
  if (body['manufacturername'] === hubOfUpstreams) return undefined
  const form = formOf(name, type)
  const place = placeOf(name, number, body)
  const { kind, about, writes } = form
  const facts = {
    ...place,
    kind,
    ...(about !== undefined && { about }),
    name: textOf(body['name']),
    model: [body['manufacturername'], body['modelid']].map(textOf).join(' ').trim(),
    firmware: textOf(body['swversion']),
    isConfirmable: (asked: Ask) => isConfirmable(name, asked),
    tolerance: { brightness: 1, 'color-temp': 1, position: 1, tilt: 1, speed: 9, setpoint: 0.01 },
  }
  return {
    id: idOf(facts),
    facts,
    ...(writes && {
      command: { at: commandedAt[name], write: (asked: Ask) => written(writes, asked) },
    }),
    read: (section, asked) => ({
      ...(name === 'sensors' && measured(section)),
      ...form.read?.(section, asked),
    }),
  }
}

const commandedAt = { lights: 'state', groups: 'action', sensors: 'config' } as const

function formOf(name: ResourceName, type: string): Form {
  if (name === 'groups') return light
  if (name === 'lights') return lightForms.find(([known]) => known.test(type))?.[1] ?? light
  const plain = type.replace(/^(ZHA|CLIP|ZLL|ZGP)/, '')
  return (Object.hasOwn(sensorForms, plain) && sensorForms[plain]) || { kind: 'sensor' }
}

/** Of a group nothing but whether any of its lights is on is told in events; that something has stopped, nobody tells. */
function isConfirmable(name: ResourceName, { state, brightness, ...rest }: Ask): boolean {
  if (state === 'stop' || brightness === 0) return false
  return name !== 'groups' || (brightness === undefined && Object.keys(rest).length === 0)
}

/** Whether it is on goes last: it goes before what a brightness says of it. */
function written(writes: NonNullable<Form['writes']>, asked: Ask): Section {
  const { state, ...rest } = asked
  const all = state === undefined ? rest : { ...rest, state }
  const parts = Object.entries(all).map(([key, value]) => {
    const write = writes[key]
    if (write !== undefined) return write(value)
    const known = Object.keys(writes).join(', ')
    throw new HubError('bad-payload', `expected one of ${known}, got ${key}`)
  })
  return Object.assign({}, ...parts)
}

/** Eight bytes of a ZigBee address, then an endpoint, and of a sensor a cluster. */
const zigbeeId = /^((?:[0-9a-f]{2}:){7}[0-9a-f]{2})-(.+)$/i

/** What has no identity of its own is known by its number: groups, and virtual sensors of old. */
function placeOf(name: ResourceName, number: string, body: Section): Omit<DevicePlace, 'kind'> {
  const unique = body['uniqueid']
  if (name === 'groups' || typeof unique !== 'string') return { node: name, part: number }
  const [, node, part] = zigbeeId.exec(unique) ?? []
  return node === undefined ? { node: unique } : { node, part: String(part) }
}

export function idOf({ node, part }: Omit<DevicePlace, 'kind'>): string {
  return part === undefined || part === '-' ? node : `${node}-${part}`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** What deCONZ calls what a button does, by the last digits. */
const actions = [
  'press',
  'hold',
  'short-release',
  'long-release',
  'double',
  'triple',
  'quadruple',
  'shake',
  'drop',
  'tilt',
]

/** `2-short-release` for 2002; undefined of no event. */
export function buttonEventOf(code: unknown): string | undefined {
  if (typeof code !== 'number') return undefined
  const action = code % 1000
  return `${Math.floor(code / 1000)}-${actions[action] ?? action}`
}

/** All sections of a resource laid over each other, that of what it does last. */
export function sectionsOf({ action, config, state }: Section): Section {
  return Object.assign({}, ...[action, config, state].filter(isRecord))
}
