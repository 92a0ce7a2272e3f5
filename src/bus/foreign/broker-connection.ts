/** One connection to a broker that somebody else runs, from its CONNECT to its end. */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import {
  type IClientOptions,
  type IClientSubscribeOptions,
  type IPublishPacket,
  type ISubscriptionMap,
  MqttClient,
} from 'mqtt'
import type { AlarmClock } from '../../core/clock.ts'
import { quote, reasonOf, systemCodeOf } from '../../core/errors.ts'
import { readSecretFile, readTextFile, valueIn } from '../../core/files.ts'
import { guarded } from '../../core/guard.ts'
import type { DeepReadonly } from '../../core/json.ts'
import type { MessageProperties, Qos } from '../../core/message.ts'
import { isOver, resetConnection } from '../../core/reset.ts'
import type { Config } from '../../generated/config.ts'
import { packetProperties, propertiesOf, secondsLeft } from './link-properties.ts'

/** Where the broker is, and as whom to come there. */
export type BrokerAccess = DeepReadonly<
  Pick<NonNullable<Config['bus']>, 'url' | 'user' | 'passwordFile' | 'tls'>
>

/** A message, in either direction. */
export interface LinkMessage {
  readonly topic: string
  readonly bytes: Buffer
  readonly qos: Qos
  readonly retain: boolean
  /** Not told to a broker that speaks MQTT 3.1.1. */
  readonly properties?: MessageProperties | undefined
}

export interface BrokerConnectionOptions {
  readonly address: BrokerAccess
  readonly clientId: string
  /** What is subscribed to, at QoS 1. */
  readonly filters: readonly string[]
  /** A topic of its own, whose echo tells that all is there that was retained. */
  readonly fence: string
  /** What the broker says once the link is lost. */
  readonly will: LinkMessage
  /** Packets with more bytes are not taken, where the broker knows MQTT 5. */
  readonly packetBytes: number
  /** `isPast`: it was retained before this connection. */
  heard(message: LinkMessage, isPast: boolean): void
  readonly clock: AlarmClock
}

export interface CommandOptions {
  /** The broker throws it away when nobody had it for so long; only MQTT 5 can say so. */
  readonly expirySeconds: number
  /** The broker says that it does not take it; only MQTT 5 can say so. */
  refused(reason: string): void
  /** It was not sent, and never will be. */
  unsent(reason: string): void
}

interface Command extends CommandOptions {
  readonly message: LinkMessage
}

/** MQTT 5, and 3.1.1, as CONNECT says them. */
export type MqttLevel = 5 | 4

export interface Ending {
  readonly reason: string
  readonly lastedMs: number
  readonly isVersionRefused: boolean
  /** Whether the broker ended it before it had answered to CONNECT. */
  readonly isCutShort: boolean
}

interface ConnectionEvents {
  /** The broker has let us in. */
  connected?(): void
  caughtUp(): void
  gone(ending: Ending): void
}

/** While a command is under way it is asked so often whether the broker is there, and for so long it may be silent. */
const commanding = { askMs: 250, silentMs: 1000 }
const idle = { askMs: 5000, silentMs: 12_000 }

/** For so long the broker may take to let us in, and then to tell all that it retains. */
const mostMs = { connect: 5000, fence: 30_000 }

/** By this the broker finds out that we are gone: more than we may be silent. */
const keepAliveSeconds = 15

/** So many messages of QoS 1 may be under way to us. */
const receiveMaximum = 1000

/** A broker that reads so slowly is as good as away. */
const waitingBytes = 4 * 1_048_576

/** [MQTT-3.2.2-6] Unacceptable protocol version: 1 by MQTT 3.1.1, 132 by MQTT 5. */
const versionCodes: readonly unknown[] = [1, 0x84]

export class BrokerConnection {
  readonly #options: BrokerConnectionOptions
  readonly #events: ConnectionEvents
  readonly #level: MqttLevel
  readonly #openedMs: number
  readonly #client: MqttClient
  /** Below TLS, where there is that. */
  readonly #socket: Socket
  #heardMs: number
  #isAnswered = false
  #isCaughtUp = false
  #isOver = false
  #error: unknown
  /** Commands that the broker has not acknowledged, the oldest first. */
  readonly #owed = new Map<object, { readonly topic: string; readonly sentMs: number }>()
  /** Commands that wait for a word of the broker: what is sent to one that stands still is obeyed when it goes on. */
  #held: Command[] = []
  #heldMs = 0
  #isWatching = false
  #stopLooking: () => void = () => {}
  #stopWaiting: () => void = () => {}

