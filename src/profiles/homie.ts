/**
 * Homie: version 5 with a description in one JSON, versions 3 and 4 with an attribute a topic. Facts:
 * homieiot/convention (5.0, 4.0.0, 3.0.1).
 */
import { isDeepStrictEqual } from 'node:util'
import { isRecord } from '../core/json.ts'
import type { AskRanges, DeviceKind } from '../nodes/profiles/kinds.ts'
import type { Ask, DeviceFacts, Profile, ProfileHub, Report } from '../nodes/profiles/profile.ts'

type Attributes = Readonly<Record<string, unknown>>

/** A Homie device: a thing with nodes, which have properties. */
interface Homie {
  /** Its own id; with the domain before it where that is not `homie`. */
  readonly id: string
  readonly base: string
  state: string
  /** Without it nothing is known of its properties. */
  description: Attributes
  /** By `<node>/<property>`. */
  readonly properties: Map<string, Property>
}

interface Property {
  readonly kind: DeviceKind
  readonly datatype: string
  readonly unit: string | null
  readonly name: string
  readonly canBeAsked: boolean
  readonly range: AskRanges[string]
}

interface House {
  readonly hub: ProfileHub
  readonly devices: Map<string, Homie>
}

/** What a device of version 5 says of itself: it is known by that. */
const states = new Set(['init', 'ready', 'disconnected', 'sleeping', 'lost'])

/** How long a device that has said what it is going to do may take. */
const reachesWithinMs = 60_000

export const homie: Profile = {
  name: 'homie',
  open: (hub) => {
    const house: House = { hub, devices: new Map() }
    // A description alone is what somebody forgot to remove.
    hub.listen('+/5/+/$state', ({ topic, payload }) => {
      // Whoever says something else there does not speak Homie, and keeps the topics.
      const isState = states.has(payload.bytes.toString())
      if (isState) open(house, topic.slice(0, -'/$state'.length), hearFive)
    })
    hub.listen('+/+/$homie', ({ topic, payload }) => {
      const version = payload.bytes.toString()
      if (/^[34]/.test(version)) open(house, topic.slice(0, -'/$homie'.length), hearFour)
    })
  },
}

/** Hears one attribute of a device: `$state`, or `light/power/$name`. */
type HearAttribute = (
  house: House,
  device: Homie,
  said: readonly [path: string, text: string],
) => void

