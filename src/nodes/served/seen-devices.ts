import { createListeners } from '../../core/callbacks.ts'
import { detached } from '../../core/guard.ts'
import { isRecord } from '../../core/json.ts'
import { relativeTopic } from '../../core/topic.ts'
import type { LastValues } from '../last-values.ts'
import type { Heard, KnownDevice, KnownNode, Online } from '../registry/device-table.ts'
import type { KnownStates } from '../registry/known-states.ts'
import type { DeviceRole } from '../registry/node-message.ts'
import type { Registry } from '../registry/registry.ts'
import { type DeviceNumbers, nodeName } from './device-numbers.ts'

/** A device at one moment, as the language of another system tells of it. */
export interface SeenDevice {
  /** Its own for ever, and of no other device or node. */
  readonly number: number
  /** Complete, as it goes on the bus. */
  readonly topic: string
  /** The topic of its node, and below it its name, such as `relay/i2c0-3b`. */
  readonly base: string
  readonly name: string
  /** What it is, such as `relay`. */
  readonly kind: string
  readonly role: DeviceRole
  readonly nodeNumber: number
  /** What it reported last, as JSON says it; undefined when nothing is known, or that is history. */
  readonly value: unknown
  /** The keys of all that it has reported: what the device has, and not what that is now. */
  readonly keys: ReadonlySet<string>
  /** Whether its state is known: that of an actuator may be another one than it reported. */
  readonly isKnown: boolean
  /** When it was heard last, in milliseconds since 1970; undefined when it never was. */
  readonly heardAtMs: number | undefined
  /** Whether its node is there; null when that cannot be told. */
  readonly online: Online
}

/**
 * What has happened to a device. `added` is told once; `reported` with each report; `reachable` when its node is
 * there or not, or its state is known or not.
 */
export type DeviceEvent = 'added' | 'reported' | 'reachable' | 'deleted'

export type DeviceListener = (event: DeviceEvent, device: SeenDevice) => void

/** The devices below a base that have their numbers. Who may see them is for the asker to ask. */
export interface SeenDevices {
  /** By number. */
  all(): SeenDevice[]
  get(number: number): SeenDevice | undefined
  /** Calls `listener` with what happens from now on; the returned function ends that. */
  onEvent(listener: DeviceListener): () => void
}

interface SeenDevicesOptions {
  readonly registry: Pick<Registry, 'nodes' | 'device' | 'devicesBelow' | 'isOffline'>
  readonly values: Pick<LastValues, 'of'>
  readonly states: Pick<KnownStates, 'isKnown' | 'onChange'>
  readonly numbers: DeviceNumbers
  /** Each returned function ends the calling. */
  readonly on: {
    heard(listener: (device: KnownDevice) => void): () => void
    forgotten(listener: (device: KnownDevice) => void): () => void
    online(listener: (node: KnownNode) => void): () => void
  }
}

interface SeenBelow {
  below(base: string): SeenDevices
  close(): void
}