  constructor(level: MqttLevel, options: BrokerConnectionOptions, events: ConnectionEvents) {
    this.#level = level
    this.#options = options
    this.#events = events
    this.#openedMs = this.#heardMs = options.clock.nowMs()
    const clientOptions = this.#clientOptions()
    const { socket, stream } = openSocket(options.address)
    this.#socket = socket
    this.#client = new MqttClient(() => stream, clientOptions)
    this.#client.on('error', (error) => {
      this.#error ??= error
      // What the broker refuses stays open, and what fails closes by itself a moment later.
      this.#giveUp(reasonOf(error))
    })
    this.#client.on('close', () => this.#gone('the broker has closed the connection'))
    this.#client.on('connect', () => guarded(() => this.#subscribe()))
    this.#client.on('packetreceive', ({ cmd }) => {
      this.#heardMs = this.#options.clock.nowMs()
      if (cmd === 'connack') this.#isAnswered = true
      if (this.#held.length > 0) guarded(() => this.#sendHeld())
    })
    this.#client.on('message', (...message) => guarded(() => this.#heard(...message)))
  }

  get isThere(): boolean {
    return this.#isCaughtUp && !this.#isOver && this.#socket.writableLength < waitingBytes
  }

  /** `taken` is called when the broker has acknowledged it. */
  publish(message: LinkMessage, taken: () => void = () => {}): void {
    const { topic, bytes, qos, retain } = message
    const properties = this.#propertiesOf(message)
    if (properties?.messageExpiryInterval === 0) return
    const options = { qos, retain, ...(properties && { properties }) }
    this.#client.publish(topic, bytes, options, (error) => {
      if (!error && !this.#isOver) guarded(taken)
    })
  }

  #propertiesOf({ properties }: LinkMessage): IPublishPacket['properties'] {
    if (properties === undefined || this.#level === 4) return undefined
    const messageExpiryInterval = secondsLeft(properties)
    const said = packetProperties(properties)
    return messageExpiryInterval === undefined ? said : { ...said, messageExpiryInterval }
  }

  command(message: LinkMessage, options: CommandOptions): void {
    if (this.#held.length === 0) {
      this.#heldMs = this.#options.clock.nowMs()
      this.#client.sendPing()
    }
    this.#held.push({ ...options, message })
    this.#watch()
  }

  #sendHeld(): void {
    const held = this.#held
    this.#held = []
    for (const command of held) this.#sendCommand(command)
  }

  #sendCommand({ message, expirySeconds, refused }: Command): void {
    const { topic, bytes, qos } = message
    const entry = { topic, sentMs: this.#options.clock.nowMs() }
    this.#watch()
    this.#owed.set(entry, entry)
    const properties = { ...this.#propertiesOf(message), messageExpiryInterval: expirySeconds }
    const options = {
      qos: qos === 0 ? 1 : qos,
      retain: false,
      ...(this.#level === 5 && { properties }),
    }
    this.#client.publish(topic, bytes, options, (error) => {
      this.#owed.delete(entry)
      if (error && !this.#isOver) guarded(() => refused(reasonOf(error)))
    })
  }

  /** From now on the broker is asked more often. */
  #watch(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    this.#look(commanding.askMs)
  }

  recall(topic: string): void {
    this.#held = this.#held.filter(({ message }) => message.topic !== topic)
    const isOwed = [...this.#owed.values()].some((entry) => entry.topic === topic)
    if (isOwed) this.#giveUp('a command was not acknowledged in time')
  }

  /** Ends it without a word, and at once. */
  reset(reason: string): void {
    this.#giveUp(reason)
  }

  /** Says goodbye, which the broker has to hear within a second. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      this.#client.once('close', resolve)
      this.#options.clock.after(commanding.silentMs, () => {
        this.#giveUp('the hub ends')
        resolve()
      })
      this.#client.end()
    })
  }

  // --- how it begins ---

  #clientOptions(): IClientOptions {
    const { address, clientId, will, packetBytes } = this.#options
    const { user, passwordFile } = address
    const password =
      passwordFile === undefined
        ? undefined
        : valueIn(readSecretFile('bus.passwordFile', passwordFile))
    return {
      clientId,
      protocolVersion: this.#level,
      clean: true,
      reconnectPeriod: 0,
      queueQoSZero: false,
      resubscribe: false,
      keepalive: keepAliveSeconds,
      connectTimeout: mostMs.connect,
      will: { topic: will.topic, payload: will.bytes, qos: 1, retain: will.retain },
      ...(user !== undefined && { username: user }),
      ...(password !== undefined && { password }),
      ...(this.#level === 5 && { properties: { receiveMaximum, maximumPacketSize: packetBytes } }),
    }
  }

  /** [MQTT-4.6.0-6] A broker sends in order: behind what was retained comes the echo of the fence. */
  #subscribe(): void {
    const { fence, clock } = this.#options
    this.#events.connected?.()
    this.#look(idle.askMs)
    this.#stopWaiting = clock.after(mostMs.fence, () =>
      this.#giveUp(`expected to hear ${quote(fence)} again, did not: may we read and write there?`),
    )
    // At QoS 1 Mosquitto loses what is retained past the messages that it queues for a client, and the fence with it.
    const qos = this.#level === 5 ? 0 : 1
    const wanted = this.#wanted({ qos, rap: true })
    this.#askFor({ ...wanted, [fence]: { qos: 1 } }, () =>
      this.#client.publish(fence, 'x', { qos: 1 }),
    )
  }

  /** The same once more for what comes from now on, of which none may be lost. */
  #subscribeToNew(): void {
    const none = 2 // [MQTT-3.3.1-11] Of what is retained.
    if (this.#level === 5) this.#askFor(this.#wanted({ qos: 1, rap: true, rh: none }), () => {})
  }

  #wanted(how: IClientSubscribeOptions): ISubscriptionMap {
    return Object.fromEntries(this.#options.filters.map((filter) => [filter, how]))
  }

  #askFor(wanted: ISubscriptionMap, then: () => void): void {
    this.#client.subscribe(wanted, (error) => {
      if (error) this.#giveUp(`expected to subscribe, the broker refuses it: ${reasonOf(error)}`)
      else then()
    })
  }

  // --- while it lasts ---

  #heard(topic: string, bytes: Buffer, { qos, retain, properties: said }: IPublishPacket): void {
    const isPast = retain && !this.#isCaughtUp
    const properties = propertiesOf(said)
    const message = { topic, bytes, qos, retain, properties }
    if (topic !== this.#options.fence) this.#options.heard(message, isPast)
    else if (!this.#isCaughtUp) {
      this.#isCaughtUp = true
      this.#stopWaiting()
      this.#subscribeToNew()
      this.#events.caughtUp()
    }
  }

  /** Looks after `delayMs` whether the broker is there, and again and again. */
  #look(delayMs: number): void {
    this.#stopLooking()
    this.#stopLooking = this.#options.clock.after(delayMs, () => {
      const [oldest] = this.#owed.values()
      const waitsSinceMs = this.#held.length > 0 ? this.#heldMs : oldest?.sentMs
      this.#isWatching = waitsSinceMs !== undefined
      const { askMs, silentMs } = this.#isWatching ? commanding : idle
      const sinceMs = Math.max(this.#heardMs, waitsSinceMs ?? 0)
      const quietMs = this.#options.clock.nowMs() - sinceMs
      if (quietMs >= silentMs) {
        this.#giveUp(`the broker has said nothing for ${Math.round(quietMs)} ms`)
        return
      }
      this.#client.sendPing()
      this.#look(askMs)
    })
  }

  // --- how it ends ---

  /** What the system has not sent yet never arrives: a connection that is closed politely goes on sending. */
  #giveUp(reason: string): void {
    if (this.#isOver) return
    resetConnection(this.#socket)
    this.#gone(reason)
  }

  #gone(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    // What has been read before is no word of a broker that is there.
    this.#client.removeAllListeners('message')
    this.#stopLooking()
    this.#stopWaiting()
    for (const { unsent } of this.#held) guarded(() => unsent(reason))
    this.#client.end(true)
    this.#events.gone({
      reason,
      lastedMs: this.#options.clock.nowMs() - this.#openedMs,
      isVersionRefused: versionCodes.includes(systemCodeOf(this.#error)),
      isCutShort: this.#error === undefined && !this.#isAnswered,
    })
  }
}

