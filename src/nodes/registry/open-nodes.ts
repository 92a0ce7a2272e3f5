import type { NodePresence } from '../../access/node-presence.ts'
import type { Bus } from '../../bus/bus.ts'
import { createListeners } from '../../core/callbacks.ts'
import { type AlarmClock, afterwards, every, systemClock } from '../../core/clock.ts'
import { detached } from '../../core/guard.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import type { Journal } from '../../store/journal.ts'
import type { Store } from '../../store/store.ts'
import type { ShareTable } from '../../store/stored-table.ts'
import type { ClownBases } from '../clown-bases.ts'
import type { ClownModel } from '../clown-model.ts'
import { createLastValues, type LastValues, type LastValuesLimits } from '../last-values.ts'
import { type Answering, createAnswers, type Requester } from './answers.ts'
import { type Conflicts, type ConflictsOptions, createConflicts } from './conflicts.ts'
import { type DeviceLabels, type OwnTitles, openDeviceLabels } from './device-labels.ts'
import type { KnownDevice, KnownNode } from './device-table.ts'
import { createKnownStates, type KnownStates, type Since } from './known-states.ts'
import { createNodeTopics, type OwnSettables } from './node-json.ts'
import { createOfflineDetection } from './offline-detection.ts'
import { createPresence, type Presence, type PresenceTeller } from './presence.ts'
import { createQuestions, type Questions } from './questions.ts'
import { Registry } from './registry.ts'
import { createStoredNodes } from './stored-nodes.ts'

export interface NodesOptions {
  readonly bus: Bus
  readonly store: Pick<Store, 'entries' | 'write'>
  /** Where what is learned is noted, which nobody is promised. */
  readonly journal: Pick<Journal, 'noteLater'>
  readonly presence: Pick<
    NodePresence,
    'isThere' | 'isSilent' | 'maySpeakFor' | 'bases' | 'onChange'
  >
  readonly model: Pick<ClownModel, 'takesCommands' | 'questionTo'>
  /** Is told which nodes speak Clown.Model. */
  readonly bases: Pick<ClownBases, 'set'>
  readonly ownTitles: OwnTitles
  readonly settableOf: OwnSettables
  /** What people have said of devices is told to other hubs by this. */
  readonly share?: ShareTable
  readonly limits: LastValuesLimits & { readonly nodes: { readonly devices: number } }
  readonly sampledLog: SampledLog
  readonly log: ConflictsOptions['log']
  readonly counters: ConflictsOptions['counters']
  readonly clock?: AlarmClock
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
  readonly states: KnownStates
  readonly labels: DeviceLabels
  readonly settableOf: OwnSettables
  readonly conflicts: Conflicts
  readonly questions: Pick<Questions, 'askNow'>
  /** Tells sessions who comes and goes. */
  readonly told: Presence
  /** The state of each device of a node may be another one than it said: it is unknown until it reports, and asked for. */
  doubt(base: string, since: Since): void
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
  const isKnown = (device: string) => registry.device(device) !== undefined
  const labels = await openDeviceLabels({ ...options, most: limits.nodes.devices, isKnown })
  const connected = connect(values, { ...options, clock, labels })
  const { registry, topics, stored, online, heard, forgotten, states, conflicts } = connected
  const questions = createQuestions({ ...options, registry, states, clock })
  const told = tellSessions(connected, { clock, labels })
  const askSoon = (base: string) => {
    clock.after(subscribedAfterMs, () => questions.askNode(base))
  }
  online.add((node) => {
    if (node.online === false) detached(states.lose(node.base, 'was away'))
    else if (node.online) askSoon(node.base)
  })
  await stored.restore()
  await states.loseAll()
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
    told.look([...registry.nodes.values()])
    topics.flush()
    stored.flush(clock.nowMs())
  }
  const stop = every(everyMs, tick)
  return {
    values,
    registry,
    onOnline: online.add,
    onHeard: heard.add,
    get isFollowed() {
      return heard.size > 0
    },
    onForgotten: forgotten.add,
    answering: createAnswers({ registry, values, clock, markOf: states.markOf }),
    states,
    labels,
    settableOf: options.settableOf,
    conflicts,
    questions,
    told,
    doubt: (base, since) => {
      detached(states.lose(base, since))
      askSoon(base)
    },
    close: async () => {
      questions.close()
      stop()
      offlineDetection.close()
      stopFollowing()
      registry.close()
      stored.flush()
    },
  }
}

/** What sessions are told: who comes and goes, and what is called otherwise. */
function tellSessions(
  { registry, topics, online, heard, states }: ReturnType<typeof connect>,
  { clock, labels }: Pick<ConnectOptions, 'clock' | 'labels'>,
): PresenceTeller {
  const told = createPresence(clock)
  online.add(told.online)
  heard.add(told.heard)
  states.onChange(told.known)
  labels.onChange((device) => {
    const node = registry.device(device)?.node
    if (node === undefined) return
    topics.soon(node)
    told.labelled(device, labels.of(device))
  })
  return told
}

/** A node that has connected subscribes to its commands before so much time has gone by. */
const subscribedAfterMs = 500

type ConnectOptions = NodesOptions & { readonly clock: AlarmClock; readonly labels: DeviceLabels }

/** A registry that tells its changes to the bus and to the store. */
function connect(values: LastValues, options: ConnectOptions) {
  const topics = createNodeTopics({
    bus: options.bus,
    isKnown: (topic) => states.isKnown(topic),
    labels: options.labels,
  })
  const online = createListeners<[node: KnownNode]>()
  const heard = createListeners<[device: KnownDevice]>()
  const forgotten = createListeners<[device: KnownDevice]>()
  const conflicts = createConflicts(options)
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
      speaks: ({ base }, client) => {
        conflicts.spoke(base, client)
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
  const states = createKnownStates({
    ...options,
    registry,
    values,
    devices: options.limits.nodes.devices,
  })
  states.onChange((topic, isKnown) => {
    const node = registry.device(topic)?.node
    if (node === undefined) return
    topics.soon(node)
    // At once, with all others of its node.
    if (!isKnown) afterwards(() => topics.hurry(node))
  })
  return { registry, topics, stored, online, heard, forgotten, states, conflicts }
}
