/**
 * Configs of Home Assistant's MQTT discovery: one of a component alone, or one of a device with all of its components.
 * Facts: home-assistant/core, homeassistant/components/mqtt/discovery.py.
 */
import { fieldOf, isRecord } from '../../core/json.ts'
import { keysOfConfig, keysOfDevice } from './abbreviations.ts'

type Raw = Readonly<Record<string, unknown>>

/** One thing of a device, as a config announces it. */
export interface EntityConfig {
  /** Such as `switch`. */
  readonly component: string
  /** By what it is known within its topic: empty where the config is of it alone. */
  readonly key: string
  /** What it is called in topics and components: its last resort for a name. */
  readonly objectId: string
  readonly uniqueId: string
  /** By what the device is known that it belongs to: itself where it names none. */
  readonly node: string
  /** What the device is called, and what it is. */
  readonly device: { readonly name?: string; readonly model?: string; readonly firmware?: string }
  /** By long names, `~` replaced. */
  readonly settings: Raw
}

/** What a config says: entities, that there are none any more, or that they move to the config of their device. */
export type ReadConfig =
  | { readonly what: 'entities'; readonly entities: readonly EntityConfig[] }
  | { readonly what: 'removal' | 'migration' | 'own' }

/** So many components one config may have: the largest of Zigbee2MQTT's devices has 232. */
const mostComponents = 512

/** What a topic says of a config: `homeassistant/<component>/[<node>/]<object>/config`. */
interface ConfigPlace {
  readonly component: string
  readonly objectId: string
  readonly nodeId: string
}

function placeOfConfig(topic: string): ConfigPlace {
  const levels = topic.split('/').slice(1, -1)
  const [component = '', second = '', third] = levels
  return { component, objectId: third ?? second, nodeId: third === undefined ? '' : second }
}

/** What `value` on `topic` says. @throws Error with a sentence when it is no config. */
export function readDiscovery(topic: string, value: unknown): ReadConfig {
  const place = placeOfConfig(topic)
  if (value === null) return { what: 'removal' }
  if (!isRecord(value)) throw new Error('expected a JSON object')
  const config = withLongNames(value)
  if (config['migrate_discovery'] === true) return { what: 'migration' }
  if (fieldOf(config['origin'], 'name') === 'Clown.Hub') return { what: 'own' }
  if (place.component !== 'device') {
    return { what: 'entities', entities: [entityOf(place, { config, key: '' })] }
  }
  return { what: 'entities', entities: componentsOf(place, config) }
}

function componentsOf(place: ConfigPlace, config: Raw): EntityConfig[] {
  const components = config['components']
  if (!isRecord(components)) throw new Error('expected components in the config of a device')
  const entries = Object.entries(components)
  if (entries.length > mostComponents) {
    throw new Error(`expected at most ${mostComponents} components, got ${entries.length}`)
  }
  const shared = Object.fromEntries(
    Object.entries(config).filter(([name]) => inherited.has(name) || name === '~'),
  )
  return entries.flatMap(([key, each]) => {
    if (!isRecord(each)) return []
    const own = withLongNames(each)
    const component = own['platform']
    // One that says no more than what it is has been removed by this config.
    if (typeof component !== 'string' || Object.keys(own).length === 1) return []
    const whole = { ...shared, ...own, device: config['device'] }
    return [entityOf({ ...place, component, objectId: key }, { config: whole, key })]
  })
}

/** What components have of their device's config unless they say otherwise. */
const inherited: ReadonlySet<string> = new Set([
  'availability',
  'availability_mode',
  'availability_template',
  'availability_topic',
  'command_topic',
  'encoding',
  'payload_available',
  'payload_not_available',
  'state_topic',
  'qos',
])

function entityOf(
  { component, objectId, nodeId }: ConfigPlace,
  { config, key }: { readonly config: Raw; readonly key: string },
): EntityConfig {
  const device = withNames(config['device'], keysOfDevice)
  const byName = nodeId === '' ? objectId : `${nodeId}_${objectId}`
  const uniqueId = textIn(config, 'unique_id') ?? byName
  const name = textIn(device, 'name')
  const model = textIn(device, 'model')
  const firmware = textIn(device, 'sw_version')
  return {
    component,
    key,
    objectId,
    uniqueId,
    node: identifierOf(device) ?? uniqueId,
    device: {
      ...(name !== undefined && { name }),
      ...(model !== undefined && { model }),
      ...(firmware !== undefined && { firmware }),
    },
    settings: withoutTilde(config),
  }
}

/** The first identifier of a device, or the address of its first connection. */
function identifierOf(device: Raw): string | undefined {
  const { identifiers, connections } = device
  const [first] = Array.isArray(identifiers) ? identifiers : [identifiers]
  const [connection] = Array.isArray(connections) ? connections : []
  const [, address] = Array.isArray(connection) ? connection : []
  return [first, address].find((each) => typeof each === 'string' && each !== '')
}

function textIn(record: Raw, key: string): string | undefined {
  const value = Object.hasOwn(record, key) ? record[key] : undefined
  return typeof value === 'string' && value !== '' ? value : undefined
}

function withLongNames(config: Raw): Raw {
  const long = withNames(config, keysOfConfig)
  const { availability, origin } = long
  return {
    ...long,
    ...(Array.isArray(availability) && {
      availability: availability.map((each) => withNames(each, keysOfConfig)),
    }),
    ...(isRecord(origin) && { origin: withNames(origin, keysOfDevice) }),
  }
}

/** `value` by long names; empty when it is no object. */
function withNames(value: unknown, names: Readonly<Record<string, string>>): Raw {
  if (!isRecord(value)) return {}
  const entries = Object.entries(value).map(([key, each]) => {
    return [Object.hasOwn(names, key) ? names[key] : key, each] as const
  })
  return Object.fromEntries(entries)
}

/** What `~` stands for takes its place at the start or the end of topics. */
function withoutTilde(config: Raw): Raw {
  const base = textIn(config, '~')
  if (base === undefined) return config
  const entries = Object.entries(config).map(([key, value]) => {
    const isList = key === 'availability' && Array.isArray(value)
    return [key, isList ? value.map((each) => topicsOf(each, base)) : topicOf(key, value, base)]
  })
  return Object.fromEntries(entries)
}

function topicsOf(entry: Raw, base: string): Raw {
  return Object.fromEntries(
    Object.entries(entry).map(([key, value]) => [key, topicOf(key, value, base)]),
  )
}

function topicOf(key: string, value: unknown, base: string): unknown {
  if (typeof value !== 'string' || !key.endsWith('topic')) return value
  if (value.startsWith('~')) return base + value.slice(1)
  return value.endsWith('~') ? value.slice(0, -1) + base : value
}
