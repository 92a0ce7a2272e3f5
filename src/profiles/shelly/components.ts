/** What the components of a Shelly say, and how they are asked. */
import { hexOf, rgbIn } from '../../core/colors.ts'
import { isRecord } from '../../core/json.ts'
import type { AskRanges, DeviceKind } from '../../nodes/profiles/kinds.ts'
import type { Ask, Report } from '../../nodes/profiles/profile.ts'

/** A component's status, or what of it has changed. */
export type Said = Readonly<Record<string, unknown>>

/** What one kind of component is here. */
export interface Component {
  readonly kind: DeviceKind
  read(said: Said): Report
  /** What can be asked of it. */
  readonly askKeys?: readonly string[]
  readonly ranges?: AskRanges
  /** The method and its parameters beside `id`. */
  ask?(asked: Ask): readonly [method: string, parameters: object]
}

/** So many of a kind are found by themselves; a strip has four, a Pro 4PM four, an add-on counts from 100. */
export const componentNumbers = [
  ...Array.from({ length: 16 }, (_, number) => number),
  100,
  101,
  102,
  103,
  104,
]

/** How `part`, such as `switch:0`, is read and asked; undefined when nothing is known of its kind. */
export function componentOf(part: string): Component | undefined {
  const [name = '', number] = part.split(':')
  return number !== undefined && Object.hasOwn(components, name) ? components[name] : undefined
}

type Row = readonly [told: string, name: string, unit: string | null]

/** What any component may measure. */
const measured: readonly Row[] = [
  ['apower', 'power', 'W'],
  ['voltage', 'voltage', 'V'],
  ['current', 'current', 'A'],
  ['freq', 'frequency', 'Hz'],
  ['pf', 'pf', null],
  ['aenergy.total', 'energy', 'Wh'],
  ['temperature.tC', 'temperature', '°C'],
  ['act_power', 'power', 'W'],
  ['aprt_power', 'apparent-power', 'VA'],
]

/** The three phases and the neutral of a meter. */
const phases: readonly Row[] = ['a', 'b', 'c', 'n', 'total'].flatMap((phase): Row[] => [
  [`${phase}_voltage`, `${phase}-voltage`, 'V'],
  [`${phase}_current`, `${phase}-current`, 'A'],
  [`${phase}_act_power`, `${phase}-power`, 'W'],
  [`${phase}_aprt_power`, `${phase}-apparent-power`, 'VA'],
  [`${phase}_pf`, `${phase}-pf`, null],
  [`${phase}_freq`, `${phase}-frequency`, 'Hz'],
])

function readingsIn(said: Said, rows: readonly Row[]): Report {
  const entries = rows.flatMap(([told, name, unit]): [string, Report[string]][] => {
    const [outer = '', inner] = told.split('.')
    const value = inner === undefined ? said[outer] : recordIn(said, outer)[inner]
    return typeof value === 'number' || value === null ? [[name, [value, unit]]] : []
  })
  return Object.fromEntries(entries)
}

function sensor(...rows: readonly Row[]): Component {
  return { kind: 'sensor', read: (said) => readingsIn(said, rows) }
}

/** What only tells whether something is so. */
function detector(told: string): Component {
  return { kind: 'binary-sensor', read: (said) => statesIn(said, { [told]: 'state' }) }
}

/** The states in `said`, by the names that they have there. */
function statesIn(said: Said, names: Readonly<Record<string, string>>): Report {
  const entries = Object.entries(names).flatMap(
    ([told, name]): [string, boolean | string | null][] => {
      const value = said[told]
      return typeof value === 'boolean' || typeof value === 'string' || value === null
        ? [[name, value]]
        : []
    },
  )
  return Object.fromEntries(entries)
}

/** What has gone wrong, such as `overpower`; null when nothing has. */
function faultIn({ errors }: Said): Report {
  return Array.isArray(errors) ? { fault: errors.length > 0 ? errors.join(', ') : null } : {}
}

const relay: Component = {
  kind: 'relay',
  read: (said) => ({
    ...statesIn(said, { output: 'state' }),
    ...faultIn(said),
    ...readingsIn(said, measured),
  }),
  askKeys: ['state', 'pulse'],
  // Seconds, after which it goes back by itself.
  ask: ({ state, pulse }) => [
    'Switch.Set',
    { on: state, ...(typeof pulse === 'number' && { toggle_after: pulse / 1000 }) },
  ],
}

