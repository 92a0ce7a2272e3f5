/**
 * The other direction of discovery: nodes that Home Assistant would not know by itself are announced to it, one config each. Facts:
 * www.home-assistant.io/integrations/mqtt, of the discovery of devices.
 */
import { createHash } from 'node:crypto'
import type { Bus } from '../../bus/bus.ts'
import { every } from '../../core/clock.ts'
import { detached } from '../../core/guard.ts'
import { type DeepReadonly, fieldOf, isRecord, parseJson } from '../../core/json.ts'
import { Payload } from '../../core/payload.ts'
import { isAtOrBelow } from '../../core/topic.ts'
import type { Config } from '../../generated/config.ts'
import { commandTopic } from '../../nodes/device.ts'
import type { KnownDevice, KnownNode } from '../../nodes/registry/device-table.ts'
import type { Nodes } from '../../nodes/registry/open-nodes.ts'

type Component = Readonly<Record<string, unknown>> & { readonly platform: string }

interface Announcing {
  readonly bus: Pick<Bus, 'publish' | 'retained'>
  readonly nodes: {
    readonly registry: Pick<Nodes['registry'], 'nodes'>
    readonly values: Pick<Nodes['values'], 'of'>
    readonly labels: Pick<Nodes['labels'], 'of'>
  }
  readonly release: { readonly version: string }
  readonly announceEveryMs: number | undefined
}

type Settings = DeepReadonly<Pick<Config, 'homeAssistant' | 'profiles' | 'bus'>>

/** By these names in its origin the hub knows its own configs again, and does not take them for devices. */
const originName = 'Clown.Hub'

/** Conventions of which each device is in Home Assistant already, by discovery or an integration of its own. */
const knownThere = [
  ...['tasmota', 'shelly', 'shelly-gen1', 'zigbee2mqtt', 'wled', 'esphome', 'home-assistant'],
]

/** Something new is to be there while somebody still waits for it. */
const usuallyEveryMs = 2000

/**
 * Announces what is known, and what becomes known, or where that is not wanted takes back what was announced before. Returns what
 * ends that: what was announced stays, for the next start.
 */
export function openAnnouncements(settings: Settings, options: Announcing): () => void {
  const { announceEveryMs = usuallyEveryMs } = options
  const announced = new Map<string, Announced>()
  let end = () => {}
  let isClosed = false
  const begin = async () => {
    await findOwn(announced, options.bus)
    const look = () => announceAll(announced, settings, options)
    if (!settings.homeAssistant) takeBack(announced.keys(), options.bus)
    else if (!isClosed) end = every(announceEveryMs, look)
  }
  detached(begin())
  return () => {
    isClosed = true
    end()
  }
}

/** What is on the topic of a config. */
interface Announced {
  text: string
  /** By their keys, and of which device. */
  components: ReadonlyMap<string, Component>
}

async function findOwn(announced: Map<string, Announced>, bus: Announcing['bus']): Promise<void> {
  for await (const { topic, payload } of bus.retained('homeassistant/device/+/config')) {
    const text = payload.bytes.toString()
    const config = parseJson(text)
    const components = Object.entries(Object(fieldOf(config, 'components'))).filter(isWhole)
    const isOwn = fieldOf(fieldOf(config, 'origin'), 'name') === originName
    if (isOwn) announced.set(topic, { text, components: new Map(components) })
  }
}

/** One that says no more than its platform was taken back. */
function isWhole(entry: [string, unknown]): entry is [string, Component] {
  const [, component] = entry
  return isRecord(component) && Object.keys(component).length > 1
}

function takeBack(topics: Iterable<string>, bus: Announcing['bus']): void {
  for (const topic of topics) retain(bus, topic, '')
}

function retain(bus: Announcing['bus'], topic: string, text: string): void {
  bus.publish({ topic, payload: new Payload(Buffer.from(text)), qos: 0, retain: true })
}

function announceAll(
  announced: Map<string, Announced>,
  settings: Settings,
  options: Announcing,
): void {
  const { bus, nodes } = options
  const gone = new Set(announced.keys())
  for (const node of nodes.registry.nodes.values()) {
    if (isKnownThere(node.base, settings.profiles.prefix)) continue
    const topic = `homeassistant/device/${idOf(node.base)}/config`
    gone.delete(topic)
    const before = announced.get(topic)
    const components = componentsOf(node, { before: before?.components ?? new Map(), nodes })
    if (components.size === 0 && before === undefined) continue
    const removed = [...(before?.components ?? [])].flatMap(([key, { platform }]) =>
      components.has(key) ? [] : [[key, { platform }] as const],
    )
    const all = Object.fromEntries([...components, ...removed])
    const text = JSON.stringify(
      configOf(node, all, { ...options, isBroker: settings.bus === undefined }),
    )
    announced.set(topic, { text, components })
    if (text !== before?.text) retain(bus, topic, text)
  }
  takeBack(gone, bus)
  for (const topic of gone) announced.delete(topic)
}

