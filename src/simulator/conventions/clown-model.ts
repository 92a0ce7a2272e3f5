/** Clown.Model, the hub's own: `<base>/<kind>/<address>` with JSON, told on `…/set`. Facts: docs/nodes.md. */
import { quote } from '../../core/errors.ts'
import { fieldOf } from '../../core/json.ts'
import type { Payload } from '../../core/payload.ts'
import { joinTopic, relativeTopic } from '../../core/topic.ts'
import { type Convention, type Deed, notUnderstood, type Utterance } from '../convention.ts'
import { counter, led, meter, type NodePart, type Quantity, quantities, relay } from '../parts.ts'

const temperature = ({ start }: Pick<Quantity, 'start'>): Record<string, Quantity> => ({
  temperature: { start, low: 17, high: 27, step: 0.08 },
})

/** Clown.Model's names and units. */
const said: Readonly<Record<string, readonly [name: string, unit: string]>> = {
  temperature: ['temperature', '℃'],
  humidity: ['relative-humidity', '%'],
  illuminance: ['illuminance', 'lux'],
  pressure: ['pressure', 'kPa'],
  altitude: ['altitude', 'm'],
  co2: ['concentration', 'ppm'],
}

export const simulatedClownModel: Convention = {
  name: { usual: 'nodes/bridge/0', isOneLevel: false },
  canRefuse: false,
  parts: () => [
    meter('thermometer/i2c0-48', temperature({ start: 20.01 })),
    meter('thermometer/i2c1-48', temperature({ start: 21.5 })),
    meter('humidity-sensor/i2c0-5f', { humidity: { start: 45.2, low: 30, high: 65, step: 0.4 } }),
    meter('lux-meter/i2c0-44', { illuminance: { start: 320, low: 80, high: 900, step: 12 } }),
    meter('barometer/i2c0-60', {
      pressure: { start: 101.3, low: 99, high: 103, step: 0.02 },
      altitude: { start: 2.1, low: -140, high: 200, step: 0.5 },
    }),
    meter('co2-sensor/i2c0-38', { co2: quantities.co2 }),
    counter('pir/-'),
    relay('relay/i2c0-3b'),
    relay('relay/i2c0-3f'),
    led('led/-'),
  ],
  open: ({ name: base }, parts) => ({
    filters: ['+/+/set', '+/+/get', '+/+/config/+'].map((filter) => joinTopic(base, filter)),
    greet: (isFirst) => {
      return isFirst ? [json(joinTopic(base, 'boot'), { 'reason-for-reset': 'power-on' })] : []
    },
    report: (part) => {
      const topic = joinTopic(base, part.name)
      // An actuator's report is a state, not an event: whoever comes later must find it.
      if (part.obeys) return [{ ...json(topic, part.values), qos: 1, retain: true }]
      return [json(topic, readingsOf(part))]
    },
    lastingIdOf: () => base,
    hear: (topic, payload) => {
      const path = relativeTopic(base, topic) ?? ''
      const deed = obey({ base, parts, path, payload })
      return deed ?? notUnderstood(topic)
    },
  }),
}

function json(topic: string, value: unknown): Utterance {
  return { topic, payload: JSON.stringify(value) }
}

function readingsOf({ kind, values }: NodePart): Record<string, unknown> {
  if (kind === 'pir') return { 'event-count': values['count'] }
  const entries = Object.entries(values).map(([key, value]) => {
    const [name, unit] = said[key] ?? [key, null]
    return [name, [value, unit]]
  })
  return Object.fromEntries(entries)
}

interface Heard {
  readonly base: string
  readonly parts: readonly NodePart[]
  readonly path: string
  readonly payload: Payload
}

/** Undefined for what is no command. */
function obey(heard: Heard): Deed | undefined {
  const { parts, path, payload } = heard
  const [kind, address, ...verb] = path.split('/')
  const name = `${kind}/${address}`
  const part = parts.find((each) => each.name === name)
  switch (verb.join('/')) {
    case 'set':
      if (part === undefined || !part.obeys) return notOurs('an actuator', name)
      return { takes: { part, asked: { state: fieldOf(payload.value, 'state') } } }
    case 'get':
      return part === undefined ? notOurs('a device', name) : { tells: [part] }
    // The pages say config/set, the last firmware says config/update.
    case 'config/set':
    case 'config/update':
      // An introduction is for the hub, which answers it.
      if (name === 'clown.talk/-') return {}
      return part === undefined ? notOurs('a device', name) : configure(heard, part)
    case 'config/list':
      return name === '-/-' ? list(heard) : notOurs('-/-', name)
    // The node's own answers, which its own filter config/+ brings back.
    case 'config/ok':
    case 'config/error':
      return {}
    default:
      return undefined
  }
}

function notOurs(expected: string, name: string): Deed {
  return { drops: `expected ${expected} of this node, got ${quote(name)}` }
}

/** Faster than ten times a second no sensor reports; slower than daily none is of use. */
const intervalSeconds = { shortest: 0.1, longest: 86_400 }

function configure({ base, payload }: Heard, part: NodePart): Deed {
  const seconds = fieldOf(payload.value, 'publish-interval')
  const { shortest, longest } = intervalSeconds
  const topic = joinTopic(base, `${part.name}/config`)
  const isInterval = typeof seconds === 'number' && seconds >= shortest && seconds <= longest
  if (part.isLive && isInterval) {
    const says = [json(`${topic}/ok`, { 'publish-interval': seconds })]
    return { says, paces: { part, intervalMs: seconds * 1000 } }
  }
  const expected = part.isLive
    ? `of ${shortest} to ${longest} seconds`
    : 'only for a sensor, this is an actuator'
  const message = `expected publish-interval ${expected}, got ${quote(payload.jsonText)}`
  return { says: [json(`${topic}/error`, { code: 'bad-payload', message })] }
}

function list({ base, parts }: Heard): Deed {
  const namesOf = (obeys: boolean) => {
    return parts.filter((part) => part.obeys === obeys).map(({ name }) => name)
  }
  const all = { sensors: namesOf(false), actuators: namesOf(true), notifications: ['boot'] }
  return { says: [json(joinTopic(base, '-/-/config/ok'), all)] }
}
