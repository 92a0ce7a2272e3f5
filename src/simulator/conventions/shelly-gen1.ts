/**
 * Shelly of the first generation: `shellies/<name>/<part>/<number>` with bare words, told on `…/command` or `…/set`. Facts:
 * shelly-api-docs.shelly.cloud/gen1 (MQTT).
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
  partAt,
  placeAmongKind,
  redGreenBlueOf,
  switchAsked,
  type Utterance,
} from '../convention.ts'
import { type NodePart, relay, type Values } from '../parts.ts'

export const simulatedShellyGen1: Convention = {
  name: { usual: 'shelly1pm-A1B2C3', isOneLevel: true },
  canRefuse: false,
  parts: () => [relay('Relay', 60)],
  open: (identity, parts) => {
    const base = `shellies/${identity.name}`
    return {
      filters: [
        ...['shellies/command', `${base}/command`],
        ...['command', 'command/pos', 'set'].map((verb) => `${base}/+/+/${verb}`),
      ],
      will: kept(`${base}/online`, 'false'),
      greet: () => [announcement(identity), kept(`${base}/online`, 'true')],
      report: (part) => reportOf(base, parts, part),
      lastingIdOf: () => endOfMac(identity),
      hear: (topic, payload) => hear({ identity, parts, base }, topic, payload),
    }
  },
}

/** The ids of the factory end as the MAC does. */
function endOfMac({ name, mac }: NodeIdentity): string {
  return /[0-9A-F]{6}$/.exec(name)?.[0] ?? mac.slice(-6)
}

function announcement(identity: NodeIdentity): Utterance {
  const { name } = identity
  const mac = `${identity.mac.slice(0, 6)}${endOfMac(identity)}`
  const said = {
    id: name,
    model: 'SHSW-PM',
    mac,
    ip: '192.0.2.5',
    new_fw: false,
    fw_ver: '20230913-112234/v1.14.0',
  }
  return { topic: 'shellies/announce', payload: JSON.stringify(said) }
}

/** The levels of its topics, by the kind of part. */
const levels: Readonly<Partial<Record<NodePart['kind'], string>>> = {
  relay: 'relay',
  light: 'light',
  cover: 'roller',
  contact: 'input',
  motion: 'input',
}

function reportOf(base: string, parts: readonly NodePart[], part: NodePart): Utterance[] {
  const { kind, values } = part
  const level = levels[kind]
  if (level === undefined) {
    return Object.entries(values).map(([key, value]) =>
      kept(`${base}/sensor/${key}`, String(value)),
    )
  }
  const topic = `${base}/${level}/${placeAmongKind(parts, part)}`
  const { state, power, energy, position, moving } = values
  switch (kind) {
    case 'cover': {
      const word = moving === 'opening' ? 'open' : moving === 'closing' ? 'close' : 'stop'
      return [kept(topic, word), kept(`${topic}/pos`, String(position))]
    }
    case 'light':
      return [kept(topic, onOff(state).toLowerCase()), kept(`${topic}/status`, lightStatus(values))]
    case 'relay': {
      const word = kept(topic, onOff(state).toLowerCase())
      if (power === undefined) return [word]
      // In watt-minutes.
      const minutes = Math.round(Number(energy) * 60_000)
      return [word, kept(`${topic}/power`, String(power)), kept(`${topic}/energy`, String(minutes))]
    }
    default:
      return [kept(topic, String(Number(state)))]
  }
}

function lightStatus({ state, brightness, mired, color }: Values): string {
  const [red, green, blue] = redGreenBlueOf(color)
  return JSON.stringify({
    ...{
      ison: state,
      source: 'mqtt',
      has_timer: false,
      mode: color === undefined ? 'white' : 'color',
    },
    ...(color === undefined ? { brightness } : { red, green, blue, gain: brightness }),
    ...(mired !== undefined && { temp: Math.round(1e6 / Number(mired)) }),
  })
}

interface Device {
  readonly identity: NodeIdentity
  readonly parts: readonly NodePart[]
  readonly base: string
}

function hear({ identity, parts, base }: Device, topic: string, payload: Payload): Deed {
  const text = payload.bytes.toString()
  if (topic === 'shellies/command' || topic === `${base}/command`) {
    if (text === 'announce') return { says: [announcement(identity)] }
    return text === 'update' ? { tells: parts } : notUnderstood(topic)
  }
  const [level, number, ...verb] = topic.slice(base.length + 1).split('/')
  const part = parts.find((each) => {
    return levels[each.kind] === level && partAt(parts, each.kind, Number(number)) === each
  })
  const asked = part && askedOf(part, verb.join('/'), payload)
  return part === undefined || asked === undefined
    ? notUnderstood(topic)
    : { takes: { part, asked } }
}

function askedOf(
  part: NodePart,
  verb: string,
  payload: Payload,
): Readonly<Record<string, unknown>> | undefined {
  const text = payload.bytes.toString()
  const { value } = payload
  switch (`${part.kind} ${verb}`) {
    case 'relay command':
    case 'light command':
      return switchAsked(part, text)
    case 'cover command':
      return { open: { position: 100 }, close: { position: 0 }, stop: { moving: '' } }[text]
    case 'cover command/pos':
      return { position: Number(text) }
    case 'light set':
      return isRecord(value) ? lightAsked(value, part) : undefined
    default:
      return undefined
  }
}

function lightAsked(value: Readonly<Record<string, unknown>>, part: NodePart): Values {
  const { turn, brightness, gain = brightness, temp, red, green, blue } = value
  const rgb = [red, green, blue].filter((each) => typeof each === 'number')
  return {
    ...switchAsked(part, String(turn)),
    ...(typeof gain === 'number' && { brightness: gain }),
    ...(typeof temp === 'number' && { mired: Math.round(1e6 / temp) }),
    ...(rgb.length === 3 && { color: Buffer.from(rgb).toString('hex').toUpperCase() }),
  }
}