/** Gives each device that is known a number, now and as soon as it is heard of. */
export async function openSeenDevices(options: SeenDevicesOptions): Promise<SeenBelow> {
  const { registry, on } = options
  const listeners = createListeners<Parameters<DeviceListener>>()
  const topics = new Map<number, string>()
  /** What was heard of a device last: it is heard of also when its node lists it. */
  const heardBefore = new WeakMap<KnownDevice, Heard | undefined>()
  const look = createLook(options)
  const tell = (event: DeviceEvent, device: KnownDevice) => {
    const seen = look(device)
    // Nobody knows of it before it was entered.
    if (seen !== undefined && topics.has(seen.number)) listeners.tell(event, seen)
  }
  const enter = async (devices: readonly KnownDevice[]) => {
    await options.numbers.give(devices.flatMap(namesOf))
    for (const device of devices) {
      const seen = look(device)
      // It may be gone meanwhile, or be entered already.
      if (seen === undefined || topics.has(seen.number) || !isThere(device, registry)) continue
      topics.set(seen.number, device.topic)
      tell('added', device)
    }
  }
  const hear = (device: KnownDevice) => {
    const number = options.numbers.of(device.topic)
    const isReport = heardBefore.get(device) !== device.heard
    heardBefore.set(device, device.heard)
    if (number === undefined || !topics.has(number)) detached(enter([device]))
    else if (isReport) tell('reported', device)
  }
  const forget = (device: KnownDevice) => {
    tell('deleted', device)
    const number = options.numbers.of(device.topic)
    if (number !== undefined) topics.delete(number)
  }
  const stops = [
    on.heard(hear),
    on.forgotten(forget),
    on.online(({ devices }) => {
      for (const device of devices.values()) tell('reachable', device)
    }),
    // One that has reported is told of by its report.
    options.states.onChange((topic, isKnown) => {
      const device = registry.device(topic)
      if (device !== undefined && !isKnown) tell('reachable', device)
    }),
  ]
  const known = registry.devicesBelow('')
  for (const device of known) heardBefore.set(device, device.heard)
  await enter(known)
  const find = (topic: string | undefined) => {
    const device = topic === undefined ? undefined : registry.device(topic)
    return device && look(device)
  }
  return {
    below: (base) => ({
      all: () =>
        [...topics.values()]
          .filter((topic) => relativeTopic(base, topic) !== undefined)
          .flatMap((topic) => find(topic) ?? [])
          .sort((one, other) => one.number - other.number),
      get: (number) => {
        const seen = find(topics.get(number))
        return seen && relativeTopic(base, seen.topic) !== undefined ? seen : undefined
      },
      onEvent: (listener) =>
        listeners.add((event, device) => {
          if (relativeTopic(base, device.topic) !== undefined) listener(event, device)
        }),
    }),
    close: () => {
      for (const stop of stops) stop()
    },
  }
}

function namesOf({ topic, node }: KnownDevice): string[] {
  return [nodeName(node.base), topic]
}

function isThere(device: KnownDevice, registry: Pick<Registry, 'device'>): boolean {
  return registry.device(device.topic) === device
}

/** A device as it is now; undefined while its numbers are not in the store. */
function createLook({ registry, values, states, numbers }: SeenDevicesOptions) {
  const keysOf = createKeys()
  return (device: KnownDevice): SeenDevice | undefined => {
    const { topic, name, kind, role, node, heard } = device
    const { base } = node
    const number = numbers.of(topic)
    const nodeNumber = numbers.of(nodeName(base))
    if (number === undefined || nodeNumber === undefined) return undefined
    const isKnown = states.isKnown(topic)
    const report = values.of(topic)?.payload.value
    return {
      number,
      topic,
      base,
      name,
      kind,
      role,
      nodeNumber,
      value: isKnown ? report : undefined,
      keys: keysOf(device, report),
      isKnown,
      heardAtMs: heard?.atMs,
      online: registry.isOffline(base) ? false : node.online,
    }
  }
}

/** Whoever invents keys gets no further. */
const mostKeys = 64

/** Returns what adds the keys of a report to those that the device has reported before. */
function createKeys() {
  const known = new WeakMap<KnownDevice, Set<string>>()
  return (device: KnownDevice, report: unknown): ReadonlySet<string> => {
    const keys = known.get(device) ?? new Set()
    known.set(device, keys)
    for (const key of isRecord(report) ? Object.keys(report) : []) {
      if (keys.size < mostKeys) keys.add(key)
    }
    return keys
  }
}

/** The devices of one node, of which there is one at least. */
export type OfNode = readonly [SeenDevice, ...SeenDevice[]]

/** The nodes of `devices`, each by its devices, in the order in which they come. */
export function byNode(devices: readonly SeenDevice[]): OfNode[] {
  const nodes = new Map<number, [SeenDevice, ...SeenDevice[]]>()
  for (const device of devices) {
    const known = nodes.get(device.nodeNumber)
    if (known === undefined) nodes.set(device.nodeNumber, [device])
    else known.push(device)
  }
  return [...nodes.values()]
}
