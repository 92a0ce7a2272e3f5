/**
 * Zigbee2MQTT: a gateway, below whose base each device has a topic by its friendly name, with all that it says in one JSON,
 * and is told on `…/set`. Facts: Koenkk/zigbee2mqtt (lib/extension), zigbee-herdsman-converters (exposes).
 */
import { isRecord } from '../../core/json.ts'
import type { Payload } from '../../core/payload.ts'
import {
  type Convention,
  type Deed,
  identityOf,
  kept,
  notUnderstood,
  onOff,
  switchAsked,
  type Utterance,
} from '../convention.ts'
import { meter, type NodePart, quantities, relay, type Values } from '../parts.ts'

export const simulatedZigbee2mqtt: Convention = {
  name: { usual: 'zigbee2mqtt', isOneLevel: false },
  canRefuse: true,
  parts: () => [
    relay('plug', 60),
    meter('thermometer', {
      temperature: quantities.temperature,
      humidity: quantities.humidity,
      battery: quantities.battery,
    }),
  ],
  open: ({ name: base }, parts) => {
    const state = (word: string) => kept(`${base}/bridge/state`, JSON.stringify({ state: word }))
    let lastSeenMs = 0
    /** Each time later than before, also within a millisecond: what is told at the same time is the gateway's memory. */
    const seenNow = () => {
      lastSeenMs = Math.max(lastSeenMs + 1, Date.now())
      return new Date(lastSeenMs).toISOString()
    }
    return {
      filters: parts.flatMap(({ name }) => filtersOf(base, name)),
      will: state('offline'),
      greet: () => [
        state('online'),
        kept(
          `${base}/bridge/devices`,
          JSON.stringify([coordinator, ...parts.map((part) => entryOf(base, part))]),
        ),
        ...parts.map(({ name }) => kept(`${base}/${name}/availability`, '{"state":"online"}')),
      ],
      report: (part) => [told(base, part, seenNow())],
      lastingIdOf: (part) => addressOf(base, part),
      hear: (topic, payload) => hear({ base, parts }, topic, payload),
    }
  },
}

function addressOf(base: string, { name }: NodePart): string {
  return `0x0000${identityOf(`${base}/${name}`).mac.toLowerCase()}`
}

function filtersOf(base: string, name: string): string[] {
  return [`${base}/${name}/set`, `${base}/${name}/get`]
}

const coordinator = {
  ...{
    ieee_address: '0x00124b0012000000',
    type: 'Coordinator',
    network_address: 0,
    supported: true,
  },
  ...{ friendly_name: 'Coordinator', disabled: false, definition: null, endpoints: {} },
}

// --- what its devices are ---

function entryOf(base: string, part: NodePart): object {
  const { name, kind, values } = part
  const exposes = [
    ...exposesOf(kind, values),
    { ...readOnly, name: 'linkquality', property: 'linkquality', unit: 'lqi' },
  ]
  return {
    ...{ ieee_address: addressOf(base, part), type: 'Router' },
    ...{ friendly_name: name, disabled: false, supported: true, network_address: 29_159 },
    definition: {
      source: 'native',
      model: `sim-${kind}`,
      vendor: 'Simulated',
      description: kind,
      exposes,
    },
    ...{ power_source: values['battery'] === undefined ? 'Mains (single phase)' : 'Battery' },
    ...{ interview_state: 'SUCCESSFUL', endpoints: {} },
  }
}

const readOnly = { type: 'numeric', access: 1 }
const set = { access: 7 }
const onState = {
  ...set,
  type: 'binary',
  name: 'state',
  property: 'state',
  value_on: 'ON',
  value_off: 'OFF',
}

function number(property: string, more: object = set): object {
  return { type: 'numeric', name: property, property, ...more }
}

const units: Readonly<Record<string, string>> = {
  ...{
    temperature: '°C',
    humidity: '%',
    battery: '%',
    pressure: 'hPa',
    illuminance: 'lx',
    co2: 'ppm',
  },
}

function exposesOf(kind: NodePart['kind'], values: Values): object[] {
  switch (kind) {
    case 'relay':
      return [
        { type: 'switch', features: [onState] },
        ...('power' in values
          ? [
              number('power', { access: 5, unit: 'W' }),
              number('energy', { access: 5, unit: 'kWh' }),
            ]
          : []),
      ]
    case 'light':
      return [{ type: 'light', features: [onState, ...lightFeatures(values)] }]
    case 'cover': {
      const state = {
        ...set,
        type: 'enum',
        name: 'state',
        property: 'state',
        values: ['OPEN', 'CLOSE', 'STOP'],
      }
      return [
        {
          type: 'cover',
          features: [state, number('position', { ...set, value_min: 0, value_max: 100 })],
        },
      ]
    }
    case 'climate':
      return [{ type: 'climate', features: climateFeatures }]
    case 'motion':
    case 'contact': {
      const property = kind === 'motion' ? 'occupancy' : 'contact'
      // A contact that is closed is one.
      const isSo = kind === 'motion'
      return [
        { type: 'binary', access: 1, name: property, property, value_on: isSo, value_off: !isSo },
      ]
    }
    default:
      return Object.keys(values).map((key) => number(key, { access: 1, unit: units[key] ?? null }))
  }
}

