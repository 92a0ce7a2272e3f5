import type { Bus } from '../bus/bus.ts'
import type { AlarmClock } from '../core/clock.ts'
import { Payload } from '../core/payload.ts'
import type { Release } from '../core/release.ts'
import type { Level } from './packet.ts'

/** What has come and gone over some connections since the start, and how many of them are open. */
export class Traffic {
  bytesReceived = 0
  bytesSent = 0
  packetsReceived = 0
  packetsSent = 0
  messagesReceived = 0
  messagesSent = 0
  messagesDropped = 0
  messageBytesReceived = 0
  messageBytesSent = 0
  connections = 0
  openConnections = 0

  /** One more client is there. */
  opened(): void {
    this.connections++
    this.openConnections++
  }
}

/** What carries MQTT; nothing to a client that is away. */
export type Transport = 'tcp' | 'tls' | 'websocket' | 'none'

/** The traffic of the connections of one kind. */
export interface KindOfTraffic {
  readonly transport: Transport
  /** Undefined for what clients have said before their level was known. */
  readonly level: Level | undefined
  readonly traffic: Traffic
}

/** The traffic of all connections, by their kinds. */
export class Traffics {
  readonly #kinds = new Map<string, KindOfTraffic>()
  /** Of sessions whose client is away. */
  readonly away = this.of('none', undefined)

  /** What connections of one kind count. */
  of(transport: Transport, level: Level | undefined): Traffic {
    const key = `${transport} ${level}`
    const kind = this.#kinds.get(key) ?? { transport, level, traffic: new Traffic() }
    this.#kinds.set(key, kind)
    return kind.traffic
  }

  kinds(): Iterable<KindOfTraffic> {
    return this.#kinds.values()
  }

  /** All of it, as it is now. */
  total(): Traffic {
    const total = new Traffic()
    for (const { traffic } of this.#kinds.values()) {
      for (const counter of counters) total[counter] += traffic[counter]
    }
    return total
  }
}

const counters = [
  'bytesReceived',
  'bytesSent',
  'packetsReceived',
  'packetsSent',
  'messagesReceived',
  'messagesSent',
  'messagesDropped',
  'messageBytesReceived',
  'messageBytesSent',
  'connections',
  'openConnections',
] as const satisfies readonly (keyof Traffic)[]

type Counter = (typeof counters)[number]

export const emptyBroker = {
  connected: 0,
  disconnected: 0,
  expired: 0,
  subscriptions: 0,
  sharedSubscriptions: 0,
  retained: 0,
  keptMessages: 0,
  keptBytes: 0,
}

/** What there is now. */
export type BrokerState = Readonly<typeof emptyBroker>

export interface StatisticsOptions {
  readonly bus: Pick<Bus, 'publish'>
  /** Of all connections together. */
  traffic(): Traffic
  state(): BrokerState
  readonly release: Pick<Release, 'version'>
  readonly clock: Pick<AlarmClock, 'nowMs' | 'after'>
}

/** Mosquitto's own interval, unless it is told otherwise. */
const intervalMs = 10_000

/** What Mosquitto tells of loads, by what of the traffic it counts. */
const loads: readonly (readonly [name: string, counter: Counter])[] = [
  ['messages/received', 'packetsReceived'],
  ['messages/sent', 'packetsSent'],
  ['publish/received', 'messagesReceived'],
  ['publish/sent', 'messagesSent'],
  ['publish/dropped', 'messagesDropped'],
  ['bytes/received', 'bytesReceived'],
  ['bytes/sent', 'bytesSent'],
  ['connections', 'connections'],
]

const minutes = [1, 5, 15] as const

/**
 * Tells how the broker is under the names that Mosquitto has for it, below `$SYS/broker/`, so that dashboards
 * made for that one show this one. What has not changed is not told again. Returns what ends it.
 */
export function tellStatistics(options: StatisticsOptions): () => void {
  const { bus, traffic, state, release, clock } = options
  const startMs = clock.nowMs()
  const told = new Map<string, string>()
  const before = traffic()
  const averages = loads.map(([name, counter]) => {
    return { name, counter, next: createAverages(before[counter]) }
  })
  let maximum = 0
  const tell = (name: string, value: string | number) => {
    const text = String(value)
    if (told.get(name) === text) return
    told.set(name, text)
    const payload = new Payload(Buffer.from(text))
    bus.publish({ topic: `$SYS/broker/${name}`, payload, qos: 0, retain: true })
  }
  const tellAll = () => {
    const now = state()
    const total = traffic()
    maximum = Math.max(maximum, now.connected)
    tell('version', `clown-hub version ${release.version}`)
    tell('uptime', `${Math.round((clock.nowMs() - startMs) / 1000)} seconds`)
    for (const [name, value] of valuesOf(now, { traffic: total, maximum })) tell(name, value)
    for (const { name, counter, next } of averages) {
      for (const [at, value] of next(total[counter]).entries()) {
        tell(`load/${name}/${minutes[at]}min`, value.toFixed(2))
      }
    }
    cancel = clock.after(intervalMs, tellAll)
  }
  let cancel = clock.after(0, tellAll)
  return () => cancel()
}

function valuesOf(
  now: BrokerState,
  { traffic, maximum }: { readonly traffic: Traffic; readonly maximum: number },
): [name: string, value: number][] {
  return [
    ['clients/total', now.connected + now.disconnected],
    ['clients/connected', now.connected],
    ['clients/active', now.connected],
    ['clients/disconnected', now.disconnected],
    ['clients/inactive', now.disconnected],
    ['clients/maximum', maximum],
    ['clients/expired', now.expired],
    ['messages/received', traffic.packetsReceived],
    ['messages/sent', traffic.packetsSent],
    ['messages/stored', now.keptMessages + now.retained],
    ['store/messages/count', now.keptMessages + now.retained],
    ['store/messages/bytes', now.keptBytes],
    ['publish/messages/received', traffic.messagesReceived],
    ['publish/messages/sent', traffic.messagesSent],
    ['publish/messages/dropped', traffic.messagesDropped],
    ['publish/bytes/received', traffic.messageBytesReceived],
    ['publish/bytes/sent', traffic.messageBytesSent],
    ['bytes/received', traffic.bytesReceived],
    ['bytes/sent', traffic.bytesSent],
    ['subscriptions/count', now.subscriptions],
    ['shared_subscriptions/count', now.sharedSubscriptions],
    ['retained messages/count', now.retained],
    ['heap/current', process.memoryUsage().heapUsed],
  ]
}

/** Averages of how much is added each minute, over 1, 5 and 15 of them, in which the past counts ever less. */
function createAverages(first: number): (count: number) => readonly number[] {
  const perMinute = 60_000 / intervalMs
  const averages = minutes.map((over) => ({ weight: Math.exp(-1 / (perMinute * over)), value: 0 }))
  let before = first
  return (count) => {
    const added = (count - before) * perMinute
    before = count
    for (const average of averages) {
      average.value = added + average.weight * (average.value - added)
    }
    return averages.map(({ value }) => value)
  }
}
