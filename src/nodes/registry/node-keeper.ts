import { reasonOf } from '../../core/errors.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import type { Change, Store } from '../../store/store.ts'
import type { LastValues, StoredValue } from '../last-values.ts'
import type { KnownDevice, KnownNode } from './device-table.ts'
import type { Registry } from './registry.ts'
import { deviceBytes, nodeBytes, readDevice, readNode, type StoredDevice } from './stored-nodes.ts'

/** Keeps what a registry knows, and the last values, in a store. */
export interface NodeKeeper {
  /** Puts back what was known when the hub ended. */
  restore(): Promise<void>
  deviceChanged(device: KnownDevice): void
  nodeChanged(node: KnownNode): void
  /** Writes what has changed since the last time, unless that is being written still. */
  flush(): void
  /** Writes the rest. */
  close(): Promise<void>
}

export interface NodeKeeperOptions {
  readonly store: Pick<Store, 'entries' | 'write'>
  readonly values: Pick<LastValues, 'of' | 'restore'>
  readonly registry: Pick<Registry, 'nodes' | 'device' | 'restoreDevice' | 'restoreNode'>
  readonly sampledLog: SampledLog
}

const deviceKey = 'node/device/'
const nodeKey = 'node/base/'

export function createNodeKeeper(options: NodeKeeperOptions): NodeKeeper {
  const { store, sampledLog } = options
  const topics = new Set<string>()
  const bases = new Set<string>()
  let writing: Promise<void> | undefined
  const write = async (changes: readonly Change[], lost: () => void) => {
    try {
      await store.write(changes)
    } catch (error) {
      lost()
      const fields = { reason: reasonOf(error) }
      sampledLog.warn('nodes-not-written', fields, 'what is known of nodes could not be written')
    }
    writing = undefined
  }
  const flush = () => {
    if (writing !== undefined || topics.size + bases.size === 0) return
    const written = { topics: [...topics], bases: [...bases] }
    topics.clear()
    bases.clear()
    writing = write(changesOf(written, options), () => {
      // What cannot be written now may be later.
      for (const topic of written.topics) topics.add(topic)
      for (const base of written.bases) bases.add(base)
    })
  }
  return {
    restore: () => restoreFrom(options),
    deviceChanged: ({ topic, node }) => {
      topics.add(topic)
      bases.add(node.base)
    },
    nodeChanged: ({ base }) => {
      bases.add(base)
    },
    flush,
    close: async () => {
      await writing
      flush()
      await writing
    },
  }
}

interface Written {
  readonly topics: readonly string[]
  readonly bases: readonly string[]
}

/** What is not known any more is taken away. */
function changesOf({ topics, bases }: Written, { registry, values }: NodeKeeperOptions): Change[] {
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

async function restoreFrom(options: NodeKeeperOptions): Promise<void> {
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
  // As they came: past a limit the longest silent go first.
  for (const device of devices.sort(byTime)) registry.restoreDevice(device)
  await values.restore(lastValues.sort(byTime))
  for await (const [key, bytes] of store.entries(nodeKey)) {
    const node = readNode(key.slice(nodeKey.length), bytes)
    if (node === undefined) tellBroken(key, options)
    else registry.restoreNode(node)
  }
}

function byTime(one: { readonly atMs?: number | undefined }, other: typeof one): number {
  return (one.atMs ?? 0) - (other.atMs ?? 0)
}

function tellBroken(key: string, { sampledLog }: NodeKeeperOptions): void {
  sampledLog.warn('nodes-unreadable', { key }, 'what was kept of a node could not be read')
}
