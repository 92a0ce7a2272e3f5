/** One connection to a broker that somebody else runs, from its CONNECT to its end. */
import type { Socket } from 'node:net'
import {
  type IClientOptions,
  type IClientSubscribeOptions,
  type IPublishPacket,
  type ISubscriptionMap,
  MqttClient,
} from 'mqtt'
import type { AlarmClock } from '../../core/clock.ts'
import { quote, reasonOf, systemCodeOf } from '../../core/errors.ts'
import { readSecretFile, valueIn } from '../../core/files.ts'
import { guarded } from '../../core/guard.ts'
import type { MessageProperties, Qos } from '../../core/message.ts'
import { resetConnection } from '../../core/reset.ts'
import { type BrokerAccess, openSocket } from './broker-socket.ts'
import { packetProperties, propertiesOf, secondsLeft } from './link-properties.ts'

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
  /** Where that stands in the configuration, such as `bus`. */
  readonly place: string
  readonly clientId: string
  /** What is subscribed to. */
  readonly filters: readonly string[]
  /** At which QoS; and whether not to hear what was said here, which a broker of MQTT 3.1.1 does not know. */
  readonly subscribing: { readonly qos: Qos; readonly nl: boolean }
  /** A topic of its own, whose echo tells that all is there that was retained. */
  readonly fence: string
  /** What the broker says once the link is lost. */
  readonly will?: LinkMessage | undefined
  /** Packets with more bytes are not taken, where the broker knows MQTT 5. */
  readonly packetBytes: number
  /** `isPast`: it was retained before this connection. */
  heard(message: LinkMessage, isPast: boolean): void
  readonly clock: AlarmClock
}

/** `refusal` says why a broker will never take what was published. */
export type Ended = (refusal?: string) => void

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

/** What the broker has said when it let us in; only MQTT 5 can say so [MQTT 5, 3.2.2.3]. */
export interface BrokerTerms {
  /** So many bytes a packet has at most. */
  readonly packetBytes: number
  /** So many messages above QoS 0 it takes at once. */
  readonly underWay: number
}

interface ConnectionEvents {
  /** The broker has let us in. */
  connected?(): void
  caughtUp(terms: BrokerTerms): void
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

/** What a packet has at most besides topic, payload and properties [MQTT 5, 3.3]. */
const headBytes = 16

function roomFor({ topic, bytes, properties }: LinkMessage): number {
  return headBytes + Buffer.byteLength(topic) + bytes.length + (properties?.bytes.length ?? 0)
}

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
  #terms: BrokerTerms = { packetBytes: Number.POSITIVE_INFINITY, underWay: 65_535 }
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
  #stopWaiting: () => void