/** A light, which has what its method takes. */
function light(method: string, ...also: readonly ('color' | 'color-temp')[]): Component {
  return {
    kind: 'light',
    read: (said) => {
      const { brightness, rgb, ct } = said
      return {
        ...statesIn(said, { output: 'state' }),
        ...faultIn(said),
        ...(typeof brightness === 'number' && { brightness }),
        ...(typeof ct === 'number' && ct > 0 && { 'color-temp': Math.round(1e6 / ct) }),
        ...colorIn(rgb),
        ...readingsIn(said, measured),
      }
    },
    askKeys: ['state', 'brightness', ...also],
    ask: ({ state = true, brightness, color, 'color-temp': mired }) => [
      method,
      {
        on: state,
        ...(brightness !== undefined && { brightness }),
        ...(color !== undefined && { rgb: rgbIn(color) }),
        ...(mired !== undefined && { ct: Math.round(1e6 / Number(mired)) }),
      },
    ],
  }
}

function colorIn(rgb: unknown): Report {
  const isWhole = Array.isArray(rgb) && rgb.every((each) => Number.isInteger(each))
  const color = isWhole ? hexOf(rgb) : undefined
  return color === undefined ? {} : { color }
}

const verbs: Readonly<Record<string, string>> = { open: 'Open', close: 'Close', stop: 'Stop' }

const cover: Component = {
  kind: 'cover',
  read: (said) => {
    const { current_pos: position } = said
    return {
      ...statesIn(said, { state: 'state' }),
      ...(typeof position === 'number' && { position }),
      ...faultIn(said),
      ...readingsIn(said, measured),
    }
  },
  askKeys: ['state', 'position'],
  ask: ({ state, position }) =>
    position === undefined
      ? [`Cover.${verbs[String(state)]}`, {}]
      : ['Cover.GoToPosition', { pos: position }],
}

/** A virtual component, that its user has made: it has a value and no more. */
function virtual(kind: DeviceKind, method: string): Component {
  const key = kind === 'relay' ? 'state' : 'value'
  return {
    kind,
    read: ({ value }) => (isPlain(value) ? { [key]: value } : {}),
    askKeys: [key],
    ask: ({ [key]: value }) => [`${method}.Set`, { value }],
  }
}

function isPlain(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

/** That of a wall display. */
const thermostat: Component = {
  kind: 'climate',
  read: (said) => {
    const { enable, target_C: setpoint, output } = said
    return {
      ...(typeof enable === 'boolean' && { mode: enable ? 'heat' : 'off' }),
      ...(typeof setpoint === 'number' && { setpoint }),
      ...(typeof output === 'boolean' && { action: output ? 'heating' : 'idle' }),
      ...readingsIn(said, [['current_C', 'temperature', '°C']]),
    }
  },
  askKeys: ['mode', 'setpoint'],
  ranges: { mode: { options: ['off', 'heat'] }, setpoint: { unit: '°C' } },
  ask: ({ mode, setpoint }) => [
    'Thermostat.SetConfig',
    {
      config: {
        ...(mode !== undefined && { enable: mode === 'heat' }),
        ...(setpoint !== undefined && { target_C: setpoint }),
      },
    },
  ],
}

export const components: Readonly<Record<string, Component>> = {
  switch: relay,
  light: light('Light.Set'),
  rgb: light('RGB.Set', 'color'),
  rgbw: light('RGBW.Set', 'color'),
  cct: light('CCT.Set', 'color-temp'),
  rgbcct: light('RGBCCT.Set', 'color', 'color-temp'),
  cover,
  thermostat,
  number: virtual('number', 'Number'),
  boolean: virtual('relay', 'Boolean'),
  enum: virtual('select', 'Enum'),
  text: virtual('text', 'Text'),
  input: {
    kind: 'binary-sensor',
    read: (said) => ({
      ...statesIn(said, { state: 'state' }),
      ...readingsIn(said, [['percent', 'percent', '%']]),
    }),
  },
  temperature: sensor(['tC', 'temperature', '°C']),
  humidity: sensor(['rh', 'humidity', '%']),
  devicepower: sensor(['battery.percent', 'battery', '%']),
  illuminance: sensor(['lux', 'illuminance', 'lx']),
  voltmeter: sensor(['voltage', 'voltage', 'V'], ['xvoltage', 'xvoltage', null]),
  pm1: sensor(...measured),
  em1: sensor(...measured),
  em: sensor(...phases),
  em1data: sensor(
    ['total_act_energy', 'energy', 'Wh'],
    ['total_act_ret_energy', 'energy-returned', 'Wh'],
  ),
  emdata: sensor(['total_act', 'energy', 'Wh'], ['total_act_ret', 'energy-returned', 'Wh']),
  flood: detector('alarm'),
  smoke: detector('alarm'),
  presence: detector('state'),
}

/** What stands in `said` under `key`; empty when it is no object. */
export function recordIn(said: Said, key: string): Said {
  const value = said[key]
  return isRecord(value) ? value : {}
}
