/** How nodes and their devices are told, in JSON and on `$SYS/hub/nodes/<base>`. */

import type { Rights } from '../../access/rights.ts'
import type { Bus } from '../../bus/bus.ts'
import { Payload } from '../../core/payload.ts'
import { filterBelow } from '../../core/topic.ts'
import type { LastValues } from '../last-values.ts'
import type { DeviceLabel, DeviceLabels } from './device-labels.ts'
import type { KnownDevice, KnownNode, Listed, Online } from './device-table.ts'
import type { KnownStates } from './known-states.ts'
import type { DeviceRole } from './node-message.ts'
import { isStale } from './offline-detection.ts'

/** A node as `$SYS/hub/nodes/<base>` tells it. */
interface NodeSummary {
  readonly online: Online
  /** ISO 8601 in UTC; null when it was never heard. */
  readonly lastSeen: string | null
  /** Whether it has a connection, of which nothing has been heard for long. */
  readonly stale?: true
  readonly devices: readonly DeviceSummary[]
}

interface DeviceSummary extends DeviceLabel {
  readonly name: string
  readonly topic: string
  readonly kind: string
  readonly role: DeviceRole
  /** There when nobody knows its state: what it reported last is history. */
  readonly known?: false
}

/** A device as `GET /api/nodes` tells it. */
interface DeviceDetails extends DeviceLabel {
  readonly name: string
  readonly topic: string
  readonly kind: string
  readonly role: DeviceRole
  /** Null when there is none, or it is history; bytes that are no text in base64. */
  readonly value: unknown
  /** What it can be set to, by key, where a profile tells that. */
  readonly settable?: ReturnType<OwnSettables>
  /** When the hub turns it off, by a rule of the configuration or by what people have said, whichever is earlier. */
  readonly autoOff?: AutoOffTimes
  /** There when nobody knows its state, which is `value` null: what it was when somebody did. */
  readonly known?: false
  readonly lastValue?: unknown
  /** The user who said so, where that is not the node. */
  readonly toldBy?: string
  /** With a value in base64 only. */
  readonly encoding?: 'base64'
  readonly at: string | null
  /** Whole milliseconds from one report to the next. */
  readonly rhythmMs?: number
  readonly stale: boolean
}

/** A node as `GET /api/nodes` tells it. */
export interface NodeDetails {
  readonly base: string
  readonly online: Online
  readonly lastSeen: string | null
  readonly stale?: true
  readonly firmware?: string
  readonly capabilities?: number
  readonly devices: readonly DeviceDetails[]
}

/** The devices of a list, as names below a base. */
type DeviceList = Record<`${DeviceRole}s`, string[]>

type OfDevices = Pick<KnownStates, 'isKnown'> & {
  readonly labels: Pick<DeviceLabels, 'of'>
}

function summaryOf(
  { online, heard, isSilent, devices }: KnownNode,
  { isKnown, labels }: OfDevices,
): NodeSummary {
  return {
    online,
    lastSeen: timeOf(heard),
    ...(isSilent && { stale: true }),
    devices: inOrder(devices.values()).map(({ name, topic, kind, role }) => ({
      name,
      topic,
      kind,
      role,
      ...labels.of(topic),
      ...(!isKnown(topic) && { known: false }),
    })),
  }
}

/** After how long, or at what time of day, the hub turns a device off that is on: the earlier of both. */
export interface AutoOffTimes {
  readonly seconds?: number
  /** As `22:00`. */
  readonly at?: string
}

/** What a device can be set to, by key, as its profile knows it; undefined where nobody does. */
export type OwnSettables = (topic: string) => Readonly<Record<string, object>> | undefined

export interface Around {
  readonly settableOf: OwnSettables
  readonly autoOffOf: (topic: string) => AutoOffTimes | undefined
  readonly values: Pick<LastValues, 'of'>
  readonly states: Pick<KnownStates, 'isKnown' | 'tellerOf'>
  readonly labels: Pick<DeviceLabels, 'of'>
  readonly nowMs: number
}

/** Tells of `devices`, which are of `node`. */
export function detailsOf(
  { base, online, heard, isSilent, introduction }: KnownNode,
  devices: Iterable<KnownDevice>,
  around: Around,
): NodeDetails {
  const details = inOrder(devices).map((device) => deviceDetails(device, around))
  const stale = isSilent && { stale: true as const }
  return { base, online, lastSeen: timeOf(heard), ...stale, ...introduction, devices: details }
}

