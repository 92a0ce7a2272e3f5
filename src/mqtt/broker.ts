import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setImmediate as turnOver } from 'node:timers/promises'
import { Aedes } from 'aedes'
import type { Logger } from 'pino'
import type { UserDirectory } from '../access/user.ts'
import type { UserRates } from '../access/user-rates.ts'
import type { Bus } from '../bus/bus.ts'
import { Emitter, type EmitterWatch } from '../bus/emitter.ts'
import type { NewShare } from '../core/byte-budget.ts'
import { createEndOfTick, type EndOfTick } from '../core/callbacks.ts'
import { type AlarmClock, steadyMs, systemClock } from '../core/clock.ts'
import { tellDefect } from '../core/guard.ts'
import type { DeepReadonly, JsonLimits } from '../core/json.ts'
import { Payload } from '../core/payload.ts'
import type { Release } from '../core/release.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { switchesActuator } from '../core/switching.ts'
import type { TopicLimits } from '../core/topic.ts'
import type { Trace } from '../core/trace.ts'
import type { Config } from '../generated/config.ts'
import type { Journal } from '../store/journal.ts'
import { type Clients, createClients, senderOf } from './clients.ts'
import { MqttConnection } from './connection.ts'
import { type BusPacket, createEmbeddedBus, createPersistence } from './embedded-bus.ts'
import { createHeaderCheck, type HeaderCheck, type MqttLimits } from './frame-reader.ts'
import type { KeptMessage } from './message-record.ts'
import { createPublishing, type Enter, type Publishing } from './publishing.ts'
import type { Will } from './read-connect.ts'
import { RetainedValues } from './retained.ts'
import type { Recalled } from './session.ts'
import { type StoredSession, storedSessions } from './session-journal.ts'
import { Sessions } from './sessions.ts'
import { createMqttSignIn, type MqttSignIn, type MqttSignInOptions } from './sign-in.ts'
import { type BrokerState, type KindOfTraffic, Traffics, tellStatistics } from './statistics.ts'
import { type SharedGroups, ShareGroups, SubscriptionQuota } from './subscriptions.ts'
import { Wills } from './wills.ts'
import { PublishFrames } from './write-packets.ts'

/** The embedded broker: the bus of the hub, and what MQTT clients connect to. */
export interface Broker {
  readonly bus: Bus
  /** Takes over a connection that is to speak MQTT, from TCP or from a websocket. */
  handle(socket: Duplex, request?: IncomingMessage): void
  /** Ends the sessions of a user who is gone; returns how many those were. */
  endSessionsOf(user: string): number
  /** The topics whose retained message a client of this user brought. */
  retainedOf(user: string): string[]
  /** A message is not to arrive any more: what waits is dropped, and a wire that may be dead is reset. */
  recall(message: Recalled): void
  /** What there is now, and what has come and gone. */
  state(): BrokerState
  kindsOfTraffic(): Iterable<KindOfTraffic>
  /** Ends all connections, once clients have their acknowledgements or have waited long enough. */
  close(): Promise<void>
}

export interface BrokerOptions extends MqttSignInOptions {
  readonly enter: Enter
  readonly newInboundShare: NewShare
  readonly newOutboundShare: NewShare
  readonly rateOf: UserRates
  understood(connection: object): void
  /** A connection of a client took the place of one that was there; `name` is of its user and its id. */
  onTakenOver(name: string): void
  readonly directory: UserDirectory
  /** Where all that is kept is noted, and was by an earlier broker. */
  readonly journal: Journal
  readonly limits: DeepReadonly<
    Pick<Config['limits'], 'mqtt' | 'topic' | 'json' | 'sessions' | 'retained'>
  >
  readonly settings?: ConnectionSettings & { readonly shared?: SharedGroups }
  readonly release: Pick<Release, 'version'>
  readonly log: Logger
  readonly sampledLog: SampledLog
  readonly trace: Pick<Trace, 'begins' | 'handed' | 'ends'>
  readonly clock?: AlarmClock
}

/** How long the end waits for the disk. */
const mostSettlingMs = 1000