/** Behind the prefix is the name of the convention that a node speaks. */
function isKnownThere(base: string, prefix: string): boolean {
  return knownThere.some((profile) => isAtOrBelow(`${prefix}/${profile}`, base))
}

/** What Home Assistant takes for an id, and nothing else has: two topics may differ by a character that it does not take. */
function idOf(topic: string): string {
  const digest = createHash('sha256').update(topic).digest('hex').slice(0, 8)
  return `${topic.replaceAll(/[^A-Za-z0-9_-]/g, '_')}_${digest}`
}

function configOf(
  { base, devices, introduction }: KnownNode,
  components: Readonly<Record<string, Component>>,
  { nodes, release, isBroker }: Announcing & { readonly isBroker: boolean },
) {
  const rooms = new Set([...devices.keys()].map((topic) => nodes.labels.of(topic).room))
  const [room] = [...rooms].filter(() => rooms.size === 1)
  // What is undefined is not in JSON.
  return {
    device: {
      identifiers: [`clown-hub_${base}`],
      name: base,
      manufacturer: originName,
      sw_version: introduction.firmware,
      suggested_area: room,
    },
    origin: { name: originName, sw_version: release.version },
    availability: [
      {
        // Nobody but a broker itself may write below $SYS.
        topic: ['$SYS', 'hub', 'nodes', base].slice(Number(!isBroker)).join('/'),
        value_template: "{{ 'offline' if value_json.online == false else 'online' }}",
      },
    ],
    components,
  }
}

interface Known {
  readonly before: ReadonlyMap<string, Component>
  readonly nodes: Announcing['nodes']
}

/** What its devices are there; of one that has not reported since the start, what it was before. */
function componentsOf({ devices }: KnownNode, { before, nodes }: Known): Map<string, Component> {
  const components = new Map<string, Component>()
  const topics = new Set<unknown>(devices.keys())
  for (const [key, component] of before) {
    if (topics.has(component['state_topic'])) components.set(key, component)
  }
  for (const device of devices.values()) {
    const value = nodes.values.of(device.topic)?.payload.value
    const title = nodes.labels.of(device.topic).title ?? device.name
    for (const [quantity, component] of componentsIn(device, value)) {
      const id = idOf([device.topic, quantity].filter(Boolean).join('/'))
      const name = [title, quantity].filter(Boolean).join(' ')
      components.set(id, { ...component, unique_id: id, name, state_topic: device.topic })
    }
  }
  return components
}

/** By quantity, which is empty where the device is one thing. */
function componentsIn({ kind, topic }: KnownDevice, value: unknown): [string, Component][] {
  const actuator = actuators[kind]
  if (actuator !== undefined) return [['', { ...actuator, command_topic: commandTopic(topic) }]]
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([quantity, reading]): [string, Component][] => {
    const component = sensorOf(quantity, reading)
    return component === undefined ? [] : [[quantity, component]]
  })
}

/** Commands go to the hub, which tells the truth about them; what they are there is what the device reports. */
const actuators: Readonly<Record<string, Component>> = {
  relay: {
    platform: 'switch',
    payload_on: '{"state": true}',
    payload_off: '{"state": false}',
    state_on: 'ON',
    state_off: 'OFF',
    value_template: "{{ 'ON' if value_json.state else 'OFF' }}",
  },
  led: {
    platform: 'select',
    options: ['off', 'on', '1-dot', '2-dot', '3-dot'],
    command_template: '{"state": "{{ value }}"}',
    value_template: '{{ value_json.state }}',
  },
}

/** What quantities are called there, where a class has one. */
const classes: Readonly<Record<string, string>> = {
  temperature: 'temperature',
  'relative-humidity': 'humidity',
  humidity: 'humidity',
  pressure: 'atmospheric_pressure',
  illuminance: 'illuminance',
  concentration: 'carbon_dioxide',
  power: 'power',
  energy: 'energy',
  voltage: 'voltage',
  current: 'current',
  battery: 'battery',
}

/** How units are written there, where that is not as here. */
const unitsThere: Readonly<Record<string, string>> = { '℃': '°C', '℉': '°F', lux: 'lx' }

function sensorOf(quantity: string, reading: unknown): Component | undefined {
  const place = `value_json[${JSON.stringify(quantity)}]`
  const [number, unit] = Array.isArray(reading) ? reading : [reading]
  if (typeof number === 'boolean') {
    const value_template = `{{ 'ON' if ${place} else 'OFF' }}`
    return { platform: 'binary_sensor', value_template }
  }
  if (typeof number === 'string') {
    return { platform: 'sensor', value_template: `{{ ${place} }}` }
  }
  if (typeof number !== 'number') return undefined
  const value_template = `{{ ${place}${Array.isArray(reading) ? '[0]' : ''} }}`
  const device_class = typeof unit === 'string' ? classes[quantity] : undefined
  return {
    ...{ platform: 'sensor', value_template, state_class: 'measurement' },
    ...(typeof unit === 'string' && { unit_of_measurement: unitsThere[unit] ?? unit }),
    ...(device_class !== undefined && { device_class }),
  }
}
