/**
 * ESPHome by MQTT, where Home Assistant's discovery is off: `<node>/<component>/<object>/state` of each node that
 * says so on `esphome/discover/<node>`. Facts: esphome/esphome (mqtt_client, mqtt_component), esphome.io/components/mqtt.
 */
import { hexOf, rgbIn } from '../core/colors.ts'
import { isRecord } from '../core/json.ts'
import type { DeviceKind } from '../nodes/profiles/kinds.ts'
import type { Ask, HeardMessage, Profile, ProfileHub, Report } from '../nodes/profiles/profile.ts'

interface Node {
  /** The first levels of its topics. */
  readonly prefix: string
  /** What never changes of it: its MAC, where it tells it. */
  readonly id: string
  readonly name: string
  readonly firmware: string
  isThere: boolean | null
  readonly parts: Set<string>
}

/** What a component of a node is here. */
interface Component {
  readonly kind: DeviceKind
  /** Undefined for what says nothing. `object` is what it is called. */
  read(value: unknown, object: string): Report | undefined
  /** What can be asked, and what is sent then. */
  readonly asking?: { readonly keys: readonly string[]; write(asked: Ask): unknown }
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
    parts: new Set(),
  }
}

function close(hub: ProfileHub, nodes: Map<string, Node>, prefix: string): void {
  const node = nodes.get(prefix)
  if (node === undefined) return
  hub.release(prefix)
  for (const id of node.parts) hub.forget(id)
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
    for (const id of node.parts) hub.available(id, node.isThere)
  })
  hub.claim(prefix, `${prefix}/+/+/state`, (message) => hearState(hub, node, message))
  hub.claim(prefix, `${prefix}/+/+/command`, (message) => {
    const { component, object, id } = partIn(node, message.topic)
    const asked = component?.asking && component.read(message.payload.value, object)
    if (!message.isPast && asked !== undefined) hub.observe(id, asked)
  })
}

function partIn({ prefix }: Node, topic: string) {
  const [type = '', object = ''] = topic.slice(prefix.length + 1).split('/')
  return { type, object, component: components.get(type), id: `${prefix}/${type}/${object}` }
}

function hearState(hub: ProfileHub, node: Node, { topic, payload }: HeardMessage): void {
  const { type, object, component, id } = partIn(node, topic)
  const report = component?.read(payload.value, object)
  if (component === undefined || report === undefined) return
  if (!node.parts.has(id)) {
    const { kind, asking } = component
    const facts = { node: node.id, kind, part: `${type}-${object}`, name: `${node.name} ${object}` }
    const common = { ...facts, firmware: node.firmware, stateTopics: [topic] }
    const how = asking && {
      askKeys: asking.keys,
      ask: (asked: Ask) => [outgoing(id, asking.write(asked))],
    }
    hub.device(id, { ...common, ...how })
    hub.available(id, node.isThere)
    node.parts.add(id)
  }
  hub.report(id, report)
}

function outgoing(id: string, value: unknown) {
  const payload = typeof value === 'string' ? value : JSON.stringify(value)
  return { topic: `${id}/command`, payload }
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

function readValue(value: unknown): Report | undefined {
  return typeof value === 'string' || typeof value === 'number' ? { value } : undefined
}

/** As JSON a text would have quotation marks. */
const askedValue = { keys: ['value'], write: ({ value }: Ask) => String(value) }

/** Of covers and locks: what they say in small letters is ours, and they are told in capitals. */
function readWord(value: unknown): Report | undefined {
  return typeof value === 'string' ? { state: value.toLowerCase() } : undefined
}

const askedWord = { keys: ['state'], write: ({ state }: Ask) => String(state).toUpperCase() }

const askedLight = {
  keys: ['state', 'brightness', 'color', 'color-temp', 'effect'],
  write: writeLight,
}

const value = { read: readValue, asking: askedValue }

const components = new Map<string, Component>([
  ['switch', { kind: 'relay', read: readSwitch, asking: askedSwitch }],
  ['fan', { kind: 'fan', read: readSwitch, asking: askedSwitch }],
  ['light', { kind: 'light', read: readLight, asking: askedLight }],
  ['cover', { kind: 'cover', read: readWord, asking: askedWord }],
  ['lock', { kind: 'lock', read: readWord, asking: askedWord }],
  ['binary_sensor', { kind: 'binary-sensor', read: readSwitch }],
  ['sensor', { kind: 'sensor', read: readSensor }],
  ['text_sensor', { kind: 'sensor', read: readText }],
  ['number', { kind: 'number', ...value }],
  ['select', { kind: 'select', ...value }],
  ['text', { kind: 'text', ...value }],
])