/** What is there already is heard at once: all attributes are retained. */
function open(house: House, base: string, hear: HearAttribute): void {
  const { hub, devices } = house
  if (devices.has(base)) return
  const id = base.replace(/^homie\//, '').replace(/^5\//, '')
  const device: Homie = { id, base, state: '', description: {}, properties: new Map() }
  devices.set(base, device)
  const claim = (pattern: string) => {
    hub.claim(base, `${base}/${pattern}`, ({ topic, payload }) => {
      hear(house, device, [topic.slice(base.length + 1), payload.bytes.toString()])
    })
  }
  for (const pattern of hear === hearFour ? ['+', '+/+', '+/+/+'] : ['+']) claim(pattern)
}

// --- version 5 ---

function hearFive(house: House, device: Homie, [path, text]: readonly [string, string]): void {
  if (path === '$state') hearState(house, device, text)
  if (path !== '$description') return
  try {
    const description: unknown = JSON.parse(text)
    if (isRecord(description)) describe(house, device, description)
  } catch {
    house.hub.leaveOut(`${device.base}/$description`, 'expected JSON')
  }
}

/** An empty state is a device that is no more. */
function hearState({ hub, devices }: House, device: Homie, state: string): void {
  device.state = state
  if (state === '') {
    hub.release(device.base)
    for (const path of [...device.properties.keys()]) drop(hub, device, path)
    devices.delete(device.base)
    return
  }
  for (const each of devices.values()) {
    if (each === device || rootOf(each) === device.id) tellAvailable(hub, devices, each)
  }
}

function rootOf({ description }: Homie): unknown {
  return description['root']
}

/** Who sleeps may be there; children are lost with their root, which alone has a will. */
function tellAvailable(hub: ProfileHub, devices: House['devices'], device: Homie): void {
  const root = [...devices.values()].find(({ id }) => id === rootOf(device))
  const states = [device.state, root?.state ?? 'ready']
  const isAway = states.some((state) => state === 'lost' || state === 'disconnected')
  const isReady = states.every((state) => state === 'ready' || state === 'alert')
  for (const path of device.properties.keys()) {
    hub.available(`${device.id}/${path}`, isAway ? false : isReady ? true : null)
  }
}

function describe(house: House, device: Homie, description: Attributes): void {
  const { hub, devices } = house
  device.description = description
  const before = new Set(device.properties.keys())
  for (const [node, { properties }] of recordsIn(description['nodes'])) {
    for (const [name, attributes] of recordsIn(properties)) {
      const path = `${node}/${name}`
      before.delete(path)
      declare(house, device, { path, attributes })
    }
  }
  for (const path of before) drop(hub, device, path)
  tellAvailable(hub, devices, device)
}

function recordsIn(value: unknown): [string, Attributes][] {
  const entries = isRecord(value) ? Object.entries(value) : []
  return entries.flatMap(([key, each]): [string, Attributes][] =>
    isRecord(each) ? [[key, each]] : [],
  )
}

// --- properties ---

interface Described {
  readonly path: string
  readonly attributes: Attributes
}

function declare({ hub }: House, device: Homie, { path, attributes }: Described): void {
  const { base, id, description, properties } = device
  const property = propertyOf(path, attributes)
  const before = properties.get(path)
  properties.set(path, property)
  const own = typeof description['name'] === 'string' ? description['name'] : id
  const { kind, canBeAsked } = property
  const facts: DeviceFacts = { node: id, kind, part: path, name: `${own} ${property.name}` }
  const topic = `${base}/${path}`
  hub.device(`${id}/${path}`, canBeAsked ? { ...facts, ...asking(property, topic) } : facts)
  // Attributes come in any order: what was said before is read anew by what it is now.
  if (before !== undefined && isDeepStrictEqual(before, property)) return
  hub.release(topic)
  claimProperty(hub, device, path)
}

function drop(hub: ProfileHub, { base, id, properties }: Homie, path: string): void {
  hub.release(`${base}/${path}`)
  hub.forget(`${id}/${path}`)
  properties.delete(path)
}

/** What each datatype is when it only tells, and when it can be set. */
const kinds = new Map<string, readonly [told: DeviceKind, asked: DeviceKind]>([
  ['boolean', ['binary-sensor', 'relay']],
  ['integer', ['sensor', 'number']],
  ['float', ['sensor', 'number']],
  ['enum', ['sensor', 'select']],
])

function propertyOf(path: string, attributes: Attributes): Property {
  const { datatype, settable, unit: told, name, format } = attributes
  const canBeAsked = settable === true || settable === 'true'
  const type = String(datatype ?? 'string')
  const unit = typeof told === 'string' && told !== '' ? told : null
  const [whenTold, whenAsked] = kinds.get(type) ?? (['sensor', 'text'] as const)
  return {
    kind: canBeAsked ? whenAsked : whenTold,
    datatype: type,
    unit,
    range: { ...rangeIn(type, String(format ?? '')), ...(unit !== null && { unit }) },
    name: typeof name === 'string' && name !== '' ? name : path.slice(path.indexOf('/') + 1),
    canBeAsked,
  }
}

/** `low,middle,high` of an enum; `0:100:5` of a number, of which each part may be missing. */
function rangeIn(datatype: string, format: string): NonNullable<Property['range']> {
  if (format === '') return {}
  if (datatype === 'enum') return { options: format.split(',') }
  if (datatype !== 'integer' && datatype !== 'float') return {}
  const [min, max, step] = format.split(':').map((part) => {
    const number = part === '' ? Number.NaN : Number(part)
    return Number.isFinite(number) ? number : undefined
  })
  return { min, max, step }
}

function asking({ kind, range }: Property, topic: string): Partial<DeviceFacts> {
  const key = kind === 'relay' ? 'state' : 'value'
  return {
    askKeys: [key],
    ranges: { [key]: range },
    ask: ({ [key]: value }) => [{ topic: `${topic}/set`, payload: String(value) }],
  }
}

function claimProperty(hub: ProfileHub, device: Homie, path: string): void {
  const { base, id, properties } = device
  const own = `${id}/${path}`
  const topic = `${base}/${path}`
  const current = () => properties.get(path)
  hub.claim(topic, topic, ({ payload }) => {
    const property = current()
    const report = property && reportOf(path, property, payload.bytes.toString())
    if (report !== undefined) hub.report(own, report)
  })
  hub.claim(topic, `${topic}/$target`, ({ isPast }) => {
    if (!isPast) hub.accept(own, reachesWithinMs)
  })
  hub.claim(topic, `${topic}/set`, ({ payload, isPast }) => {
    const property = current()
    const asked = property && askedBy(property, payload.bytes.toString())
    if (!isPast && asked !== undefined) hub.observe(own, asked)
  })
}

function reportOf(path: string, property: Property, text: string): Report | undefined {
  const { kind, unit } = property
  const value = valueIn(property, text)
  if (value === undefined) return undefined
  if (kind === 'relay' || kind === 'binary-sensor') return { state: value }
  const reading = { [path.slice(path.indexOf('/') + 1)]: [value, unit] as const }
  if (kind === 'number') return { ...reading, value }
  return kind === 'sensor' ? reading : { value }
}

/** Undefined for what does not have the form of its datatype. An empty text is one byte 0. */
function valueIn({ datatype }: Property, text: string): boolean | number | string | undefined {
  if (datatype === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  if (datatype !== 'integer' && datatype !== 'float') return text === '\0' ? '' : text
  const number = text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(number) ? number : undefined
}

function askedBy(property: Property, text: string): Ask | undefined {
  const value = valueIn(property, text)
  if (value === undefined || !property.canBeAsked) return undefined
  return property.kind === 'relay' ? { state: value } : { value }
}

// --- versions 3 and 4 ---

/** Attributes come one by one, in any order; what of a property has a datatype can be told of. */
function hearFour(house: House, device: Homie, [path, text]: readonly [string, string]): void {
  const levels = path.split('/')
  const attribute = levels.slice(-1).join('')
  if (!attribute.startsWith('$')) return
  if (path === '$state') {
    hearState(house, device, text)
    return
  }
  const [node, property] = levels.slice(0, -1)
  const key = attribute.slice(1)
  const nodes = recordIn(device.description, 'nodes')
  if (node === undefined) describe(house, device, { ...device.description, [key]: text, nodes })
  else if (property !== undefined) {
    const ofNode = recordIn(nodes, node)
    const properties = recordIn(ofNode, 'properties')
    const attributes = { ...recordIn(properties, property), [key]: text }
    const changed = { ...ofNode, properties: { ...properties, [property]: attributes } }
    describe(house, device, { ...device.description, nodes: { ...nodes, [node]: changed } })
  }
}

function recordIn(value: Attributes, key: string): Attributes {
  const found = Object.hasOwn(value, key) ? value[key] : undefined
  return isRecord(found) ? found : {}
}
