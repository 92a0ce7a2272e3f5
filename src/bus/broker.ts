import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Aedes, type Client, type Subscription } from 'aedes'
import type { Logger } from 'pino'
import type { TopicLimits } from '../core/topic.ts'
import { createAedesBus, createPacketReader } from './aedes-bus.ts'
import { createHooks, type HookOptions } from './broker-hooks.ts'
import type { Bus } from './bus.ts'
import { createEmitter } from './emitter.ts'
import { type GuardContext, MqttGuard } from './guard/mqtt-guard.ts'
import type { MqttLimits } from './guard/packet-types.ts'
import { createTurnEnd } from './guard/turn.ts'
import { createKeptSessions, type SessionLimits } from './kept-sessions.ts'
import type { QueueLimits } from './outgoing-queue.ts'
import type { RetainedLimits } from './retained-quota.ts'
import { SessionStore } from './session-store.ts'
import { createSubscriptionQuota } from './subscription-quota.ts'

/** The embedded Aedes: the bus of the hub, and the broker that MQTT clients connect to. */
export interface Broker {
  readonly bus: Bus
  /** Takes over a connection that is to speak MQTT, from TCP or from a websocket. */
  handle(socket: Duplex, request?: IncomingMessage): void
  close(): Promise<void>
}

export interface BrokerOptions extends Omit<HookOptions, 'topicLimits'> {
  readonly limits: {
    readonly mqtt: MqttLimits
    readonly topic: TopicLimits
    readonly sessions: SessionLimits & QueueLimits
    readonly retained: RetainedLimits
  }
  readonly log: Logger
}

/** What the guard has as well is set so that the guard comes first. */
const laterThanGuard = { connectTimeout: 60_000, drainTimeout: 10_000, maxClientsIdLength: 256 }

export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const { log, sampledLog, limits } = options
  const granted = new WeakSet<Subscription>()
  const persistence = new SessionStore({ limits, sampledLog, granted })
  const sessions = createKeptSessions({
    limits: limits.sessions,
    end: (clientId) => {
      const fields = { client: clientId }
      sampledLog.warn('mqtt-sessions-ended', fields, 'a session was given up: its client is away')
      void persistence.endSession(clientId)
    },
  })
  const reader = createPacketReader()
  const quota = createSubscriptionQuota(limits.mqtt.subscriptions)
  const emitter = createEmitter(() => aedes.id)
  const aedes: Aedes = await Aedes.createBroker({
    // No `id`: a fixed one makes queue keys repeat after a restart, and queued messages are lost.
    ...laterThanGuard,
    maxInflightInbound: limits.mqtt.qos2Window + 1,
    persistence,
    mq: emitter.mq,
    ...createHooks({ ...options, topicLimits: limits.topic }, { reader, quota, granted }),
  })
  quota.follow(aedes)
  followEvents(aedes, options)
  // Ids from 1 on make a conversation repeatable; Aedes begins anywhere.
  aedes.on('client', (client) => {
    Object.assign(client, { _nextId: persistence.nextIdOf(client.id) })
  })
  aedes.on('clientDisconnect', ({ id }) => sessions.left(id))
  const guards = new Set<MqttGuard>()
  const context: GuardContext = {
    limits,
    sessions,
    turnEnd: createTurnEnd(),
    sampledLog,
  }
  return {
    bus: createAedesBus({ aedes, persistence, reader, log }),
    handle: (socket, request) => {
      const guard = new MqttGuard(socket, context)
      guards.add(guard)
      guard.once('close', () => guards.delete(guard))
      const client = aedes.handle(guard, request)
      emitter.deliverOnce(client)
    },
    close: async () => {
      await new Promise<void>((resolve) => aedes.close(resolve))
      // Aedes closes its clients; sockets that never said CONNECT are none.
      for (const guard of guards) guard.destroy()
      sessions.close()
    },
  }
}

function followEvents(aedes: Aedes, { log, sampledLog }: BrokerOptions): void {
  aedes.on('clientReady', (client) => {
    if (client.conn instanceof MqttGuard) client.conn.ready()
    log.debug({ client: client.id }, 'MQTT client connected')
  })
  aedes.on('clientDisconnect', (client) => log.debug({ client: client.id }, 'MQTT client gone'))
  const ended = new WeakSet<Client>()
  for (const event of ['clientError', 'connectionError'] as const) {
    aedes.on(event, (client, error) => {
      // Everything that still waits to be written fails by itself.
      if (ended.has(client)) return
      ended.add(client)
      sampledLog.warn('mqtt-connection-ended', { client: client.id, reason: error.message }, event)
    })
  }
  // Without a listener the event would end the process.
  const events: EventEmitter = aedes
  events.on('error', (error) => log.error({ err: error }, 'the broker met an error'))
}
