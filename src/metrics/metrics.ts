/**
 * What Prometheus is told, all of it in one list. Nothing is counted for it: what the parts of the hub count anyway is
 * read when somebody asks, but for how long the disk takes. Labels have few values, and none that a client chooses.
 */

import { performance } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { maxOpenFiles, openFiles, type ProcessWatch } from '../core/process-watch.ts'
import type { Counters } from '../core/sampled-log.ts'
import type { HistoryState } from '../history/history.ts'
import type { BrokerState } from '../mqtt/statistics.ts'
import type { CommandEnds } from '../nodes/commands/audit-log.ts'
import type { Store } from '../store/store.ts'

/** What has come and gone over the connections of one kind. */
export interface LinkCounts {
  readonly transport: string
  /** `mqtt-5`, or the name of a dialect. */
  readonly protocol: string
  readonly connections: number
  readonly messagesReceived: number
  readonly messagesSent: number
  readonly messagesDropped: number
  readonly bytesReceived: number
  readonly bytesSent: number
}

/** A system that the hub dials, by its name in the configuration. */
interface DialledSystem {
  readonly name: string
  readonly dialect: string
  readonly state: string
  /** As ISO 8601, since when it is so. */
  readonly since: string
  /** When it is dialled again. */
  readonly nextTry?: string
  readonly devices: number
}

/** A bridge to another broker, by its name in the configuration. */
interface BridgeCounts {
  readonly name: string
  readonly state: string
  readonly waiting: { readonly messages: number; readonly bytes: number }
  readonly sent: number
  readonly received: number
  readonly lost: number
}

/** Where the numbers come from. */
export interface MetricSources {
  readonly version: string
  links(): readonly LinkCounts[]
  broker(): BrokerState
  commandEnds(): readonly CommandEnds[]
  /** Whether each node that is known is online; null where that is not known. */
  nodes(): readonly (boolean | null)[]
  devices(): number
  /** Each system that the hub dials. */
  upstreams(): readonly DialledSystem[]
  bridges(): readonly BridgeCounts[]
  /** Of several hubs before one broker: whether this one commands, and how often the owner has changed. */
  readonly hubs:
    | { readonly owns: boolean; readonly state: { readonly changes: number } }
    | undefined
  readonly counters: Pick<Counters, 'snapshot'>
  isReady(): boolean
  readonly load: Pick<ProcessWatch, 'isOverloaded' | 'latestMs'>
  readonly store: Pick<Store, 'onWritten'>
  history(): HistoryState
  /** What is wrong now, and how telling people goes. */
  readonly notify: {
    list(): readonly unknown[]
    counts(): { readonly sent: number; readonly failed: number; readonly waiting: number }
  }
}

export interface Metrics {
  readonly contentType: string
  /** All of it in Prometheus' own format, as it is now. */
  text(): Promise<string>
  close(): void
}

/** A batch on a good disk takes a millisecond, on an SD card tens of them. */
const commitSeconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]

export function openMetrics(sources: MetricSources): Metrics {
  const registry = new Registry()
  for (const measure of measuresOf(sources)) add(measure, registry)
  const commits = new Histogram({
    name: 'clown_hub_store_commit_duration_seconds',
    help: 'How long batches took to be on disk.',
    buckets: commitSeconds,
    registers: [registry],
  })
  const stop = sources.store.onWritten((ms) => commits.observe(ms / 1000))
  return { contentType: registry.contentType, text: () => registry.metrics(), close: stop }
}

/** One metric: its name with its labels, `clown_hub_nodes{state}`, what it is, and how it is read. */
type Measure = readonly [name: string, help: string, read: () => number | Iterable<Sample>]

/** A value, with those of its labels in their order. */
type Sample = readonly [value: number, ...labels: string[]]

/** What only grows has a name that ends so, by convention. */
const endOfCounters = /_total$/