function lightFeatures({ brightness, mired, color }: Values): object[] {
  const point = [number('x'), number('y')]
  return [
    ...(brightness === undefined
      ? []
      : [number('brightness', { ...set, value_min: 0, value_max: 254 })]),
    ...(mired === undefined
      ? []
      : [number('color_temp', { ...set, unit: 'mired', value_min: 153, value_max: 500 })]),
    ...(color === undefined
      ? []
      : [{ ...set, type: 'composite', name: 'color_xy', property: 'color', features: point }]),
  ]
}

const climateFeatures = [
  number('occupied_heating_setpoint', {
    ...set,
    unit: '°C',
    value_min: 5,
    value_max: 30,
    value_step: 0.5,
  }),
  number('local_temperature', { access: 5, unit: '°C' }),
  { ...set, type: 'enum', name: 'system_mode', property: 'system_mode', values: ['off', 'heat'] },
  {
    access: 5,
    type: 'enum',
    name: 'running_state',
    property: 'running_state',
    values: ['idle', 'heat'],
  },
]

// --- what they say ---

/** `lastSeen` is when the device itself was heard last. */
function told(base: string, part: NodePart, lastSeen: string): Utterance {
  const said = { ...stateOf(part), linkquality: 120, last_seen: lastSeen }
  return { topic: `${base}/${part.name}`, payload: JSON.stringify(said) }
}

function stateOf({ kind, values }: NodePart): object {
  switch (kind) {
    case 'relay':
      return { ...values, state: onOff(values['state']) }
    case 'light':
      return lightState(values)
    case 'cover': {
      const { position } = values
      return { state: position === 0 ? 'CLOSE' : 'OPEN', position }
    }
    case 'climate': {
      const { mode, setpoint, temperature, action } = values
      const running_state = action === 'heating' ? 'heat' : 'idle'
      return {
        system_mode: mode,
        occupied_heating_setpoint: setpoint,
        local_temperature: temperature,
        running_state,
      }
    }
    case 'motion':
      return { occupancy: values['state'] }
    case 'contact':
      return { contact: values['state'] !== true }
    default:
      return values
  }
}

function lightState({ state, brightness, mired, color }: Values): object {
  return {
    state: onOff(state),
    ...(brightness !== undefined && { brightness: Math.round((Number(brightness) / 100) * 254) }),
    ...(mired !== undefined && { color_temp: mired }),
    ...(color !== undefined && { color: pointOf(String(color)), color_mode: 'xy' }),
  }
}

/** A colour of sRGB as a point of CIE 1931 (IEC 61966-2-1). */
function pointOf(color: string): { readonly x: number; readonly y: number } {
  const [red = 0, green = 0, blue = 0] = [...Buffer.from(color, 'hex')].map((each) => {
    const part = each / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  const x = 0.4124 * red + 0.3576 * green + 0.1805 * blue
  const y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
  const sum = x + y + 0.0193 * red + 0.1192 * green + 0.9505 * blue
  return { x: Number((x / sum).toFixed(4)), y: Number((y / sum).toFixed(4)) }
}

// --- what they are told ---

interface Gateway {
  readonly base: string
  readonly parts: readonly NodePart[]
}

function hear({ base, parts }: Gateway, topic: string, payload: Payload): Deed {
  const part = parts.find(({ name }) => filtersOf(base, name).includes(topic))
  if (part === undefined) return notUnderstood(topic)
  if (topic.endsWith('/get')) return { tells: [part] }
  const { value } = payload
  const asked = isRecord(value) ? value : { state: value }
  const message = `Publish 'set' 'state' to '${part.name}' failed: 'no answer within 10 seconds'`
  const log = { level: 'error', message, namespace: 'z2m' }
  const refused = [{ topic: `${base}/bridge/logging`, payload: JSON.stringify(log) }]
  return { takes: { part, asked: askedOf(part, asked), refused } }
}

function askedOf(part: NodePart, said: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(said).flatMap(([key, value]): [string, unknown][] => {
    switch (key) {
      case 'state':
        return Object.entries(
          part.kind === 'cover' ? coverAsked(value) : (switchAsked(part, String(value)) ?? {}),
        )
      case 'brightness':
        return [[key, Math.round((Number(value) / 254) * 100)]]
      case 'color_temp':
        return [['mired', value]]
      case 'color':
        return [[key, isRecord(value) ? String(value['hex']).replace('#', '') : value]]
      case 'occupied_heating_setpoint':
        return [['setpoint', value]]
      case 'system_mode':
        return [['mode', value]]
      default:
        return [[key, value]]
    }
  })
  return Object.fromEntries(entries)
}

function coverAsked(word: unknown): Values {
  return (
    { OPEN: { position: 100 }, CLOSE: { position: 0 }, STOP: { moving: '' } }[String(word)] ?? {}
  )
}
