/**
 * ESPHome by MQTT, where Home Assistant's discovery is off: `<node>/<component>/<object>/state` of each node that
 * says so on `esphome/discover/<node>`. Facts: esphome/esphome (mqtt_client, mqtt_component), esphome.io/components/mqtt.
 */
import { hexOf, rgbIn } from '../core/colors.ts'
import { fieldOf, isRecord } from '../core/json.ts'
import type { AskRanges, DeviceKind } from '../nodes/profiles/kinds.ts'
import type {
  Ask,
  HeardMessage,
  MeasuredValue,
  Outgoing,
  Profile,
  ProfileHub,
  Report,
} from '../nodes/profiles/profile.ts'

interface Node {
  /** The first levels of its topics. */
  readonly prefix: string
  /** What never changes of it: its MAC, where it tells it. */
  readonly id: string
  readonly name: string
  readonly firmware: string
  isThere: boolean | null
  /** By its topics, what can be asked of each part. */
  readonly parts: Map<string, Set<string>>
}

/** What a component of a node is here. */
interface Component {
  readonly kind: DeviceKind
  /** Undefined for what says nothing. `object` is what it is called. */
  read(value: unknown, object: string): Report | undefined
  /** What can be asked, and what is sent then. */
  readonly asking?: { readonly keys: readonly string[]; write(asked: Ask): unknown }
  /** What has topics of its own below the component's: `cover/blind/position/state`. */
  readonly aspects?: ReadonlyMap<string, Aspect>
}

/** One key that is told, and perhaps asked, on topics of its own. It can be asked once it was told: nothing else says that it is there. */
interface Aspect {
  readonly key: string
  read(value: unknown): Report[string] | undefined
  write?(asked: unknown): unknown
  readonly range?: AskRanges[string]
}

export const esphome: Profile = {
  name: 'esphome',
  // Its own configs for Home Assistant say more: units, and what things are about.
  isGeneric: true,
  open: (hub) => {
    const nodes = new Map<string, Node>()
    hub.claim('discovery', 'esphome/discover/+', ({ topic, payload }) => {
      const prefix = topic.slice('esphome/discover/'.length)
      close(hub, nodes, prefix)
      if (isRecord(payload.value)) open(hub, nodes, nodeOf(prefix, payload.value))
    })
    hub.send({ topic: 'esphome/discover', payload: '', qos: 0 })
  },
}

function nodeOf(prefix: string, said: Readonly<Record<string, unknown>>): Node {
  const { friendly_name: name, mac, version } = said
  return {
    prefix,
    id: typeof mac === 'string' && mac !== '' ? mac : prefix,
    name: typeof name === 'string' && name !== '' ? name : prefix,
    firmware: typeof version === 'string' ? version : '',
    isThere: null,
    parts: new Map(),
  }
}

function close(hub: ProfileHub, nodes: Map<string, Node>, prefix: string): void {
  const node = nodes.get(prefix)
  if (node === undefined) return
  hub.release(prefix)
  for (const id of node.parts.keys()) hub.forget(id)
  nodes.delete(prefix)
}

function open(hub: ProfileHub, nodes: Map<string, Node>, node: Node): void {
  const { prefix } = node
  nodes.set(prefix, node)
  hub.claim(prefix, `${prefix}/debug`, () => {})
  hub.claim(prefix, `${prefix}/status`, ({ payload }) => {
    const word = payload.value
    if (word !== 'online' && word !== 'offline') return
    node.isThere = word === 'online'
    for (const id of node.parts.keys()) hub.available(id, node.isThere)
  })
  for (const part of [`${prefix}/+/+`, `${prefix}/+/+/+`]) {
    hub.claim(prefix, `${part}/state`, (message) => hearState(hub, node, message))
    hub.claim(prefix, `${part}/command`, (message) => {
      const found = partIn(node, message.topic)
      const asked = found?.canBeAsked && found.read(message.payload.value)
      if (!message.isPast && asked) hub.observe(found.id, asked)
    })
  }
}

/** What a topic is about: a component, or one aspect of it. */
function partIn({ prefix }: Node, topic: string) {
  const [type = '', object = '', name = ''] = topic.slice(prefix.length + 1).split('/')
  const component = components.get(type)
  if (component === undefined) return undefined
  const found = { type, object, component, id: `${prefix}/${type}/${object}`, topic }
  if (name === 'state' || name === 'command') {
    const read = (value: unknown) => component.read(value, object)
    return { ...found, read, canBeAsked: component.asking !== undefined }
  }
  const aspect = component.aspects?.get(name)
  if (aspect === undefined) return undefined
  const read = (value: unknown): Report | undefined => {
    const told = aspect.read(value)
    return told === undefined ? undefined : { [aspect.key]: told }
  }
  return { ...found, read, canBeAsked: aspect.write !== undefined }
}