export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const parts = await openParts(options)
  const { bus, sessions, wills, aedes } = parts
  const connections = new Set<MqttConnection>()
  const context = { ...options, ...contextOf(options), ...parts, connections }
  const state = () => stateOf(parts)
  const traffic = () => parts.traffics.total()
  const stopTelling = tellStatistics({ ...options, ...parts, traffic, state })
  const shutdown = async () => {
    stopTelling()
    sessions.close()
    wills.close()
    await untilSettled(options.journal)
    for (const connection of connections) connection.close()
    await new Promise<void>((resolve) => aedes.close(resolve))
    // The sockets learn of it a moment later.
    await turnOver()
  }
  let ending: Promise<void> | undefined
  return {
    bus,
    handle: (socket, request) => {
      connections.add(new MqttConnection(socket, request, context))
    },
    endSessionsOf: (user) => sessions.endAllOf(user),
    retainedOf: (user) => parts.retained.topicsOf(user),
    recall: (message) => sessions.recall(message),
    state,
    kindsOfTraffic: () => parts.traffics.kinds(),
    close: () => {
      ending ??= shutdown()
      return ending
    },
  }
}

/** What the broker is made of, with what an earlier one has kept. */
async function openParts(options: BrokerOptions) {
  const { log, limits, settings = {}, clock = systemClock, sampledLog, journal } = options
  const traffics = new Traffics()
  const clients = createClients(options.directory)
  const emitter = new Emitter<BusPacket>(tellDefect, handingOver(options))
  const retained = await openRetained(options)
  const aedes = await openAedes({ emitter, retained, sampledLog, log })
  const bus = createEmbeddedBus({ aedes, emitter, retained, jsonLimits: limits.json, log })
  const publishing = createPublishing({
    ...{ bus, retained, sampledLog, enter: options.enter, topicLimits: limits.topic },
  })
  const wills = new Wills({ clock, journal, publish: publishWills(publishing, clients, options) })
  const quota = new SubscriptionQuota(limits.mqtt)
  const groups = new ShareGroups(emitter, settings.shared ?? [])
  const sessions = new Sessions({
    ...{ bus: emitter, clients, quota, groups, journal, clock },
    limits: limits.sessions,
    onHanded: (name, handing) => options.trace.handed(name, handing),
    onTakenOver: options.onTakenOver,
    ...followSessions({ wills, traffics, sampledLog }),
  })
  await restoreSessions(sessions, journal)
  await wills.restore()
  return {
    ...{ aedes, bus, clock, traffics },
    ...{ retained, publishing, wills, quota, sessions },
  }
}

/** What connections have in common besides the parts. */
function contextOf(options: BrokerOptions) {
  const { limits, settings = {} } = options
  return {
    limits: limits.mqtt,
    topicLimits: limits.topic,
    jsonLimits: limits.json,
    settings,
    checkHeader: createHeaderCheck(limits.mqtt),
    endOfTick: createEndOfTick(),
    signIn: createMqttSignIn(options),
    frames: new PublishFrames(),
  }
}

type Parts = Awaited<ReturnType<typeof openParts>>

function stateOf({ sessions, quota, retained }: Parts): BrokerState {
  const { total, away } = sessions.count
  const { messages, bytes } = sessions.kept
  return {
    connected: total - away,
    disconnected: away,
    expired: sessions.expired,
    subscriptions: quota.total,
    sharedSubscriptions: quota.shared,
    retained: retained.count,
    keptMessages: messages,
    keptBytes: bytes,
  }
}

interface AedesParts extends Pick<BrokerOptions, 'sampledLog' | 'log'> {
  readonly emitter: Emitter<BusPacket>
  readonly retained: RetainedValues
}

/** The bus alone: sessions, wills and what is retained are the hub's, and so are all connections. */
async function openAedes({ emitter, retained, sampledLog, log }: AedesParts): Promise<Aedes> {
  const store = (message: KeptMessage) => {
    if (retained.store(message)) return
    // A value past the limits reaches who is there, and nobody else.
    const fields = { topic: message.topic, bytes: message.payload.length }
    sampledLog.warn('retained-refused', fields, 'a value was not retained')
  }
  const aedes = await Aedes.createBroker({ mq: emitter, persistence: createPersistence(store) })
  // No other broker has to hear of this one.
  clearInterval(aedes._heartbeatInterval)
  clearInterval(aedes._clearWillInterval)
  // Without a listener the event would end the process.
  const events: EventEmitter = aedes
  events.on('error', (error) =>
    log.error({ event: 'broker-error', err: error }, 'the broker met an error'),
  )
  // Its bound is that of a matcher which nothing here uses; ours is `limits.topic`.
  return Object.assign(aedes, { maxTopicLevels: Number.POSITIVE_INFINITY })
}

