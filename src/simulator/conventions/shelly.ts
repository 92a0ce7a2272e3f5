/**
 * Shelly of the second generation and later: JSON-RPC on `<name>/rpc`, answered on `<src>/rpc`, and what has changed on
 * `<name>/events/rpc`. Facts: shelly-api-docs.shelly.cloud/gen2 (Mqtt, Notifications, Switch, Light, Cover).
 */
import { isRecord } from '../../core/json.ts'
import type { Payload } from '../../core/payload.ts'
import {
  type Convention,
  type Deed,
  kept,
  type NodeIdentity,
  notUnderstood,
  partAt,
  placeAmongKind,
  type Utterance,
} from '../convention.ts'
import { meter, type NodePart, quantities, relay, type Values } from '../parts.ts'

export const simulatedShelly: Convention = {
  name: { usual: 'shellyplus1pm-02a1b2c3d4e5', isOneLevel: false },
  canRefuse: true,
  parts: () => [relay('Relay', 60), meter('Inside', { temperature: quantities.temperature })],
  open: (identity, parts) => {
    const { name } = identity
    const device = { ...identity, parts }
    return {
      filters: [`${name}/rpc`],
      will: kept(`${name}/online`, 'false'),
      greet: () => [
        kept(`${name}/online`, 'true'),
        notification(device, 'NotifyFullStatus', statusOf(parts)),
      ],
      // What it says at its beginning it has said in its greeting.
      report: (part, occasion) => {
        return occasion === 'asked'
          ? []
          : [notification(device, 'NotifyStatus', statusOf([part], parts))]
      },
      lastingIdOf: () => sourceOf(identity),
      hear: (topic, payload) => hear(device, topic, payload),
    }
  },
}

interface Device extends NodeIdentity {
  readonly parts: readonly NodePart[]
}

/** Who it says that it is, whatever its prefix: `shellyplus1pm-` and its MAC. */
function sourceOf({ name, mac }: NodeIdentity): string {
  return name.includes('-') ? name : `shellyplus1pm-${mac.toLowerCase()}`
}

function notification(device: Device, method: string, status: object): Utterance {
  const src = sourceOf(device)
  const message = {
    src,
    dst: `${device.name}/events`,
    method,
    params: { ts: Date.now() / 1000, ...status },
  }
  return { topic: `${device.name}/events/rpc`, payload: JSON.stringify(message) }
}

/** The names of components, by the kind of part. */
const components: Readonly<Partial<Record<NodePart['kind'], string>>> = {
  relay: 'switch',
  light: 'light',
  cover: 'cover',
  contact: 'input',
  motion: 'input',
}

interface Measure {
  readonly component: string
  says(value: unknown): object
}

/** The components of what a meter measures. */
const measures: Readonly<Record<string, Measure>> = {
  temperature: { component: 'temperature', says: (tC) => ({ tC }) },
  humidity: { component: 'humidity', says: (rh) => ({ rh }) },
  battery: { component: 'devicepower', says: (percent) => ({ battery: { percent } }) },
}

/** `switch:0`; a meter has a component for each thing that it measures. */
function statusOf(some: readonly NodePart[], all = some): Record<string, object> {
  const entries = some.flatMap((part): [string, object][] => {
    const { kind, values } = part
    const id = placeAmongKind(all, part)
    const component = components[kind]
    if (component !== undefined) return [[`${component}:${id}`, { id, ...componentStatus(part) }]]
    return Object.entries(values).flatMap(([key, value]): [string, object][] => {
      const measure = measures[key]
      return measure === undefined
        ? []
        : [[`${measure.component}:${id}`, { id, ...measure.says(value) }]]
    })
  })
  return Object.fromEntries(entries)
}

function componentStatus({ kind, values }: NodePart): object {
  const { state, position, moving } = values
  if (kind === 'relay' || kind === 'light') return outputStatus(values)
  if (kind !== 'cover') return { state }
  const atRest = position === 0 ? 'closed' : position === 100 ? 'open' : 'stopped'
  return { state: moving === '' ? atRest : moving, current_pos: position, source: 'MQTT' }
}

function outputStatus({ state, power, energy, brightness }: Values): object {
  const total = Number(energy) * 1000
  return {
    ...{ output: state, source: 'MQTT' },
    ...(power !== undefined && { apower: power, voltage: 230.4, aenergy: { total } }),
    ...(brightness !== undefined && { brightness }),
  }
}

function configOf({ name, parts }: Device): object {
  const names = Object.keys(statusOf(parts)).map((component) => {
    const [kind, id] = component.split(':')
    const part = parts.find(
      (each) => components[each.kind] === kind && placeAmongKind(parts, each) === Number(id),
    )
    return [component, { id: Number(id), name: part?.name ?? null }]
  })
  return { sys: { device: { name, fw_id: '20260101-120000/1.7.1' } }, ...Object.fromEntries(names) }
}

// --- what it is told ---

function hear(device: Device, topic: string, { value }: Payload): Deed {
  if (!isRecord(value)) return notUnderstood(topic)
  const { id, src, method } = value
  const params = isRecord(value['params']) ? value['params'] : {}
  const answer = (said: object): Utterance => {
    const message = { id, src: sourceOf(device), dst: src, ...said }
    return { topic: `${String(src)}/rpc`, payload: JSON.stringify(message) }
  }
  const refused = (code: number, message: string) => [answer({ error: { code, message } })]
  if (method === 'Shelly.GetStatus') return { says: [answer({ result: statusOf(device.parts) })] }
  if (method === 'Shelly.GetConfig') return { says: [answer({ result: configOf(device) })] }
  const call = methods[String(method)]
  const part = call && partAt(device.parts, call.kind, Number(params['id']))
  if (call === undefined || part === undefined) {
    return { ...notUnderstood(topic), says: refused(404, `No handler for ${String(method)}`) }
  }
  const asked = call.asks(params, part)
  const accepted = [answer({ result: { was_on: part.values['state'] ?? null } })]
  return {
    takes: {
      part,
      asked,
      accepted,
      refused: refused(-103, 'Invalid argument or the output is overloaded'),
    },
  }
}

interface Method {
  readonly kind: NodePart['kind']
  asks(params: Readonly<Record<string, unknown>>, part: NodePart): Readonly<Record<string, unknown>>
}

const to = (asked: Values): Method => ({ kind: 'cover', asks: () => asked })

const methods: Readonly<Record<string, Method>> = {
  'Switch.Set': { kind: 'relay', asks: ({ on }) => ({ state: on }) },
  'Switch.Toggle': {
    kind: 'relay',
    asks: (_params, { values }) => ({ state: values['state'] !== true }),
  },
  'Light.Set': {
    kind: 'light',
    asks: ({ on, brightness }) => ({
      ...(on !== undefined && { state: on }),
      ...(brightness !== undefined && { brightness }),
    }),
  },
  'Cover.Open': to({ position: 100 }),
  'Cover.Close': to({ position: 0 }),
  'Cover.Stop': to({ moving: '' }),
  'Cover.GoToPosition': { kind: 'cover', asks: ({ pos }) => ({ position: pos }) },
}
