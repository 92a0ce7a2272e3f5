import type { NodePresence } from '../../access/node-presence.ts'
import type { Bus } from '../../bus/bus.ts'
import { createListeners } from '../../core/callbacks.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import type { Store } from '../../store/store.ts'
import type { ClownBases } from '../clown-bases.ts'
import type { ClownModel } from '../clown-model.ts'
import { createLastValues, type LastValues, type LastValuesLimits } from '../last-values.ts'
import { type Answering, createAnswers, type Requester } from './answers.ts'
import type { KnownDevice, KnownNode } from './device-table.ts'
import { createNodeTopics } from './node-json.ts'
import { createOfflineDetection } from './offline-detection.ts'
import { Registry } from './registry.ts'
import { createStoredNodes } from './stored-nodes.ts'
import { createUnreachable, type Unreachable } from './unreachable.ts'

export interface NodesOptions {
  readonly bus: Bus
  readonly store: Pick<Store, 'entries' | 'write'>
  readonly presence: Pick<NodePresence, 'isThere' | 'mayHear' | 'bases' | 'onChange'>
  readonly model: Pick<ClownModel, 'takesCommands'>
  /** Is told which nodes speak Clown.Model. */
  readonly bases: Pick<ClownBases, 'set'>
  readonly limits: LastValuesLimits & { readonly nodes: { readonly devices: number } }
  readonly sampledLog: SampledLog
  readonly clock?: Clock
  /** How often it is looked for nodes that are offline, and what has changed is told and written. */
  readonly everyMs?: number
}

/** What is known of hardware. */
export interface Nodes {
  readonly values: LastValues
  readonly registry: Registry
  /** Calls `listener` when a node is there, is not, or it cannot be told any more; the returned function ends that. */
  onOnline(listener: (node: KnownNode) => void): () => void
  /** The same with each device that is heard of: it reports, or its node lists it. */
  onHeard(listener: (device: KnownDevice) => void): () => void
  onForgotten(listener: (device: KnownDevice) => void): () => void
  /** Whether anybody hears of devices, and so waits for the next report. */
  readonly isFollowed: boolean
  readonly unreachable: Unreachable
  /** Answers one session in place of nodes. */
  answering(requester: Requester): Answering
  /** Writes what has changed, and learns nothing more. */
  close(): Promise<void>
}

/** Knows again what it knew when it was closed, and learns from the bus from now on. */
export async function openNodes(options: NodesOptions): Promise<Nodes> {
  const { bus, presence, limits, clock = systemClock, everyMs = 1000 } = options
  // Beside what is retained, which is kept by the bus.
  const totalBytes = limits.retained.totalBytes / 4
  const retained = { ...limits.retained, totalBytes }
  const values = createLastValues(bus, { ...limits, retained }, clock)
  const { registry, topics, stored, online, heard, forgotten } = connect(values, {
    ...options,
    clock,
  })
  const unreachable = createUnreachable({
    ...options,
    publish: bus.publish,
    registry,
    values,
    devices: limits.nodes.devices,
  })
  online.add((node) => {
    if (node.online === false) void unreachable.wentOffline(node.base)
  })
  await stored.restore()
  const stopFollowing = presence.onChange((base) => registry.presenceChanged(base))
  for (const base of presence.bases()) registry.presenceChanged(base)
  for (const node of registry.nodes.values()) topics.atOnce(node)
  const offlineDetection = createOfflineDetection({
    clock,
    everyMs,
    isAnyNewlyOffline: () => registry.isAnyNewlyOffline(),
    settle: () => registry.settleOffline(),
  })
  const tick = () => {
    offlineDetection.look()
    topics.flush()
    stored.flush()
  }
  const timer = setInterval(tick, everyMs).unref()
  return {
    values,
    registry,
    onOnline: online.add,
    onHeard: heard.add,
    get isFollowed() {
      return heard.size > 0
    },
    onForgotten: forgotten.add,
    answering: createAnswers({ registry, values, clock, markOf: unreachable.markOf }),
    unreachable,
    close: async () => {
      clearInterval(timer)
      offlineDetection.close()
      stopFollowing()
      registry.close()
      await stored.close()
    },
  }
}

/** A registry that tells its changes to the bus and to the store. */
function connect(values: LastValues, options: NodesOptions & { readonly clock: Clock }) {
  const topics = createNodeTopics(options.bus)
  const online = createListeners<[node: KnownNode]>()
  const heard = createListeners<[device: KnownDevice]>()
  const forgotten = createListeners<[device: KnownDevice]>()
  const registry: Registry = new Registry({
    ...options,
    limits: options.limits.nodes,
    events: {
      heard: (device) => {
        stored.deviceChanged(device)
        heard.tell(device)
      },
      forgotten: (device) => {
        stored.deviceChanged(device)
        forgotten.tell(device)
      },
      changed: (node) => {
        topics.soon(node)
        stored.nodeChanged(node)
      },
      online: (node) => {
        topics.atOnce(node)
        online.tell(node)
      },
      introduced: ({ base }) => options.bases.set(base, 'introduced', true),
      gone: (node) => {
        options.bases.set(node.base, 'introduced', false)
        topics.gone(node)
        stored.nodeChanged(node)
      },
    },
  })
  const stored = createStoredNodes({ ...options, values, registry })
  return { registry, topics, stored, online, heard, forgotten }
}
