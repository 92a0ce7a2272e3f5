import { parseJson } from '../../core/json.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { validateDeviceEntry, validateNodeEntry } from '../../generated/validate-stored.js'
import type { Journal } from '../../store/journal.ts'
import type { Change, Store } from '../../store/store.ts'
import { deviceOf } from '../device.ts'
import type { LastValues, StoredValue } from '../last-values.ts'
import type { KnownDevice, KnownNode, Listed } from './device-table.ts'
import type { Introduction } from './node-message.ts'
import type { Registry } from './registry.ts'

/** Keeps what a registry knows, and the last values, in a store. */
interface StoredNodes {
  /** Puts back what was known when the hub ended. */
  restore(): Promise<void>
  deviceChanged(device: KnownDevice): void
  nodeChanged(node: KnownNode): void
  /** Notes what has changed and is due; without a time all that has changed. */
  flush(nowMs?: number): void
}

interface StoredNodesOptions {
  readonly store: Pick<Store, 'entries'>
  readonly journal: Pick<Journal, 'noteLater'>
  readonly values: Pick<LastValues, 'of' | 'restore'>
  readonly registry: Pick<Registry, 'nodes' | 'device' | 'restoreDevice' | 'restoreNode'>
  readonly sampledLog: SampledLog
}

const deviceKey = 'node/device/'
const nodeKey = 'node/base/'

/** What changes all the time is written so often: last values have no promise, and a disk wears. */
const everyMs = 60_000

export function createStoredNodes(options: StoredNodesOptions): StoredNodes {
  const topics = createDue()
  const bases = createDue()
  return {
    restore: () => restoreFrom(options),
    deviceChanged: ({ topic, node }) => {
      topics.add(topic)
      bases.add(node.base)
    },
    nodeChanged: ({ base }) => bases.add(base),
    flush: (nowMs = Infinity) => {
      const written = { topics: topics.take(nowMs), bases: bases.take(nowMs) }
      for (const { key, value } of changesOf(written, options)) {
        options.journal.noteLater(key, value)
      }
    },
  }
}

/** Names of what has changed: each is due at once, and then no sooner than `everyMs` later. */
function createDue() {
  const changed = new Set<string>()
  const takenAtMs = new Map<string, number>()
  return {
    add: (name: string) => void changed.add(name),
    take: (nowMs: number): string[] => {
      for (const [name, atMs] of takenAtMs) {
        // In the order in which they were taken.
        if (nowMs - atMs < everyMs) break
        takenAtMs.delete(name)
      }
      const due = [...changed].filter((name) => !takenAtMs.has(name))
      for (const name of due) {
        changed.delete(name)
        takenAtMs.set(name, nowMs)
      }
      return due
    },
  }
}

interface Written {
  readonly topics: readonly string[]
  readonly bases: readonly string[]
}

/** What is not known any more is taken away. */
function changesOf({ topics, bases }: Written, { registry, values }: StoredNodesOptions): Change[] {
  const devices = topics.map((topic) => {
    const device = registry.device(topic)
    const value = device && deviceBytes(device, values.of(topic)?.payload.bytes)
    return { key: deviceKey + topic, value }
  })
  const nodes = bases.map((base) => {
    const node = registry.nodes.get(base)
    return { key: nodeKey + base, value: node && nodeBytes(node) }
  })
  return [...devices, ...nodes]
}

async function restoreFrom(options: StoredNodesOptions): Promise<void> {
  const { store, registry, values } = options
  const devices: StoredDevice[] = []
  const lastValues: StoredValue[] = []
  for await (const [key, bytes] of store.entries(deviceKey)) {
    const topic = key.slice(deviceKey.length)
    const read = readDevice(topic, bytes)
    if (read === undefined) tellBroken(key, options)
    else {
      devices.push(read.device)
      if (read.value !== undefined) lastValues.push(read.value)
    }
  }
  const nodes = await readNodes(options)
  const tellerOf = (topic: string) => userIn(nodes.get(deviceOf(topic).base)?.speaker)
  // As they came: past a limit the longest silent go first.
  for (const device of devices.sort(byTime)) {
    registry.restoreDevice({ ...device, user: tellerOf(device.topic) })
  }
  const told = lastValues.map((value) => ({ ...value, user: tellerOf(value.topic) }))
  await values.restore(told.sort(byTime))
  for (const node of nodes.values()) registry.restoreNode(node)
}

async function readNodes(options: StoredNodesOptions): Promise<Map<string, StoredNode>> {
  const nodes = new Map<string, StoredNode>()
  for await (const [key, bytes] of options.store.entries(nodeKey)) {
    const node = readNode(key.slice(nodeKey.length), bytes)
    if (node === undefined) tellBroken(key, options)
    else nodes.set(node.base, node)
  }
  return nodes
}

/** Clients are named by their user, which has no colon, and their id. */
function userIn(client: string | undefined): string | undefined {
  return client?.slice(0, client.indexOf(':'))
}

function byTime(one: { readonly atMs?: number | undefined }, other: typeof one): number {
  return (one.atMs ?? 0) - (other.atMs ?? 0)
}

function tellBroken(key: string, { sampledLog }: StoredNodesOptions): void {
  sampledLog.warn('nodes-unreadable', { key }, 'what was kept of a node could not be read')
}

// --- as bytes ---

/** What outlives a restart, of a device. */
export interface StoredDevice extends Pick<KnownDevice, 'intervalsMs'> {
  readonly topic: string
  readonly hasObeyed?: boolean
  readonly atMs?: number
  readonly listed?: Listed
}

/** What outlives a restart, of a node. */
export interface StoredNode extends Introduction {
  readonly base: string
  readonly atMs?: number
  readonly speaker?: string
}

/** A line of JSON, and behind it the value as it came; without one there is no line break either. */
function deviceBytes(device: KnownDevice, value: Buffer | undefined): Buffer {
  const { heard, listed, hasObeyed, intervalsMs } = device
  const line = JSON.stringify({ atMs: heard?.atMs, listed, hasObeyed, intervalsMs })
  return value === undefined ? Buffer.from(line) : Buffer.concat([Buffer.from(`${line}\n`), value])
}

/** Of a node without devices nothing is kept. */
function nodeBytes({ devices, heard, speaker, introduction }: KnownNode): Buffer | undefined {
  if (devices.size === 0) return undefined
  return Buffer.from(JSON.stringify({ atMs: heard?.atMs, speaker, ...introduction }))
}

interface ReadDevice {
  readonly device: StoredDevice
  readonly value: StoredValue | undefined
}

/** Reads what `deviceBytes` made; undefined is what somebody else did. */
function readDevice(topic: string, bytes: Buffer): ReadDevice | undefined {
  const end = bytes.indexOf('\n')
  const found = parseJson(end === -1 ? bytes : bytes.subarray(0, end))
  if (!validateDeviceEntry(found)) return undefined
  const { atMs } = found
  const hasValue = end !== -1 && atMs !== undefined
  const value = hasValue ? { topic, atMs, bytes: bytes.subarray(end + 1) } : undefined
  return { device: { ...found, topic }, value }
}

/** Reads what `nodeBytes` made; undefined is what somebody else did. */
function readNode(base: string, bytes: Buffer): StoredNode | undefined {
  const found = parseJson(bytes)
  return validateNodeEntry(found) ? { ...found, base } : undefined
}
