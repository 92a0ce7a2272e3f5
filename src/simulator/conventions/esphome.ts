/**
 * ESPHome with `discovery: false`: `<name>/<component>/<object>/state`, told on `…/command`; asked on `esphome/discover` it
 * says who it is. Facts: esphome/esphome (mqtt_client, mqtt_component), esphome.io/components/mqtt.
 */
import { isRecord } from '../../core/json.ts'
import type { Payload } from '../../core/payload.ts'
import {
  type Convention,
  type Deed,
  kept,
  type NodeIdentity,
  notUnderstood,
  onOff,
  redGreenBlueOf,
  switchAsked,
  topicLevelOf,
  type Utterance,
} from '../convention.ts'
import { meter, type NodePart, quantities, relay, type Values, ventilator } from '../parts.ts'

export const simulatedEsphome: Convention = {
  name: { usual: 'esp-kitchen', isOneLevel: true },
  canRefuse: false,
  parts: () => [
    relay('Relay'),
    ventilator('Hood'),
    meter('Air', { temperature: quantities.temperature, humidity: quantities.humidity }),
  ],
  open: (identity, parts) => {
    const { name } = identity
    return {
      filters: ['esphome/discover', `esphome/ping/${name}`, `${name}/+/+/command`],
      will: kept(`${name}/status`, 'offline'),
      greet: () => [introduction(identity), kept(`${name}/status`, 'online')],
      report: (part) => reportOf(name, part),
      lastingIdOf: () => identity.mac.toLowerCase(),
      hear: (topic, payload) => {
        if (topic.startsWith('esphome/')) return { says: [introduction(identity)] }
        return hear({ name, parts }, topic, payload)
      },
    }
  },
}

function introduction({ name, mac }: NodeIdentity): Utterance {
  const said = {
    ...{
      ip: '192.0.2.7',
      name,
      friendly_name: name,
      port: 6053,
      version: '2026.10.2',
      mac: mac.toLowerCase(),
    },
    ...{ platform: 'ESP8266', board: 'esp01_1m', network: 'wifi' },
  }
  return kept(`esphome/discover/${name}`, JSON.stringify(said))
}

/** The names of components, by the kind of part. */
const components: Readonly<Partial<Record<NodePart['kind'], string>>> = {
  ...{ relay: 'switch', light: 'light', fan: 'fan', cover: 'cover' },
  ...{ motion: 'binary_sensor', contact: 'binary_sensor' },
}

function topicOf(name: string, part: NodePart): string | undefined {
  const component = components[part.kind]
  return component && `${name}/${component}/${topicLevelOf(part.name, '_')}`
}

function reportOf(name: string, part: NodePart): Utterance[] {
  const topic = topicOf(name, part)
  if (topic !== undefined) return [kept(`${topic}/state`, stateOf(part))]
  return Object.entries(part.values).map(([key, value]) => {
    return kept(`${name}/sensor/${topicLevelOf(`${part.name} ${key}`, '_')}/state`, String(value))
  })
}

function stateOf({ kind, values }: NodePart): string {
  const { state, position, brightness, color } = values
  if (kind === 'cover') return position === 0 ? 'CLOSED' : 'OPEN'
  if (kind !== 'light') return onOff(state)
  const [r, g, b] = redGreenBlueOf(color)
  return JSON.stringify({
    state: onOff(state),
    ...(brightness !== undefined && { brightness: Math.round((Number(brightness) / 100) * 255) }),
    ...(color === undefined
      ? { color_mode: 'brightness' }
      : { color_mode: 'rgb', color: { r, g, b } }),
  })
}

interface Node {
  readonly name: string
  readonly parts: readonly NodePart[]
}

function hear({ name, parts }: Node, topic: string, payload: Payload): Deed {
  const part = parts.find((each) => topic === `${topicOf(name, each)}/command`)
  const asked = part && askedOf(part, payload)
  return part === undefined || asked === undefined
    ? notUnderstood(topic)
    : { takes: { part, asked } }
}

function askedOf(part: NodePart, { bytes, value }: Payload): Values | undefined {
  const text = bytes.toString()
  if (part.kind === 'light') return isRecord(value) ? lightAsked(part, value) : undefined
  if (part.kind !== 'cover') return switchAsked(part, text)
  return { OPEN: { position: 100 }, CLOSE: { position: 0 }, STOP: { moving: '' } }[text]
}

function lightAsked(
  part: NodePart,
  { state, brightness, color }: Readonly<Record<string, unknown>>,
): Values {
  const { r, g, b } = isRecord(color) ? color : {}
  const rgb = [r, g, b].filter((each) => typeof each === 'number')
  return {
    ...switchAsked(part, String(state)),
    ...(typeof brightness === 'number' && { brightness: Math.round((brightness / 255) * 100) }),
    ...(rgb.length === 3 && { color: Buffer.from(rgb).toString('hex').toUpperCase() }),
  }
}
