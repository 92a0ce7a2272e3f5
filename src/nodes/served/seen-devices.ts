import { createListeners } from '../../core/callbacks.ts'
import { detached } from '../../core/guard.ts'
import { isRecord } from '../../core/json.ts'
import { relativeTopic } from '../../core/topic.ts'
import type { LastValues } from '../last-values.ts'
import type { DeviceLabels } from '../registry/device-labels.ts'
import type { Heard, KnownDevice, KnownNode, Online } from '../registry/device-table.ts'
import type { KnownStates } from '../registry/known-states.ts'
import type { DeviceRole } from '../registry/node-message.ts'
import type { Registry } from '../registry/registry.ts'
import { type DeviceNumbers, nodeName, roomName } from './device-numbers.ts'

/** A device at one moment, as the language of another system tells of it. */
export interface SeenDevice {
  /** Its own for ever, and of no other device or node. */
  readonly number: number
  /** Complete, as it goes on the bus. */
  readonly topic: string
  /** The topic of the device that its number was given to: of that in whose place it is, or its own. */
  readonly firstTopic: string
  /** The topic of its node, and below it its name, such as `relay/i2c0-3b`. */
  readonly base: string
  readonly name: string
  /** What it is, such as `relay`. */
  readonly kind: string
  readonly role: DeviceRole
  readonly nodeNumber: number
  /** What people call it, or else what it calls itself, if it does. */
  readonly title?: string
  /** Where it is, if anybody has said so, with a number of its own for ever. */
  readonly room?: Room
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

interface Room {
  readonly number: number
  readonly name: string
}

/**
 * What has happened to a device. `added` is told once; `reported` with each report; `reachable` when its node is
 * there or not, or its state is known or not; `labelled` when it is called otherwise, or is in another room.
 */
export type DeviceEvent = 'added' | 'reported' | 'reachable' | 'labelled' | 'deleted'

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
  readonly labels: Pick<DeviceLabels, 'of' | 'onChange'>
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
  /** A spare part is what clients know the old device as, and the other way round: it stays on its places. */
  replaced(old: string, spare: string): Promise<void>
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
    await options.numbers.give(devices.flatMap((device) => namesOf(device, options)))
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
  const relabel = async (device: KnownDevice) => {
    await options.numbers.give(namesOf(device, options))
    tell('labelled', device)
  }
  const stops = [
    options.labels.onChange((topic) => {
      const device = registry.device(topic)
      if (device !== undefined) detached(relabel(device))
    }),
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
  return {
    below: (base) =>
      seenBelow(base, {
        topics,
        onEvent: listeners.add,
        find: (topic) => {
          const device = registry.device(topic)
          return device && look(device)
        },
      }),
    replaced: createReplaced(options, { topics, look, tell }),
    close: () => {
      for (const stop of stops) stop()
    },
  }
}

interface Seeing {
  /** By number. */
  readonly topics: Map<number, string>
  look(device: KnownDevice): SeenDevice | undefined
  tell(event: DeviceEvent, device: KnownDevice): void
}

function createReplaced(
  { numbers, registry }: SeenDevicesOptions,
  { topics, look, tell }: Seeing,
): SeenBelow['replaced'] {
  return async (...both) => {
    for (const number of both.flatMap((topic) => numbers.of(topic) ?? [])) topics.delete(number)
    await numbers.swap(...both)
    for (const device of both.flatMap((topic) => registry.device(topic) ?? [])) {
      const seen = look(device)
      if (seen === undefined) continue
      topics.set(seen.number, device.topic)
      tell('labelled', device)
      tell('reported', device)
    }
  }
}

interface AllSeen {
  /** By number. */
  readonly topics: ReadonlyMap<number, string>
  onEvent(listener: DeviceListener): () => void
  find(topic: string): SeenDevice | undefined
}

/** Those of all devices that are below `base`. */
function seenBelow(base: string, { topics, onEvent, find }: AllSeen): SeenDevices {
  const isBelow = (topic: string) => relativeTopic(base, topic) !== undefined
  return {
    all: () =>
      [...topics.values()]
        .filter(isBelow)
        .flatMap((topic) => find(topic) ?? [])
        .sort((one, other) => one.number - other.number),
    get: (number) => {
      const topic = topics.get(number)
      return topic !== undefined && isBelow(topic) ? find(topic) : undefined
    },
    onEvent: (listener) =>
      onEvent((event, device) => {
        if (isBelow(device.topic)) listener(event, device)
      }),
  }
}

/** All of a device that has a number. */
function namesOf(
  { topic, node }: KnownDevice,
  { labels }: Pick<SeenDevicesOptions, 'labels'>,
): string[] {
  const { room } = labels.of(topic)
  return [nodeName(node.base), topic, ...(room === undefined ? [] : [roomName(room)])]
}

function isThere(device: KnownDevice, registry: Pick<Registry, 'device'>): boolean {
  return registry.device(device.topic) === device
}

/** A device as it is now; undefined while its numbers are not in the store. */
function createLook({ registry, values, states, labels, numbers }: SeenDevicesOptions) {
  const keysOf = createKeys()
  return (device: KnownDevice): SeenDevice | undefined => {
    const { topic, name, kind, role, node, heard } = device
    const { base } = node
    const number = numbers.of(topic)
    const nodeNumber = numbers.of(nodeName(base))
    if (number === undefined || nodeNumber === undefined) return undefined
    const isKnown = states.isKnown(topic)
    const report = values.of(topic)?.payload.value
    const { title, room } = labels.of(topic)
    const roomNumber = room === undefined ? undefined : numbers.of(roomName(room))
    return {
      number,
      topic,
      firstTopic: numbers.firstNameOf(topic),
      base,
      name,
      kind,
      role,
      nodeNumber,
      ...(title !== undefined && { title }),
      ...(room !== undefined &&
        roomNumber !== undefined && { room: { number: roomNumber, name: room } }),
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

/** The devices of one node, or of one room, of which there is one at least. */
export type Together = readonly [SeenDevice, ...SeenDevice[]]

/** The nodes of `devices`, each by its devices, in the order in which they come. */
export function byNode(devices: readonly SeenDevice[]): Together[] {
  return grouped(devices, ({ nodeNumber }) => nodeNumber)
}

/** The same by the rooms that devices are in, and by their nodes where nobody has said so. */
export function byPlace(devices: readonly SeenDevice[]): Together[] {
  return grouped(devices, (device) => whereOf(device).number)
}

/** The room that a device is in; its node, where nobody has said so. */
export function whereOf({ room, nodeNumber, base }: SeenDevice): Room {
  return room ?? { number: nodeNumber, name: base }
}

function grouped(
  devices: readonly SeenDevice[],
  numberOf: (device: SeenDevice) => number,
): Together[] {
  const groups = new Map<number, [SeenDevice, ...SeenDevice[]]>()
  for (const device of devices) {
    const number = numberOf(device)
    const known = groups.get(number)
    if (known === undefined) groups.set(number, [device])
    else known.push(device)
  }
  return [...groups.values()]
}
