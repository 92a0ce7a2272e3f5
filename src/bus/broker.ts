import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setImmediate as turnOver } from 'node:timers/promises'
import { Aedes, type AedesOptions, type AedesPublishPacket, type Client } from 'aedes'
import type { Logger } from 'pino'
import type { UserDirectory } from '../access/user.ts'
import { createEndOfTick } from '../core/callbacks.ts'
import { type AlarmClock, systemClock } from '../core/clock.ts'
import type { JsonLimits } from '../core/json.ts'
import type { TopicLimits } from '../core/topic.ts'
import type { Store } from '../store/store.ts'
import { createAedesBus, createPacketReader } from './aedes-bus.ts'
import { createHooks, type HookOptions } from './broker-hooks.ts'
import type { Bus } from './bus.ts'
import { createClientAddress } from './client-address.ts'
import { ClientLink } from './client-link.ts'
import { createClientRights } from './client-rights.ts'
import { publishDirectly } from './direct-publish.ts'
import { Emitter } from './emitter.ts'
import { type GuardContext, MqttGuard } from './guard/mqtt-guard.ts'
import type { MqttLimits } from './guard/packet-types.ts'
import type { Journal } from './journal.ts'
import { openKeptState } from './kept-state.ts'
import { createLiveFrame } from './live-frame.ts'
import { createMqttSignIn, type MqttSignInOptions } from './mqtt-sign-in.ts'
import type { RetainedLimits } from './retained-quota.ts'
import { createSenders } from './senders.ts'
import type { SessionLimits } from './sessions.ts'
import { SubscriptionQuota } from './subscription-quota.ts'

/** The embedded Aedes: the bus of the hub, and the broker that MQTT clients connect to. */
export interface Broker {
  readonly bus: Bus
  /** What is noted there is on disk before what is acknowledged later; others may note as well. */
  readonly journal: Journal
  /** Takes over a connection that is to speak MQTT, from TCP or from a websocket. */
  handle(socket: Duplex, request?: IncomingMessage): void
  /** Ends all connections: nothing comes any more, but what is kept still may be. */
  letGo(): Promise<void>
  close(): Promise<void>
}

export interface BrokerOptions
  extends Omit<HookOptions, 'topicLimits'>,
    Pick<GuardContext, 'newInboundShare' | 'newOutboundShare' | 'understood'>,
    Omit<MqttSignInOptions, 'addressOf'> {
  /** Where the request for a websocket that carries MQTT comes from. */
  clientAddress(request: IncomingMessage): string
  readonly directory: UserDirectory
  readonly store: Store
  readonly limits: {
    readonly mqtt: MqttLimits
    readonly topic: TopicLimits
    readonly json: JsonLimits
    readonly sessions: SessionLimits
    readonly retained: RetainedLimits
  }
  readonly log: Logger
  readonly clock?: AlarmClock
}

/** What the guard has as well is set so that the guard comes first. */
const laterThanGuard = {
  connectTimeout: 60_000,
  drainTimeout: 10_000,
  maxClientsIdLength: 1024,
  maxInflightInbound: 0,
}

/** How long the end waits for the disk. */
const goodbyeMs = 1000

export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const { log, limits } = options
  const rights = createClientRights(options.directory)
  const addressOf = createClientAddress(options.clientAddress)
  const senders = createSenders(rights, addressOf)
  const quota = new SubscriptionQuota(limits.mqtt)
  const kept = await openKeptState({ ...options, rights, quota })
  const { sessions, retained, granted, persistence, journal } = kept
  const reader = createPacketReader(limits.json)
  const emitter = new Emitter<AedesPublishPacket>({
    onError: (error) => log.error({ err: error }, 'somebody could not take a message'),
  })
  const aedes = await createAedes({
    // No `id`: a fixed one makes queue keys repeat after a restart, and queued messages are lost.
    ...laterThanGuard,
    persistence,
    mq: emitter,
    ...createHooks(
      { ...options, topicLimits: limits.topic },
      { reader, quota, granted, rights, senders, retained },
    ),
    ...createMqttSignIn({ ...options, addressOf }),
  })
  quota.follow(aedes)
  followEvents(aedes, options)
  const shared = { aedes, sessions, retained, quota, liveFrame: createLiveFrame() }
  const links = new WeakMap<Client, ClientLink>()
  aedes.on('subscribe', (subscriptions, client) => {
    links.get(client)?.sendRetainedOn(subscriptions)
  })
  const guards = new Set<MqttGuard>()
  let going: Promise<void> | undefined
  const goodbye = async () => {
    sessions.close()
    await untilSettled(journal)
    await new Promise<void>((resolve) => aedes.close(resolve))
    // Aedes closes its clients; sockets that never said CONNECT are none.
    for (const guard of guards) guard.destroy()
    // Their sessions learn of it a moment later.
    await turnOver()
  }
  const letGo = () => {
    going ??= goodbye()
    return going
  }
  const publishing = { aedes, reader, largestBytes: limits.mqtt.publishBytes }
  const context = { clock: systemClock, ...options, turnEnd: createEndOfTick(), journal }
  return {
    bus: createAedesBus({ aedes, retained, reader, log }),
    journal,
    handle: (socket, request) => {
      const guard: MqttGuard = new MqttGuard(socket, context, {
        accept: (connect) => link.accept(connect),
        hasSubscriptions: () => link.hasSubscriptions,
        publish: (packet, done) => publishDirectly({ ...publishing, client, packet }, done),
      })
      const client: Client = aedes.handle(guard, request)
      const link: ClientLink = new ClientLink({ ...shared, guard, client })
      links.set(client, link)
      guards.add(guard)
      guard.once('close', () => {
        guards.delete(guard)
        sessions.left(client.id, link)
        rights.forget(client.id)
      })
    },
    letGo,
    close: async () => {
      await letGo()
      await kept.close()
    },
  }
}

/**
 * Takes topics of any depth. The bound of Aedes is that of qlobber, which nothing here uses; ours is
 * `limits.topic`, past which a client loses the message or the subscription, and not its connection.
 */
async function createAedes(options: AedesOptions): Promise<Aedes> {
  const aedes = await Aedes.createBroker(options)
  return Object.assign(aedes, { maxTopicLevels: Number.POSITIVE_INFINITY })
}

/** Lets clients have their acknowledgements, unless the disk takes too long. */
function untilSettled(journal: Journal): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(resolve, goodbyeMs)
    journal.settled(() => {
      clearTimeout(deadline)
      resolve()
    })
  })
}

function followEvents(aedes: Aedes, { log, sampledLog }: BrokerOptions): void {
  aedes.on('clientReady', (client) => {
    if (client.conn instanceof MqttGuard) client.conn.ready()
    log.debug({ client: client.id }, 'MQTT client connected')
  })
  aedes.on('clientDisconnect', (client) => log.debug({ client: client.id }, 'MQTT client gone'))
  for (const event of ['clientError', 'connectionError'] as const) {
    aedes.on(event, (client, error) => {
      sampledLog.warn('mqtt-connection-ended', { client: client.id, reason: error.message }, event)
    })
  }
  // Without a listener the event would end the process.
  const events: EventEmitter = aedes
  events.on('error', (error) => log.error({ err: error }, 'the broker met an error'))
}