type Part = NonNullable<ReturnType<typeof partIn>>

function hearState(hub: ProfileHub, node: Node, { topic, payload, isPast }: HeardMessage): void {
  const part = partIn(node, topic)
  const report = part?.read(payload.value)
  if (part === undefined || report === undefined) return
  declare(hub, node, { part, report })
  // What happened before happens no more.
  if (!isPast || part.component.kind !== 'event') hub.report(part.id, report)
}

/** What it has told of is there; what of that has a command can be asked from then on. */
function declare(
  hub: ProfileHub,
  node: Node,
  { part, report }: { readonly part: Part; readonly report: Report },
): void {
  const { type, object, component, id, topic } = part
  const { kind, asking, aspects } = component
  const before = node.parts.get(id)
  const all = [...(aspects?.values() ?? [])]
  const isNew = ({ key, write }: Aspect) =>
    write !== undefined && Object.hasOwn(report, key) && before?.has(key) !== true
  const found = all.filter(isNew).map(({ key }) => key)
  if (before !== undefined && found.length === 0) return
  const keys = new Set([...(before ?? asking?.keys ?? []), ...found])
  node.parts.set(id, keys)
  const facts = { node: node.id, kind, part: `${type}-${object}`, name: `${node.name} ${object}` }
  hub.device(id, {
    ...{ ...facts, firmware: node.firmware, stateTopics: [topic] },
    ...(keys.size > 0 && {
      askKeys: [...keys],
      ranges: Object.fromEntries(all.flatMap(({ key, range }) => (range ? [[key, range]] : []))),
      ask: (asked: Ask) => outgoing(id, component, asked),
    }),
  })
  hub.available(id, node.isThere)
}

function outgoing(id: string, { asking, aspects = new Map() }: Component, asked: Ask): Outgoing[] {
  const own = Object.entries(asked).filter(([key]) => asking?.keys.includes(key))
  const others = [...aspects].flatMap(([name, { key, write }]) =>
    Object.hasOwn(asked, key) && write ? [{ at: name, value: write(asked[key]) }] : [],
  )
  const main = own.length > 0 ? [{ at: '', value: asking?.write(Object.fromEntries(own)) }] : []
  return [...others, ...main].map(({ at, value }) => ({
    topic: at === '' ? `${id}/command` : `${id}/${at}/command`,
    payload: typeof value === 'string' ? value : JSON.stringify(value),
  }))
}

// --- components ---

function onOrOff(value: unknown): boolean | undefined {
  return value === 'ON' ? true : value === 'OFF' ? false : undefined
}

function readSwitch(value: unknown): Report | undefined {
  const state = onOrOff(value)
  return state === undefined ? undefined : { state }
}

const askedSwitch = {
  keys: ['state'],
  write: ({ state }: Ask) => (state === true ? 'ON' : 'OFF'),
}

function readLight(value: unknown): Report | undefined {
  if (!isRecord(value)) return readSwitch(value)
  const { state, brightness, color, color_temp: mired, effect } = value
  const isOn = onOrOff(state)
  return {
    ...(isOn !== undefined && { state: isOn }),
    ...(typeof brightness === 'number' && { brightness: Math.round((brightness / 255) * 100) }),
    ...(typeof mired === 'number' && { 'color-temp': mired }),
    ...(typeof effect === 'string' && { effect }),
    ...colorIn(color),
  }
}

function colorIn(color: unknown): Report {
  const { r, g, b } = isRecord(color) ? color : {}
  const told = hexOf([r, g, b].filter((each) => typeof each === 'number'))
  return told === undefined ? {} : { color: told }
}

function writeLight(asked: Ask): object {
  const { state = true, brightness, color, 'color-temp': mired, effect } = asked
  const [r, g, b] = rgbIn(color)
  return {
    state: state === true ? 'ON' : 'OFF',
    ...(typeof brightness === 'number' && { brightness: Math.round((brightness / 100) * 255) }),
    ...(color !== undefined && { color: { r, g, b } }),
    ...(mired !== undefined && { color_temp: mired }),
    ...(effect !== undefined && { effect }),
  }
}

/** ESPHome says `nan` for what a sensor does not know. */
function readSensor(value: unknown, object: string): Report | undefined {
  if (value === 'nan') return { [object]: [null, null] }
  return typeof value === 'number' ? { [object]: [value, null] } : undefined
}

function readText(value: unknown, object: string): Report | undefined {
  return typeof value === 'string' || typeof value === 'number'
    ? { [object]: [value, null] }
    : undefined
}

