/**
 * Homie 5: a description in one JSON, each value on a topic of its own, told on `…/set`; `$target` says that it was taken.
 * Facts: homieiot/convention (5.0).
 */
import type { Payload } from '../../core/payload.ts'
import {
  type Convention,
  type Deed,
  kept,
  notUnderstood,
  topicLevelOf,
  type Utterance,
} from '../convention.ts'
import { meter, type NodePart, quantities, relay } from '../parts.ts'

export const simulatedHomie: Convention = {
  name: { usual: 'homie-plug', isOneLevel: true },
  canRefuse: false,
  parts: () => [
    relay('Plug', 60),
    meter('Climate', { temperature: quantities.temperature, humidity: quantities.humidity }),
  ],
  open: ({ name }, parts) => {
    const base = `homie/5/${name}`
    return {
      filters: [`${base}/+/+/set`],
      will: kept(`${base}/$state`, 'lost'),
      greet: () => [
        kept(`${base}/$state`, 'init'),
        kept(`${base}/$description`, JSON.stringify(descriptionOf(name, parts))),
        ...parts.flatMap((part) => valuesOf(base, part)),
        kept(`${base}/$state`, 'ready'),
      ],
      // What it says at its beginning it says while it is not ready.
      report: (part, occasion) => (occasion === 'asked' ? [] : valuesOf(base, part)),
      lastingIdOf: () => name,
      hear: (topic, payload) => hear({ base, parts }, topic, payload),
    }
  },
}

const units: Readonly<Record<string, string>> = {
  ...{
    temperature: '°C',
    setpoint: '°C',
    humidity: '%',
    battery: '%',
    brightness: '%',
    position: '%',
  },
  ...{ power: 'W', energy: 'kWh', pressure: 'hPa', illuminance: 'lx', co2: 'ppm' },
}

function descriptionOf(name: string, parts: readonly NodePart[]): object {
  const nodes = parts.map((part) => {
    const properties = Object.entries(part.values).map(([key, value]) => {
      return [
        key,
        { name: key, settable: part.sets(key), unit: units[key], ...datatypeOf(part, key, value) },
      ]
    })
    return [
      topicLevelOf(part.name),
      { name: part.name, properties: Object.fromEntries(properties) },
    ]
  })
  return { homie: '5.0', version: 1, name, nodes: Object.fromEntries(nodes) }
}

function datatypeOf(part: NodePart, key: string, value: unknown): object {
  const words = part.wordsOf(key)
  if (words !== undefined) return { datatype: 'enum', format: words.join(',') }
  if (typeof value === 'boolean') return { datatype: 'boolean' }
  return { datatype: typeof value === 'number' ? 'float' : 'string' }
}

function valuesOf(base: string, { name, values }: NodePart): Utterance[] {
  return Object.entries(values).map(([key, value]) => {
    // An empty text is one byte 0: without any the topic would be removed.
    return kept(`${base}/${topicLevelOf(name)}/${key}`, value === '' ? '\0' : String(value))
  })
}

interface Device {
  readonly base: string
  readonly parts: readonly NodePart[]
}

function hear({ base, parts }: Device, topic: string, payload: Payload): Deed {
  const [node, key = ''] = topic.slice(base.length + 1).split('/')
  const part = parts.find(({ name }) => topicLevelOf(name) === node)
  if (part === undefined) return notUnderstood(topic)
  const text = payload.bytes.toString()
  const target = topic.replace(/set$/, '$target')
  return {
    takes: { part, asked: { [key]: valueIn(part, key, text) }, accepted: [kept(target, text)] },
  }
}

/** Undefined for what does not have the form of its datatype. */
function valueIn(
  { values }: NodePart,
  key: string,
  text: string,
): boolean | number | string | undefined {
  switch (typeof values[key]) {
    case 'boolean':
      return text === 'true' || text === 'false' ? text === 'true' : undefined
    case 'number':
      return Number(text)
    default:
      return text === '\0' ? '' : text
  }
}