function add([named, help, read]: Measure, registry: Registry): void {
  const name = named.replace(/\{.*/, '')
  const labelNames = [...named.matchAll(/(?<=[{,])\w+/g)].map(([label]) => label)
  const options = { name, help, labelNames, registers: [registry] }
  const tell = (set: (labels: Labels, value: number) => void) => {
    const found = read()
    for (const [value, ...labels] of typeof found === 'number' ? [[found] as const] : found) {
      set(Object.fromEntries(labelNames.map((label, at) => [label, String(labels[at])])), value)
    }
  }
  if (endOfCounters.test(name)) {
    // The library cannot give a counter the value that another one has: it begins anew at each look.
    const counter = new Counter(options)
    const collect = () => {
      counter.reset()
      tell((labels, value) => counter.inc(labels, value))
    }
    Object.assign(counter, { collect })
    return
  }
  const gauge = new Gauge(options)
  const collect = () => {
    gauge.reset()
    tell((labels, value) => gauge.set(labels, value))
  }
  Object.assign(gauge, { collect })
}

type Labels = Record<string, string>

function measuresOf(sources: MetricSources): Measure[] {
  return [
    ...ofTheHub(sources),
    ...ofLinks(sources),
    ...ofTheBroker(sources),
    ...ofHardware(sources),
    ...ofUpstreams(sources),
    ...ofBridges(sources),
    ...ofHubs(sources),
    ...ofTheHistory(sources),
    ...ofNotifications(sources),
    ...ofTheProcess(),
  ]
}

function ofHubs({ hubs }: MetricSources): Measure[] {
  if (hubs === undefined) return []
  const changes = 'How often the owner among several hubs has changed.'
  return [
    ['clown_hub_owner', 'Whether this hub commands, of several.', () => Number(hubs.owns)],
    ['clown_hub_owner_changes_total', changes, () => hubs.state.changes],
  ]
}

/** See `UpstreamStatus`. */
const upstreamStates = ['connecting', 'connected', 'refused', 'away'] as const

function ofUpstreams({ upstreams }: MetricSources): Measure[] {
  const labels = '{upstream,dialect}'
  const each = (read: (system: DialledSystem) => number | undefined) => (): Sample[] =>
    upstreams().flatMap((system): Sample[] => {
      const value = read(system)
      return value === undefined ? [] : [[value, system.name, system.dialect]]
    })
  const states = () =>
    upstreams().flatMap(({ name, dialect, state }) =>
      upstreamStates.map((each): Sample => [Number(each === state), name, dialect, each]),
    )
  return [
    [
      'clown_hub_upstream_state{upstream,dialect,state}',
      'How a system that the hub dials is: 1 for the state that it has.',
      states,
    ],
    [
      `clown_hub_upstream_since_seconds${labels}`,
      'Since when a system that the hub dials is as it is, in seconds since 1970.',
      each(({ since }) => Date.parse(since) / 1000),
    ],
    [
      `clown_hub_upstream_next_try_seconds${labels}`,
      'When a system that is not there is dialled again, in seconds since 1970.',
      each(({ nextTry }) => (nextTry === undefined ? undefined : Date.parse(nextTry) / 1000)),
    ],
    [
      `clown_hub_upstream_connected${labels}`,
      'Whether a system that the hub dials is there.',
      each(({ state }) => Number(state === 'connected')),
    ],
    [
      `clown_hub_upstream_devices${labels}`,
      'How many devices a system that the hub dials has told of.',
      each(({ devices }) => devices),
    ],
  ]
}

function ofBridges({ bridges }: MetricSources): Measure[] {
  const each = (read: (bridge: BridgeCounts) => number) => (): Sample[] =>
    bridges().map((bridge) => [read(bridge), bridge.name])
  return [
    [
      'clown_hub_bridge_connected{bridge}',
      'Whether the broker of a bridge is there.',
      each(({ state }) => Number(state === 'connected')),
    ],
    [
      'clown_hub_bridge_waiting_messages{bridge}',
      'How many messages wait to go over a bridge.',
      each(({ waiting }) => waiting.messages),
    ],
    [
      'clown_hub_bridge_waiting_bytes{bridge}',
      'How many bytes wait to go over a bridge.',
      each(({ waiting }) => waiting.bytes),
    ],
    [
      'clown_hub_bridge_messages_sent_total{bridge}',
      'Messages that went over a bridge to the other broker.',
      each(({ sent }) => sent),
    ],
    [
      'clown_hub_bridge_messages_received_total{bridge}',
      'Messages that came over a bridge from the other broker.',
      each(({ received }) => received),
    ],
    [
      'clown_hub_bridge_messages_lost_total{bridge}',
      'Messages that were to go over a bridge and did not: no room, refused, or at QoS 0 while it was away.',
      each(({ lost }) => lost),
    ],
  ]
}

/** These stand there from the start, so that the first one is seen: who asks for a rate misses what appears. */
const knownEvents = [
  'connections-refused',
  'defects',
  'event-loop-lag',
  'history-points-dropped',
  'log-lines-lost',
  'mqtt-conflated',
  'mqtt-messages-dropped',
  'mqtt-slow-consumer',
  'overloaded',
  'reports-shed',
  'retained-refused',
  'sign-in-throttled',
  'store-read-only',
  'store-write-failed',
  'websocket-conflated',
  'websocket-slow-consumer',
]

function ofTheHub({ version, counters, isReady, load }: MetricSources): Measure[] {
  const none = Object.fromEntries(knownEvents.map((kind) => [kind, 0]))
  const events = () =>
    Object.entries({ ...none, ...counters.snapshot() }).map(
      ([kind, count]) => [count, kind] as const,
    )
  return [
    ['clown_hub_build_info{version}', 'Always 1: the version is its label.', () => [[1, version]]],
    ['clown_hub_ready', 'Whether the hub can do all that it promises.', () => +isReady()],
    ['clown_hub_overloaded', 'Whether it does less than usual.', () => +load.isOverloaded()],
    ['clown_hub_event_loop_lag_seconds', lagHelp, () => load.latestMs() / 1000],
    [
      'clown_hub_event_loop_busy_seconds_total',
      'For how long the event loop has worked.',
      busySeconds,
    ],
    ['clown_hub_events_total{kind}', 'What was refused, dropped, cut or found odd.', events],
  ]
}

const lagHelp = 'The longest that the event loop was late in the last 15 seconds.'

function busySeconds(): number {
  return performance.eventLoopUtilization().active / 1000
}

function ofLinks({ links }: MetricSources): Measure[] {
  const each = (name: string, help: string, key: Counted): Measure => [
    `clown_hub_${name}{transport,protocol}`,
    help,
    () => links().map((counts) => [counts[key], counts.transport, counts.protocol]),
  ]
  return [
    each('connections', 'Clients that are signed in and connected.', 'connections'),
    each('messages_received_total', 'Messages of clients.', 'messagesReceived'),
    each('messages_sent_total', 'Messages to clients, once for each of them.', 'messagesSent'),
    each('messages_dropped_total', 'Messages that MQTT clients have missed.', 'messagesDropped'),
    each('received_bytes_total', 'Bytes of clients.', 'bytesReceived'),
    each('sent_bytes_total', 'Bytes to clients.', 'bytesSent'),
  ]
}

type Counted = Exclude<keyof LinkCounts, 'transport' | 'protocol'>

function ofTheBroker({ broker }: MetricSources): Measure[] {
  const sessions = (): Sample[] => {
    const { connected, disconnected } = broker()
    return [
      [connected, 'connected'],
      [disconnected, 'away'],
    ]
  }
  const named = (name: string, help: string, key: keyof BrokerState): Measure => {
    return [`clown_hub_${name}`, help, () => broker()[key]]
  }
  return [
    ['clown_hub_mqtt_sessions{state}', 'Sessions of clients that are there, or away.', sessions],
    named('mqtt_sessions_expired_total', 'Sessions whose client stayed away.', 'expired'),
    named('mqtt_subscriptions', 'Subscriptions, shared ones too.', 'subscriptions'),
    named('mqtt_shared_subscriptions', 'Shared subscriptions.', 'sharedSubscriptions'),
    named('mqtt_queued_messages', 'Messages that are kept for MQTT clients.', 'keptMessages'),
    named('mqtt_queued_bytes', 'What those messages take.', 'keptBytes'),
    named('retained_messages', 'Topics with a retained value.', 'retained'),
  ]
}

function ofHardware({ commandEnds, nodes, devices }: MetricSources): Measure[] {
  const byState = (): Sample[] => {
    const all = nodes()
    const count = (state: boolean | null) => all.filter((one) => one === state).length
    return [
      [count(true), 'online'],
      [count(false), 'offline'],
      [count(null), 'unknown'],
    ]
  }
  const ends = (): Sample[] => commandEnds().map(({ count, way, receipt }) => [count, way, receipt])
  return [
    ['clown_hub_nodes{state}', 'Nodes that are known.', byState],
    ['clown_hub_devices', 'Devices that are known.', devices],
    ['clown_hub_commands_total{way,outcome}', 'How commands came, and what became of them.', ends],
  ]
}

function ofTheHistory({ history }: MetricSources): Measure[] {
  const lagSeconds = () => history().lagMs / 1000
  return [
    ['clown_hub_history_series', 'Quantities that are recorded.', () => history().series],
    [
      'clown_hub_history_waiting_bytes',
      'Points on their way to the disk.',
      () => history().waitingBytes,
    ],
    ['clown_hub_history_lag_seconds', 'For how long the oldest has been so.', lagSeconds],
  ]
}

function ofNotifications({ notify }: MetricSources): Measure[] {
  const tried = (): Sample[] => {
    const { sent, failed } = notify.counts()
    return [
      [sent, 'sent'],
      [failed, 'failed'],
    ]
  }
  return [
    ['clown_hub_alarms', 'What is wrong now, as people were told.', () => notify.list().length],
    ['clown_hub_notifications_total{outcome}', 'Attempts to tell a target.', tried],
    [
      'clown_hub_notifications_waiting',
      'What targets are to be told.',
      () => notify.counts().waiting,
    ],
  ]
}

/** Under the names that Prometheus has for what every process has. */
function ofTheProcess(): Measure[] {
  const cpuSeconds = () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  }
  const memory = () => process.memoryUsage()
  const startSeconds = performance.timeOrigin / 1000
  return [
    ['process_cpu_seconds_total', 'Time of processors.', cpuSeconds],
    ['process_start_time_seconds', 'When it was started, since 1970.', () => startSeconds],
    ['process_resident_memory_bytes', 'Memory that is resident.', () => memory().rss],
    ['nodejs_heap_used_bytes', 'Memory of objects.', () => memory().heapUsed],
    ['nodejs_external_memory_bytes', 'Memory of buffers.', () => memory().external],
    ['process_open_fds', 'Open files and sockets.', () => openFiles()],
    ['process_max_fds', 'How many there may be.', () => maxOpenFiles()],
  ]
}
