/** What deCONZ makes of what can be commanded: for each kind its type, what it says, and what may be asked of it. */
import { askFor, choicesOf, isOn, type ModelRow, readQuantity } from '../model-row.ts'
import { colorAt, colorWith, hueOf, pointOf } from './colors.ts'
import type { Resource } from './resources.ts'

/** Whether a parameter may have this value. */
type Accepts = (value: unknown) => boolean

/** The parameters of a request that make sense, by name. */
type Wanted = ReadonlyMap<string, unknown>

interface Actuator {
  /** What its type is, where that depends on what it has. */
  typeOf?(resource: Resource): string
  /** What it says of itself in its section `state`, besides whether it can be reached. */
  stateOf(resource: Resource): Readonly<Record<string, unknown>>
  accepts(resource: Resource): Readonly<Partial<Record<string, Accepts>>>
  /** What to ask of the device; undefined when the parameters ask for nothing. */
  asked(wanted: Wanted, resource: Resource): Readonly<Record<string, unknown>> | undefined
  /** The parameters that one has to see: they are refused of what is off and stays off. */
  readonly seen?: readonly string[]
  /** Whether it goes with all lights. */
  readonly isInGroup?: true
}

const isBoolean: Accepts = (value) => typeof value === 'boolean'

function isWhole(lowest: number, highest: number): Accepts {
  return (value) => Number.isInteger(value) && Number(value) >= lowest && Number(value) <= highest
}

/** What the device says now under a key; undefined when it does not, or has no such thing. */
function saying({ device, rows }: Resource, key: string): ReturnType<typeof readQuantity> {
  const row = rows.find((one) => one.key === key)
  return row && readQuantity(row, device.value)
}

function has({ rows }: Resource, key: string): boolean {
  return rows.some((row) => row.key === key)
}

/** Whether it is on; null when that is not known. */
function position({ device, row }: Resource): boolean | null {
  const value = readQuantity(row, device.value)
  return value === undefined ? null : isOn(row, value)
}

/** From our unit, where it is known. */
function scaled(value: unknown, act: (known: number) => number): number | null {
  return typeof value === 'number' ? Math.round(act(value)) : null
}

