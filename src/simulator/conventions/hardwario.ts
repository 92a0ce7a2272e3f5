/**
 * HARDWARIO TOWER by its gateway: `node/<name>/<part>/<address>/<quantity>` with bare JSON, told on `…/set`, asked on `…/get`. There
 * is no will: nodes sleep, and the gateway has none. Facts: hardwario/bch-gateway, docs.hardwario.com/tower.
 */
import type { Payload } from '../../core/payload.ts'
import { type Convention, type Deed, notUnderstood, type Utterance } from '../convention.ts'
import { counter, led, meter, type NodePart, quantities, relay } from '../parts.ts'

export const simulatedHardwario: Convention = {
  name: { usual: 'power-controller:0', isOneLevel: true },
  canRefuse: false,
  // Each by its address on the node.
  parts: () => [
    relay('-'),
    led('-'),
    meter('0:0', {
      temperature: quantities.temperature,
      humidity: quantities.humidity,
      pressure: quantities.pressure,
    }),
    counter('-'),
  ],
  open: ({ name }, parts) => {
    const base = `node/${name}`
    return {
      filters: [`${base}/+/+/+/set`, `${base}/+/+/+/get`],
      greet: (isFirst) => {
        const info = { firmware: 'power-controller', version: 'v1.3.0' }
        return isFirst ? [{ topic: `${base}/info`, payload: JSON.stringify(info) }] : []
      },
      report: (part) => reportOf(base, part),
      lastingIdOf: () => name,
      hear: (topic, payload) => hear({ base, parts }, topic, payload),
    }
  },
}

/** Where a value is told, and in which measure. */
const told: Readonly<Record<string, readonly [part: string, quantity: string, factor: number]>> = {
  temperature: ['thermometer', 'temperature', 1],
  humidity: ['hygrometer', 'relative-humidity', 1],
  illuminance: ['lux-meter', 'illuminance', 1],
  // In pascals.
  pressure: ['barometer', 'pressure', 100],
  co2: ['co2-meter', 'concentration', 1],
  voltage: ['battery', 'voltage', 1],
  count: ['pir', 'event-count', 1],
}

function reportOf(base: string, part: NodePart): Utterance[] {
  const { kind, name, values } = part
  if (part.obeys) {
    const isOn = kind === 'led' ? values['state'] !== 'off' : values['state']
    return [{ topic: `${base}/${kind}/${name}/state`, payload: JSON.stringify(isOn), qos: 1 }]
  }
  return Object.entries(values).flatMap(([key, value]) => {
    const [place, quantity, factor] = told[key] ?? [key, key, 1]
    return {
      topic: `${base}/${place}/${name}/${quantity}`,
      payload: String(Number(value) * factor),
      qos: 1,
    }
  })
}

interface Node {
  readonly base: string
  readonly parts: readonly NodePart[]
}

function hear({ base, parts }: Node, topic: string, { value }: Payload): Deed {
  const [kind, address, ...verb] = topic.slice(base.length + 1).split('/')
  const part = parts.find((each) => each.kind === kind && each.name === address)
  if (part === undefined) return notUnderstood(topic)
  if (verb.join('/') === 'state/get') return { tells: [part] }
  if (verb.join('/') !== 'state/set' || typeof value !== 'boolean') return notUnderstood(topic)
  const state = kind === 'led' ? (value ? 'on' : 'off') : value
  return { takes: { part, asked: { state } } }
}