function readEvent(value: unknown): Report | undefined {
  const type = fieldOf(value, 'event_type')
  return typeof type === 'string' ? { event: type } : undefined
}

function readValue(value: unknown): Report | undefined {
  return typeof value === 'string' || typeof value === 'number' ? { value } : undefined
}

/** As JSON a text would have quotation marks. */
const askedValue = { keys: ['value'], write: ({ value }: Ask) => String(value) }

/** What a lock says in capitals is ours in small letters, and the other way round. */
function readWord(value: unknown): Report | undefined {
  return typeof value === 'string' ? { state: value.toLowerCase() } : undefined
}

/** A cover says its state alone, or all in one JSON. */
function readCover(value: unknown): Report | undefined {
  const { state, position, tilt } = isRecord(value) ? value : { state: value }
  const report = {
    ...(typeof state === 'string' && { state: state === 'unknown' ? null : state.toLowerCase() }),
    ...(typeof position === 'number' && { position }),
    ...(typeof tilt === 'number' && { tilt }),
  }
  return Object.keys(report).length > 0 ? report : undefined
}

const askedWord = { keys: ['state'], write: ({ state }: Ask) => String(state).toUpperCase() }

const askedLight = {
  keys: ['state', 'brightness', 'color', 'color-temp', 'effect'],
  write: writeLight,
}

const value = { read: readValue, asking: askedValue }

// --- aspects ---

const numberIn = (said: unknown) => (typeof said === 'number' ? said : undefined)
const textIn = (said: unknown) => (typeof said === 'string' ? said.toLowerCase() : undefined)
const asText = (asked: unknown) => String(asked)
const celsius = (said: unknown): MeasuredValue | undefined =>
  typeof said === 'number' ? [said, '°C'] : said === 'nan' ? [null, '°C'] : undefined

const swings = { on: 'oscillate_on', off: 'oscillate_off' } as const

const coverAspects = new Map<string, Aspect>([
  ['position', { key: 'position', read: numberIn, write: asText }],
  ['tilt', { key: 'tilt', read: numberIn, write: asText }],
])

/** How many levels a fan has is told nowhere, and one that it does not have does nothing: so no percents are made of them. */
const fanAspects = new Map<string, Aspect>([
  [
    'speed_level',
    {
      ...{ key: 'speed-level', read: numberIn, write: asText },
      range: { type: 'number', min: 0, step: 1 },
    },
  ],
  [
    'oscillation',
    {
      key: 'oscillating',
      read: (said) => (said === swings.on ? true : said === swings.off ? false : undefined),
      write: (asked) => (asked === true ? swings.on : swings.off),
    },
  ],
  [
    'direction',
    {
      ...{ key: 'direction', read: textIn, write: asText },
      range: { type: 'text', options: ['forward', 'reverse'] },
    },
  ],
])

const climateAspects = new Map<string, Aspect>([
  ['mode', { key: 'mode', read: textIn, write: asText }],
  ['target_temperature', { key: 'setpoint', read: numberIn, write: asText }],
  ['target_temperature_low', { key: 'setpoint-low', read: numberIn, write: asText }],
  ['target_temperature_high', { key: 'setpoint-high', read: numberIn, write: asText }],
  ['fan_mode', { key: 'fan-mode', read: textIn, write: asText }],
  ['preset', { key: 'preset', read: textIn, write: asText }],
  ['swing_mode', { key: 'swing-mode', read: textIn, write: asText, range: { type: 'text' } }],
  ['current_temperature', { key: 'temperature', read: celsius }],
  ['action', { key: 'action', read: textIn }],
])

const components = new Map<string, Component>([
  ['switch', { kind: 'relay', read: readSwitch, asking: askedSwitch }],
  ['fan', { kind: 'fan', read: readSwitch, asking: askedSwitch, aspects: fanAspects }],
  ['light', { kind: 'light', read: readLight, asking: askedLight }],
  ['cover', { kind: 'cover', read: readCover, asking: askedWord, aspects: coverAspects }],
  ['valve', { kind: 'cover', read: readCover, asking: askedWord, aspects: coverAspects }],
  ['climate', { kind: 'climate', read: () => undefined, aspects: climateAspects }],
  ['event', { kind: 'event', read: readEvent }],
  ['lock', { kind: 'lock', read: readWord, asking: askedWord }],
  ['binary_sensor', { kind: 'binary-sensor', read: readSwitch }],
  ['sensor', { kind: 'sensor', read: readSensor }],
  ['text_sensor', { kind: 'sensor', read: readText }],
  ['number', { kind: 'number', ...value }],
  ['select', { kind: 'select', ...value }],
  ['text', { kind: 'text', ...value }],
])