/** A TCP connection, and what is spoken over. */
function openSocket({ url, tls: files }: BrokerAccess): { socket: Socket; stream: Duplex } {
  const { protocol, hostname, port } = new URL(url)
  const isSecure = protocol === 'mqtts:'
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const certificates = certificatesIn(files)
  // Without `noDelay` each command would wait for the acknowledgement of the one before.
  const place = { host, port: Number(port || (isSecure ? 8883 : 1883)), noDelay: true }
  const socket = connectTcp(place)
  if (!isSecure) return { socket, stream: socket }
  const stream = connectTls({ socket, servername: isIP(host) ? '' : host, ...certificates, host })
  isOver(stream, socket)
  socket.on('error', (error) => stream.destroy(error))
  return { socket, stream }
}

/** The authority that the broker's certificate is of, and a certificate of our own, as the files have them now. */
function certificatesIn({ caFile, certFile, keyFile }: NonNullable<BrokerAccess['tls']> = {}) {
  return {
    ...(caFile !== undefined && { ca: readTextFile('bus.tls.caFile', caFile).text }),
    ...(certFile !== undefined && { cert: readTextFile('bus.tls.certFile', certFile).text }),
    ...(keyFile !== undefined && { key: readSecretFile('bus.tls.keyFile', keyFile).text }),
  }
}