  constructor(level: MqttLevel, options: BrokerConnectionOptions, events: ConnectionEvents) {
    this.#level = level
    this.#options = options
    this.#events = events
    this.#openedMs = this.#heardMs = options.clock.nowMs()
    const clientOptions = this.#clientOptions()
    const { socket, stream } = openSocket(options)
    this.#socket = socket
    this.#client = new MqttClient(() => stream, clientOptions)
    this.#client.on('error', (error) => this.#failed(error))
    this.#client.on('close', () => this.#gone('the broker has closed the connection'))
    this.#client.on('connect', ({ properties }) => {
      const { packetBytes, underWay } = this.#terms
      this.#terms = {
        packetBytes: properties?.maximumPacketSize ?? packetBytes,
        underWay: properties?.receiveMaximum ?? underWay,
      }
      guarded(() => this.#subscribe())
    })
    this.#client.on('packetreceive', ({ cmd }) => {
      this.#heardMs = this.#options.clock.nowMs()
      if (cmd === 'connack') this.#isAnswered = true
      if (this.#held.length > 0) guarded(() => this.#sendHeld())
    })
    this.#client.on('message', (...message) => guarded(() => this.#heard(...message)))
    this.#stopWaiting = options.clock.after(mostMs.connect, () =>
      this.#failed(
        new Error(`expected the broker to let us in within ${mostMs.connect} ms, it did not`),
      ),
    )
  }

  get isThere(): boolean {
    return this.#isCaughtUp && !this.#isOver && this.#socket.writableLength < waitingBytes
  }

  /**
   * `ended` is called when the broker has acknowledged it; with why, when the broker will never take it, which only
   * MQTT 5 can say. Of what is under way when the connection ends nothing is told.
   */
  publish(message: LinkMessage, ended: Ended = () => {}): void {
    const { topic, bytes, qos, retain } = message
    const properties = this.#propertiesOf(message)
    if (properties?.messageExpiryInterval === 0) ended()
    else if (roomFor(message) > this.#terms.packetBytes) {
      ended(`expected at most ${this.#terms.packetBytes} bytes, as the broker wants it`)
    } else {
      const options = { qos, retain, ...(properties && { properties }) }
      this.#client.publish(topic, bytes, options, (error) => {
        if (this.#isOver) return
        if (!error) guarded(() => ended())
        else if (typeof systemCodeOf(error) === 'number') guarded(() => ended(reasonOf(error)))
      })
    }
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
    const { address, place, clientId, will, packetBytes } = this.#options
    const { user, passwordFile } = address
    const password =
      passwordFile === undefined
        ? undefined
        : valueIn(readSecretFile(`${place}.passwordFile`, passwordFile))
    return {
      clientId,
      protocolVersion: this.#level,
      clean: true,
      reconnectPeriod: 0,
      queueQoSZero: false,
      resubscribe: false,
      keepalive: keepAliveSeconds,
      // It closes politely, and a late CONNECT would end the next connection: it is not to come first.
      connectTimeout: 2 * mostMs.connect,
      ...(will && {
        will: { topic: will.topic, payload: will.bytes, qos: 1, retain: will.retain },
      }),
      ...(user !== undefined && { username: user }),
      ...(password !== undefined && { password }),
      ...(this.#level === 5 && { properties: { receiveMaximum, maximumPacketSize: packetBytes } }),
    }
  }

  /** [MQTT-4.6.0-6] A broker sends in order: behind what was retained comes the echo of the fence. */
  #subscribe(): void {
    const { subscribing, fence, clock } = this.#options
    this.#events.connected?.()
    this.#look(idle.askMs)
    this.#stopWaiting()
    this.#stopWaiting = clock.after(mostMs.fence, () =>
      this.#giveUp(`expected to hear ${quote(fence)} again, did not: may we read and write there?`),
    )
    // At QoS 1 Mosquitto loses what is retained past the messages that it queues for a client, and the fence with it.
    const qos = this.#level === 5 ? 0 : subscribing.qos
    const wanted = this.#wanted({ qos, rap: true })
    this.#askFor({ ...wanted, [fence]: { qos: 1 } }, () =>
      this.#client.publish(fence, 'x', { qos: 1 }),
    )
  }

  /** The same once more for what comes from now on, of which none may be lost. */
  #subscribeToNew(): void {
    const none = 2 // [MQTT-3.3.1-11] Of what is retained.
    const { filters, subscribing } = this.#options
    if (this.#level === 4 || filters.length === 0) return
    this.#askFor(this.#wanted({ qos: subscribing.qos, rap: true, rh: none }), () => {})
  }

  #wanted(how: IClientSubscribeOptions): ISubscriptionMap {
    const { filters, subscribing } = this.#options
    const all = { ...how, nl: subscribing.nl }
    return Object.fromEntries(filters.map((filter) => [filter, all]))
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
      this.#events.caughtUp(this.#terms)
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

  /** What the broker refuses stays open, and what fails closes by itself a moment later. */
  #failed(error: unknown): void {
    this.#error ??= error
    this.#giveUp(reasonOf(error))
  }

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