function deviceDetails(
  device: KnownDevice,
  { values, states, labels, settableOf, autoOffOf, nowMs }: Around,
): DeviceDetails {
  const { name, topic, kind, role, heard, reportIntervalMs } = device
  const payload = values.of(topic)?.payload
  const isKnown = states.isKnown(topic)
  const value = payload?.value ?? null
  const toldBy = states.tellerOf(topic)
  const settable = settableOf(topic)
  const autoOff = role === 'actuator' ? autoOffOf(topic) : undefined
  return {
    name,
    topic,
    kind,
    role,
    ...labels.of(topic),
    ...(settable !== undefined && { settable }),
    ...(autoOff !== undefined && { autoOff }),
    value: isKnown ? value : null,
    ...(!isKnown && { known: false, lastValue: value }),
    ...(toldBy !== undefined && { toldBy }),
    ...(payload?.encoding === 'base64' && { encoding: 'base64' }),
    at: timeOf(heard),
    ...(reportIntervalMs !== undefined && { rhythmMs: Math.round(reportIntervalMs) }),
    stale: isStaleNow(device, states, nowMs),
  }
}

/** Whether what a device said last may not be so any more. */
export function isStaleNow(
  device: KnownDevice,
  { isKnown }: Pick<KnownStates, 'isKnown'>,
  nowMs: number,
): boolean {
  return !isKnown(device.topic) || device.node.isSilent || isStale(device, nowMs)
}

/**
 * Every node of which somebody with `rights` may know something, with the devices whose topics they may read. One
 * without devices is for those who may read whatever it will say.
 */
export function* readableNodes(
  nodes: Iterable<KnownNode>,
  { mayRead, readsAll }: Pick<Rights, 'mayRead' | 'readsAll'>,
  around: Around,
): Generator<NodeDetails, void, void> {
  for (const node of nodes) {
    const devices = [...node.devices.values()].filter(({ topic }) => mayRead(topic))
    const isVisible =
      devices.length > 0 || (node.devices.size === 0 && readsAll(filterBelow(node.base)))
    if (isVisible) yield detailsOf(node, devices, around)
  }
}

/** What a node would answer to `-/-/config/list`, with the names of `devices`, which are below `base`. */
export function listOf(base: string, devices: Iterable<KnownDevice>): DeviceList {
  const list: DeviceList = { sensors: [], actuators: [], notifications: [] }
  const start = base === '' ? 0 : base.length + 1
  for (const { topic, role } of inOrder(devices)) list[`${role}s`].push(topic.slice(start))
  return list
}

type ListedDevice = KnownDevice & { readonly listed: Listed }

/** Those that their nodes list come first, as they list them, and then the others by topic. */
function inOrder(devices: Iterable<KnownDevice>): KnownDevice[] {
  const all = [...devices]
  const listed = all.filter(isListed).sort(byPlace)
  const others = all.filter((device) => !isListed(device))
  return [...listed, ...others.sort((one, other) => compare(one.topic, other.topic))]
}

function isListed(device: KnownDevice): device is ListedDevice {
  return device.listed !== undefined
}

function byPlace(one: ListedDevice, other: ListedDevice): number {
  return compare(one.node.base, other.node.base) || one.listed.place - other.listed.place
}

function compare(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}

function timeOf(heard: KnownNode['heard']): string | null {
  return heard === undefined ? null : new Date(heard.atMs).toISOString()
}

/** Keeps `$SYS/hub/nodes/<base>` on the bus, for everybody who may read it. */
interface NodeTopics {
  /** Tells of a node now. */
  atOnce(node: KnownNode): void
  /** Tells of a node at the next `flush`. */
  soon(node: KnownNode): void
  /** Tells now what would be told at the next `flush`. */
  hurry(node: KnownNode): void
  gone(node: KnownNode): void
  flush(): void
}

export function createNodeTopics({
  bus,
  ...ofDevices
}: { readonly bus: Pick<Bus, 'publish'> } & OfDevices): NodeTopics {
  const waiting = new Set<KnownNode>()
  const tell = ({ base }: KnownNode, payload: Payload) =>
    bus.publish({ topic: `$SYS/hub/nodes/${base}`, payload, qos: 0, retain: true })
  const atOnce = (node: KnownNode) => {
    waiting.delete(node)
    const summary = summaryOf(node, ofDevices)
    tell(node, Payload.ofValue(summary))
  }
  return {
    atOnce,
    soon: (node) => waiting.add(node),
    hurry: (node) => {
      if (waiting.has(node)) atOnce(node)
    },
    gone: (node) => {
      waiting.delete(node)
      // [MQTT-3.3.1-10] An empty value takes the one before away.
      tell(node, new Payload(Buffer.alloc(0)))
    },
    flush: () => {
      for (const node of waiting) atOnce(node)
    },
  }
}
