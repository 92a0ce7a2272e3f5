import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Aedes } from 'aedes'
import type { Logger } from 'pino'
import { createAedesBus, createPacketReader } from './aedes-bus.ts'
import { createHooks, type HookOptions } from './broker-hooks.ts'
import type { Bus } from './bus.ts'
import { createEmitter } from './emitter.ts'
import { type GuardContext, MqttGuard } from './guard/mqtt-guard.ts'
import type { MqttLimits } from './guard/packet-types.ts'
import { createTurnEnd } from './guard/turn.ts'
import { createKeptSessions } from './kept-sessions.ts'
import { SessionStore } from './session-store.ts'
import { createSubscriptionQuota } from './subscription-quota.ts'

/** The embedded Aedes: the bus of the hub, and the broker that MQTT clients connect to. */
export interface Broker {
  readonly bus: Bus
  /** Takes over a connection that is to speak MQTT, from TCP or from a websocket. */
  handle(socket: Duplex, request?: IncomingMessage): void
  close(): Promise<void>
}

export interface BrokerOptions extends HookOptions {
  readonly mqttLimits: MqttLimits
  readonly log: Logger
}

/** What the guard has as well is set so that the guard comes first. */
const laterThanGuard = { connectTimeout: 60_000, drainTimeout: 10_000, maxClientsIdLength: 256 }

export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const { log, sampledLog, mqttLimits, topicLimits } = options
  const persistence = new SessionStore()
  const reader = createPacketReader()
  const quota = createSubscriptionQuota(mqttLimits.subscriptions)
  const emitter = createEmitter(() => aedes.id)
  const aedes: Aedes = await Aedes.createBroker({
    // No `id`: a fixed one makes queue keys repeat after a restart, and queued messages are lost.
    ...laterThanGuard,
    maxInflightInbound: mqttLimits.qos2Window + 1,
    persistence,
    mq: emitter.mq,
    ...createHooks(options, { reader, quota }),
  })
  quota.follow(aedes)
  followEvents(aedes, options)
  const guards = new Set<MqttGuard>()
  const context: GuardContext = {
    limits: { mqtt: mqttLimits, topic: topicLimits },
    sessions: createKeptSessions(),
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
      // Ids that begin with 1 make a conversation repeatable; Aedes begins anywhere.
      Object.assign(client, { _nextId: 1 })
    },
    close: async () => {
      await new Promise<void>((resolve) => aedes.close(resolve))
      // Aedes closes its clients; sockets that never said CONNECT are none.
      for (const guard of guards) guard.destroy()
    },
  }
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
