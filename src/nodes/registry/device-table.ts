import { SharedMap } from '../../core/recency-map.ts'
import type { ClownModel } from '../clown-model.ts'
import { deviceOf } from '../device.ts'
import { baseBefore, type DeviceRole, type Introduction } from './node-message.ts'

/** What is known of a device, besides its last value. */
export interface KnownDevice {
  readonly topic: string
  readonly node: KnownNode
  /** Below the base of its node. */
  readonly name: string
  readonly kind: string
  /** The user who has made it known; empty where that is not known. */
  readonly owner: string
  role: DeviceRole
  /** As its node lists it, and at which place. */
  listed: Listed | undefined
  /** Whether it has reported what a command asked of it. */
  hasObeyed: boolean
  /** The latest intervals between its reports, oldest first, in milliseconds. */
  intervalsMs: readonly number[]
  /** How often it is expected to report; undefined of what only reports when something happens. */
  reportIntervalMs: number | undefined
  /** When it was heard last; undefined when it never was. */
  heard: Heard | undefined
  /** Whether it is known no more: another one may have its topic. */
  isForgotten: boolean
}

export interface Listed {
  readonly role: DeviceRole
  readonly place: number
}

export interface Heard {
  /** By `Clock.wallMs`. */
  readonly atMs: number
  /** By `Clock.nowMs`. */
  readonly nowMs: number
  /** Before the hub was started. */
  readonly isRestored: boolean
}

/** Whether a node is there; null when that cannot be told. */
export type Online = boolean | null

export interface KnownNode {
  readonly base: string
  /** By topic. */
  readonly devices: Map<string, KnownDevice>
  introduction: Introduction
  /** Whether all that it listed last is known. */
  hasListed: boolean
  online: Online
  /** Whether it has a connection, of which nothing has been heard for long. */
  isSilent: boolean
  /** The MQTT client that reported of it last, by its name in the broker. */
  speaker: string | undefined
  /** When anything of it was heard last. */
  heard: Heard | undefined
}

/** Nodes and their devices. */
export interface DeviceTable {
  /** By base. */
  readonly nodes: ReadonlyMap<string, KnownNode>
  readonly size: number
  get(topic: string): KnownDevice | undefined
  /** The node of `base`, which is known from now on. */
  node(base: string): KnownNode
  /** Makes a device known that is not, by `user`; who that is may not be known. */
  add(topic: string, user?: string): KnownDevice
  /** The device was just heard of. */
  touch(device: KnownDevice): void
  /** Of the user who has most, the one that was silent longest: of all, or of a node that has more than all others. */
  givesWay(): KnownDevice | undefined
  remove(device: KnownDevice): void
  removeNode(node: KnownNode): void
}

export function createDeviceTable(): DeviceTable {
  const devices = new SharedMap<KnownDevice>()
  const nodes = new Map<string, KnownNode>()
  const nodeOf = (base: string) => {
    const node = nodes.get(base) ?? newNode(base)
    nodes.set(base, node)
    return node
  }
  return {
    nodes,
    get size() {
      return devices.size
    },
    get: (topic) => devices.get(topic),
    node: nodeOf,
    add: (topic, owner = '') => {
      const { base, name, kind } = partsOf(topic)
      const device = newDevice({ topic, node: nodeOf(base), name, kind, owner })
      device.node.devices.set(topic, device)
      devices.set(topic, device, { owner, weight: 1 })
      return device
    },
    touch: (device) => {
      devices.set(device.topic, device, again)
    },
    givesWay: () => (devices.givesWay === undefined ? undefined : devices.get(devices.givesWay)),
    remove: (device) => {
      const { topic, node } = device
      device.isForgotten = true
      devices.delete(topic)
      node.devices.delete(topic)
    },
    removeNode: ({ base }) => {
      nodes.delete(base)
    },
  }
}

/** Of a device that has its owner. */
const again = { owner: '', weight: 1 }

type Named = Pick<KnownDevice, 'topic' | 'node' | 'name' | 'kind' | 'owner'>

/** Written out, so that all devices have one shape: they are read for each message. */
function newDevice({ topic, node, name, kind, owner }: Named): KnownDevice {
  return {
    topic,
    node,
    name,
    kind,
    owner,
    role: 'sensor',
    listed: undefined,
    hasObeyed: false,
    intervalsMs: [],
    reportIntervalMs: undefined,
    heard: undefined,
    isForgotten: false,
  }
}

function newNode(base: string): KnownNode {
  return {
    base,
    devices: new Map(),
    introduction: {},
    isSilent: false,
    speaker: undefined,
    hasListed: false,
    online: null,
    heard: undefined,
  }
}

/** The event `boot` is of the node itself, and has one level only. */
function partsOf(topic: string) {
  const base = baseBefore(topic, 'boot')
  return base ? { base, name: 'boot', kind: 'boot' } : deviceOf(topic)
}

/** These tell of events. */
const eventKinds: ReadonlySet<string> = new Set(['push-button', 'boot'])

/** What its node says that a device does, or else what its kind and its obedience tell: anybody may command a sensor. */
export function roleOf(
  { topic, kind, listed, hasObeyed }: KnownDevice,
  model: Pick<ClownModel, 'takesCommands'>,
): DeviceRole {
  if (listed !== undefined) return listed.role
  if (hasObeyed || model.takesCommands(topic)) return 'actuator'
  return eventKinds.has(kind) ? 'notification' : 'sensor'
}