function filled(asked: Readonly<Record<string, unknown>>) {
  const entries = Object.entries(asked).filter(([, value]) => value !== undefined)
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** What turns it on or off, if that is asked. */
function switched(row: ModelRow, on: unknown) {
  return typeof on === 'boolean' ? askFor(row, on) : undefined
}

const relay: Actuator = {
  stateOf: (resource) => ({ on: position(resource) }),
  accepts: () => ({ on: isBoolean }),
  asked: (wanted, { row }) => filled({ [row.key]: switched(row, wanted.get('on')) }),
  isInGroup: true,
}

// --- LEDs of Clown.Model, whose states are words ---

/** How a LED draws attention: once, and for longer. */
const alerts: Readonly<Record<string, string>> = { select: '1-dot', lselect: '3-dot' }

/** The words of a choice that are neither on nor off. */
export function effectsOf(choices: readonly string[]): string[] {
  return choices.filter((choice) => choice !== 'on' && choice !== 'off')
}

const led: Actuator = {
  stateOf: (resource) => {
    const value = saying(resource, resource.row.key)
    if (typeof value !== 'string') return { on: null }
    const effect = effectsOf(choicesOf(resource.row)).includes(value) ? value : 'none'
    return { effect, on: position(resource) }
  },
  accepts: ({ row }) => {
    const effects: unknown[] = ['none', ...effectsOf(choicesOf(row))]
    return {
      on: isBoolean,
      alert: (value) => value === 'none' || Object.hasOwn(alerts, String(value)),
      effect: (value) => effects.includes(value),
    }
  },
  asked: (wanted, { row }) => filled({ [row.key]: ledState(wanted) }),
  seen: ['effect'],
  isInGroup: true,
}

function ledState(wanted: Wanted): unknown {
  const on = wanted.get('on')
  if (on === false) return 'off'
  const effect = wanted.get('effect')
  if (effect !== undefined && effect !== 'none') return effect
  const alert = alerts[String(wanted.get('alert'))]
  if (alert !== undefined) return alert
  return on === true || effect === 'none' ? 'on' : undefined
}

// --- lights that are dimmed and coloured ---

const brightest = 254
/** In mired, as most lamps have it. */
const [coldest, warmest] = [153, 500]

function lightType(resource: Resource): string {
  const [hasColor, hasTemperature] = [has(resource, 'color'), has(resource, 'color-temp')]
  if (hasColor) return hasTemperature ? 'Extended color light' : 'Color light'
  if (hasTemperature) return 'Color temperature light'
  return has(resource, 'brightness') ? 'Dimmable light' : 'On/Off light'
}

function lightState(resource: Resource) {
  const [brightness, temperature] = [saying(resource, 'brightness'), saying(resource, 'color-temp')]
  const color = saying(resource, 'color')
  const point = typeof color === 'string' ? pointOf(color) : undefined
  return {
    on: position(resource),
    ...(has(resource, 'brightness') && {
      bri: scaled(brightness, (percent) => (percent * brightest) / 100),
    }),
    ...(has(resource, 'color-temp') && { ct: scaled(temperature, (mired) => mired) }),
    ...(has(resource, 'color') && {
      xy: point ?? null,
      ...(typeof color === 'string' ? hueOf(color) : undefined),
    }),
    ...((has(resource, 'color') || has(resource, 'color-temp')) && {
      colormode: point === undefined ? 'ct' : 'xy',
    }),
    ...(has(resource, 'effect') && { effect: saying(resource, 'effect') ?? 'none' }),
  }
}

const isPart: Accepts = (value) => typeof value === 'number' && value >= 0 && value <= 1

const lightParameters: readonly (readonly [key: string, Readonly<Record<string, Accepts>>])[] = [
  ['state', { on: isBoolean }],
  ['brightness', { bri: isWhole(0, 255), bri_inc: isWhole(-brightest, brightest) }],
  ['color-temp', { ct: isWhole(0, 65_535), ct_inc: isWhole(-65_535, 65_535) }],
  [
    'color',
    {
      xy: (value) => Array.isArray(value) && value.length === 2 && value.every(isPart),
      hue: isWhole(0, 65_535),
      sat: isWhole(0, 255),
    },
  ],
  ['effect', { effect: (value) => typeof value === 'string' }],
]

const light: Actuator = {
  typeOf: lightType,
  stateOf: lightState,
  accepts: (resource) => {
    const there = lightParameters.filter(([key]) => has(resource, key))
    return Object.assign({}, ...there.map(([, accepts]) => accepts))
  },
  asked: (wanted, resource) =>
    filled({
      state: switched(resource.row, wanted.get('on')),
      brightness: askedBrightness(wanted, resource),
      'color-temp': askedTemperature(wanted, resource),
      color: askedColor(wanted, resource),
      effect: wanted.get('effect'),
    }),
  seen: lightParameters.flatMap(([key, accepts]) => (key === 'state' ? [] : Object.keys(accepts))),
  isInGroup: true,
}

/** What is asked by its value, or by how much more it is to be. */
function askedValue(
  [wanted, now]: readonly [wanted: Wanted, now: unknown],
  name: string,
  [lowest, highest]: readonly [number, number],
): number | undefined {
  const more = wanted.get(`${name}_inc`)
  const relative = typeof now === 'number' && typeof more === 'number' ? now + more : undefined
  const value = wanted.get(name) ?? relative
  return typeof value === 'number' ? Math.min(highest, Math.max(lowest, value)) : undefined
}

function askedBrightness(wanted: Wanted, resource: Resource): number | undefined {
  const { bri: now } = lightState(resource)
  const bri = askedValue([wanted, now], 'bri', [0, brightest])
  // The least there is of light is not none.
  return bri === undefined
    ? undefined
    : Math.max(bri > 0 ? 1 : 0, Math.round((bri * 100) / brightest))
}

function askedTemperature(wanted: Wanted, resource: Resource): number | undefined {
  return askedValue([wanted, lightState(resource).ct], 'ct', [coldest, warmest])
}

function askedColor(wanted: Wanted, resource: Resource): string | undefined {
  const [point, hue, sat] = [wanted.get('xy'), wanted.get('hue'), wanted.get('sat')]
  if (Array.isArray(point)) return colorAt([Number(point[0]), Number(point[1])])
  if (hue === undefined && sat === undefined) return undefined
  const color = saying(resource, 'color')
  const now = (typeof color === 'string' ? hueOf(color) : undefined) ?? { hue: 0, sat: 255 }
  return colorWith({ hue: Number(hue ?? now.hue), sat: Number(sat ?? now.sat) })
}

// --- covers, locks, fans and thermostats ---

/** The other way round: there, 0 is open and 100 closed. */
function inverted(percent: number): number {
  return 100 - percent
}

const cover: Actuator = {
  stateOf: (resource) => {
    const lift = scaled(saying(resource, 'position'), inverted)
    const tilt = scaled(saying(resource, 'tilt'), inverted)
    const open = lift === null ? position(resource) : lift < 100
    return {
      // What older clients look at: on is closed.
      on: open === null ? null : !open,
      open,
      ...(lift !== null && { lift, bri: Math.round((lift * brightest) / 100) }),
      ...(tilt !== null && { tilt }),
    }
  },
  accepts: (resource) => ({
    on: isBoolean,
    open: isBoolean,
    stop: (value) => value === true,
    ...(has(resource, 'position') && {
      lift: (value) => value === 'stop' || isWhole(0, 100)(value),
      bri: isWhole(0, 255),
    }),
    ...(has(resource, 'tilt') && { tilt: isWhole(0, 100) }),
  }),
  asked: (wanted) => {
    if (wanted.get('stop') === true || wanted.get('lift') === 'stop') return { state: 'stop' }
    const [lift, bri, tilt] = [wanted.get('lift'), wanted.get('bri'), wanted.get('tilt')]
    const byBri = bri === undefined ? undefined : Math.min(100, (Number(bri) * 100) / brightest)
    const target = lift ?? byBri
    const place = target === undefined ? {} : { position: Math.round(inverted(Number(target))) }
    const open = wanted.get('open') ?? (wanted.has('on') ? wanted.get('on') === false : undefined)
    const end = open === undefined || target !== undefined ? {} : { state: open ? 'open' : 'close' }
    return filled({ ...end, ...place, ...(tilt !== undefined && { tilt: inverted(Number(tilt)) }) })
  },
}

/** Goes with no group, as a relay would: nobody is to unlock doors with the lights. */
const lock: Actuator = {
  stateOf: relay.stateOf,
  accepts: relay.accepts,
  asked: relay.asked,
}

/** The steps of a fan: off, and four quarters. */
const fullSpeed = 4

const fan: Actuator = {
  stateOf: (resource) => {
    const speed = scaled(saying(resource, 'speed'), (percent) => (percent * fullSpeed) / 100)
    const on = position(resource)
    return { on, ...(has(resource, 'speed') && { speed: on === false ? 0 : speed }) }
  },
  accepts: (resource) => ({
    on: isBoolean,
    ...(has(resource, 'speed') && { speed: isWhole(0, fullSpeed) }),
  }),
  asked: (wanted, { row }) => {
    const speed = wanted.get('speed')
    const isMoving = typeof speed === 'number' && speed > 0
    const state = switched(row, wanted.get('on') ?? isMoving)
    return filled({ state, speed: isMoving ? (speed * 100) / fullSpeed : undefined })
  },
}

/** Its section is `config`: `heatsetpoint` in hundredths of a degree. */
const thermostat: Actuator = {
  stateOf: (resource) => ({
    on: saying(resource, 'mode') === undefined ? null : saying(resource, 'mode') !== 'off',
    temperature: scaled(saying(resource, 'temperature'), (celsius) => celsius * 100),
  }),
  accepts: () => ({
    heatsetpoint: isWhole(500, 3500),
    mode: (value) => typeof value === 'string',
  }),
  asked: (wanted) => {
    const setpoint = wanted.get('heatsetpoint')
    return filled({
      setpoint: setpoint === undefined ? undefined : Number(setpoint) / 100,
      mode: wanted.get('mode'),
    })
  },
}

/** What a thermostat says in its section `config`. */
export function thermostatConfig(resource: Resource): Readonly<Record<string, unknown>> {
  return {
    heatsetpoint: scaled(saying(resource, 'setpoint'), (celsius) => celsius * 100),
    mode: saying(resource, 'mode') ?? null,
  }
}

const actuators: Readonly<Record<string, Actuator>> = {
  relay,
  led,
  light,
  cover,
  lock,
  fan,
  climate: thermostat,
}

/** What a resource is among what can be commanded; undefined of what only tells, also of a device that can be. */
export function actuatorOf({ row }: Pick<Resource, 'row'>): Actuator | undefined {
  return Object.hasOwn(actuators, row.kind) ? actuators[row.kind] : undefined
}
