import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Aedes, type AuthenticateError, type PublishPacket } from 'aedes'
import MemoryPersistence from 'aedes-persistence/asyncPersistence.js'
import type { Logger } from 'pino'
import { errorPayload, errorTopic } from '../core/error-payload.ts'
import { HubError, reasonOf } from '../core/errors.ts'
import type { Message } from '../core/message.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { createAedesBus, createPacketReader } from './aedes-bus.ts'
import type { Bus } from './bus.ts'

/** The embedded Aedes: the bus of the hub, and the broker that MQTT clients connect to. */
export interface Broker {
  readonly bus: Bus
  /** Takes over a connection that is to speak MQTT, from TCP or from a websocket. */
  handle(stream: Duplex, request?: IncomingMessage): void
  close(): Promise<void>
}

export interface BrokerOptions {
  signIn(user: string, password: string): boolean
  /**
   * What goes on the bus in place of a client's message.
   *
   * @throws HubError to refuse it.
   */
  admit(message: Message): Message
  readonly log: Logger
  readonly sampledLog: SampledLog
}

/** How long a socket may take to say CONNECT. */
const connectTimeoutMs = 5000

export async function openBroker({
  signIn,
  admit,
  log,
  sampledLog,
}: BrokerOptions): Promise<Broker> {
  const persistence = new MemoryPersistence()
  const reader = createPacketReader()
  const aedes = await Aedes.createBroker({
    // No `id`: a fixed one makes queue keys repeat after a restart, and queued messages are lost.
    persistence,
    connectTimeout: connectTimeoutMs,
    authenticate: (_client, ...[user, password, done]) => {
      if (signIn(user ?? '', String(password ?? ''))) done(null, true)
      else done(signInRefused(), null)
    },
    authorizePublish: (_client, packet, done) => {
      done(admitPacket(packet, () => admit(reader.read(packet))))
    },
  })
  logEvents(aedes, { log, sampledLog })
  const streams = new Set<Duplex>()
  return {
    bus: createAedesBus({ aedes, persistence, reader, log }),
    handle: (stream, request) => {
      streams.add(stream)
      stream.once('close', () => streams.delete(stream))
      aedes.handle(stream, request)
    },
    close: async () => {
      await new Promise<void>((resolve) => aedes.close(resolve))
      // Aedes closes its clients; sockets that never said CONNECT are none.
      for (const stream of streams) stream.destroy()
    },
  }
}

/** [MQTT-3.2.2-4] Return code 4: bad user name or password. */
function signInRefused(): AuthenticateError {
  return Object.assign(new Error('bad user name or password'), { returnCode: 4 })
}

/**
 * Puts what was admitted into `packet`. MQTT 3.1.1 cannot refuse a single message: it is
 * acknowledged, or the connection ends [MQTT-3.3.5-2]. A command whose payload we refuse is
 * acknowledged, and its refusal goes on the bus in its place, where its sender can see it. Whatever
 * else we refuse ends the connection, by the error this answers.
 */
function admitPacket(packet: PublishPacket, admit: () => Message): Error | null {
  try {
    replace(packet, admit())
    return null
  } catch (cause) {
    const isRefusable = cause instanceof HubError && cause.code === 'bad-payload'
    if (!isRefusable) return new Error(reasonOf(cause), { cause })
    const refusal = { topic: errorTopic(packet.topic), payload: errorPayload(cause) }
    replace(packet, { ...refusal, retain: false })
    return null
  }
}

function replace(
  packet: PublishPacket,
  message: Pick<Message, 'topic' | 'payload' | 'retain'>,
): void {
  packet.topic = message.topic
  packet.payload = message.payload.bytes
  packet.retain = message.retain
}

function logEvents(aedes: Aedes, { log, sampledLog }: Pick<BrokerOptions, 'log' | 'sampledLog'>) {
  aedes.on('clientReady', (client) => log.debug({ client: client.id }, 'MQTT client connected'))
  aedes.on('clientDisconnect', (client) => log.debug({ client: client.id }, 'MQTT client gone'))
  for (const event of ['clientError', 'connectionError'] as const) {
    aedes.on(event, (client, error) => {
      sampledLog.warn('mqtt-connection-ended', { client: client.id, reason: error.message }, event)
    })
  }
}