/** What is handed over belongs to a message of the trace; what Aedes says of itself does not. */
function handingOver({ trace }: Pick<BrokerOptions, 'trace'>): EmitterWatch<BusPacket> {
  return {
    begins: ({ properties }) => properties && trace.begins(properties.message),
    ends: () => trace.ends(),
  }
}

/** A limit may be lower than it was. */
async function openRetained({
  limits,
  sampledLog,
  journal,
}: BrokerOptions): Promise<RetainedValues> {
  const retained = new RetainedValues(limits.retained, journal)
  await retained.restore(({ topic, payload }) => {
    const fields = { topic, bytes: payload.length }
    sampledLog.warn('retained-refused', fields, 'a value is retained no longer')
  })
  return retained
}

/** First all, since the one that is away for longest goes first. */
async function restoreSessions(sessions: Sessions, journal: Journal): Promise<void> {
  const stored: StoredSession[] = []
  for await (const session of storedSessions(journal)) stored.push(session)
  sessions.restore(stored)
}

interface Followers extends Pick<BrokerOptions, 'sampledLog'> {
  readonly wills: Wills
  readonly traffics: Traffics
}

/** What else follows when a session ends, or loses a message. */
function followSessions({ wills, traffics, sampledLog }: Followers) {
  return {
    onEnded: (name: string) => wills.sessionEnded(name),
    onGivenUp: (name: string) => {
      const fields = { client: name }
      sampledLog.warn('mqtt-sessions-ended', fields, 'a session was given up: its client is away')
    },
    onDropped: (name: string, { topic }: KeptMessage) => {
      traffics.away.messagesDropped++
      const kind = switchesActuator(topic) ? 'mqtt-commands-dropped' : 'mqtt-messages-dropped'
      sampledLog.warn(kind, { client: name, topic }, 'a kept message was dropped')
    },
  }
}

/** A will is one more message of its client, with the rights that it has then. */
function publishWills(publishing: Publishing, clients: Clients, { limits }: BrokerOptions) {
  return (name: string, will: Will, address: string) => {
    const { topic, payload, qos, retain, expirySeconds, properties } = will
    const expiresAtMs = expirySeconds === undefined ? undefined : steadyMs() + expirySeconds * 1000
    const said = { bytes: properties, ...(expiresAtMs !== undefined && { expiresAtMs }) }
    const message = { topic, payload: new Payload(payload, limits.json), qos, retain, client: name }
    try {
      publishing.publishOrTell({
        message: { ...message, properties: said },
        sender: senderOf(name, address, clients.rightsOf(name)),
        mayBeAnswered: () => false,
      })
    } catch (error) {
      tellDefect(error)
    }
  }
}

/** Lets clients have their acknowledgements, unless the disk takes too long. */
function untilSettled(journal: Journal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = systemClock.after(mostSettlingMs, resolve)
    journal.settled(() => {
      cancel()
      resolve()
    })
  })
}

// --- what connections share ---

/** What all connections of a broker share. */
export interface ConnectionContext {
  readonly limits: MqttLimits
  readonly topicLimits: TopicLimits
  readonly jsonLimits: JsonLimits
  readonly settings: ConnectionSettings
  readonly checkHeader: HeaderCheck
  readonly endOfTick: EndOfTick
  readonly log: Logger
  readonly sampledLog: SampledLog
  readonly journal: Journal
  readonly clock: AlarmClock
  /** Of what comes from clients, and is not complete or waits for its turn. */
  readonly newInboundShare: NewShare
  /** Of what waits for clients that do not read. */
  readonly newOutboundShare: NewShare
  readonly signIn: MqttSignIn
  /** What a user may send on all connections together. */
  readonly rateOf: UserRates
  readonly sessions: Sessions
  readonly wills: Wills
  readonly retained: RetainedValues
  readonly publishing: Publishing
  readonly frames: PublishFrames
  readonly traffics: Traffics
  /** Those that are open. */
  readonly connections: Pick<Set<object>, 'delete'>
  /** CONNECT came on a connection, which is one of a client then, let in or not. */
  understood(connection: object): void
}

export interface ConnectionSettings {
  /** The longest keep-alive that clients of MQTT 5 may have. */
  readonly maximumKeepAliveSeconds?: number | undefined
  /** Where clients of MQTT 5 may go when the hub ends. */
  readonly reference?: string | undefined
}
