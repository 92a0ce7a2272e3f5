import { resetConnection } from '../core/reset.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { switchesActuator } from '../core/switching.ts'
import { type Level, packetTypes } from './packet.ts'
import type { ConnectPacket } from './read-connect.ts'
import type { Grant } from './subscriptions.ts'
import type { WriteBuffer } from './write-buffer.ts'
import {
  hasExpired,
  type Published,
  type PublishFrame,
  type PublishFrames,
  writeAcknowledgement,
  writePublish,
} from './write-packets.ts'

export interface ClientOutputOptions {
  readonly connect: ConnectPacket
  readonly name: string
  readonly buffer: WriteBuffer
  readonly frames: PublishFrames
  readonly sampledLog: SampledLog
  lastByteAtMs(): number
  readonly connection: object
  takenOver(): void
}

/** So many topics of a client have aliases at most: each is remembered for it. */
const mostAliases = 64

/** An alias is as long as a topic of so many bytes. */
const leastAliasedBytes = 4

/** A connection, as the session of its client sees it. */
export type SessionConnection = Pick<ClientOutput, keyof ClientOutput>

export interface SendingAs {
  /** 0 at QoS 0. */
  readonly id: number
  readonly isAgain: boolean
  /** Whether the session outlives the connection. */
  readonly isKept: boolean
}

/** What the session of a client sends to it, in the words of its level. */
export class ClientOutput {
  /** Whether the client is a broker that passes messages on. */
  readonly isBridge: boolean
  readonly #options: ClientOutputOptions
  readonly #level: Level
  readonly #buffer: WriteBuffer
  readonly #frames: PublishFrames
  readonly #maximumPacketBytes: number
  /** By topic, the aliases that the client knows. */
  readonly #aliases = new Map<string, number>()
  readonly #mostAliases: number
  /** Whether the message before, at QoS 0, came when the client was behind. */
  #wasBehind = false

  constructor(options: ClientOutputOptions) {
    const { connect, buffer, frames } = options
    this.isBridge = connect.isBridge
    this.#options = options
    this.#level = connect.level
    this.#buffer = buffer
    this.#frames = frames
    this.#maximumPacketBytes = connect.maximumPacketBytes
    this.#mostAliases = Math.min(connect.aliasMaximum, mostAliases)
  }

  /** Whether what it sends may have properties, as in MQTT 5. */
  get hasProperties(): boolean {
    return this.#level >= 5
  }

  get receiveMaximum(): number {
    return this.#options.connect.receiveMaximum
  }

  /** Whether more waits for the client than goes out at once. */
  get isBehind(): boolean {
    return this.#buffer.isBehind
  }

  /** Sends a message, with an id above QoS 0. Returns false when it is too large for the client. */
  send(message: Published, grant: Grant, as: SendingAs): boolean {
    if (message.properties !== undefined && hasExpired(message)) return false
    const { id } = as
    const isLate = grant.qos === 0 && this.#buffer.isFull
    // A message does not overtake one on its topic, except at QoS 0, which never waits.
    const isPromise =
      id > 0 && ((as.isKept && grant.qos === 2) || this.#buffer.isHolding(message.topic))
    const frame = this.#isShared(grant, as)
      ? this.#frames.of(message, this.#level, grant)
      : this.#ownFrame(message, grant, { isAgain: as.isAgain, isInOrder: !isPromise && !isLate })
    if (frame.bytes.length > this.#maximumPacketBytes) return this.#isTooLarge(message, frame)
    if (isLate) return this.#sendLatest(message, frame)
    this.#wasBehind &&= grant.qos > 0
    this.#buffer.traffic.messagesSent++
    this.#buffer.traffic.messageBytesSent += message.payload.length
    if (isPromise) this.#buffer.promisePublish(frame, id, message.topic)
    else this.#buffer.addPublish(frame, id, message.topic)
    return true
  }

  /** Of a reader that is behind. What switches something is nothing for later, and is left out. */
  #sendLatest({ topic }: Published, frame: PublishFrame): boolean {
    const { sampledLog, name } = this.#options
    if (!this.#wasBehind) {
      const fields = { client: name, topic }
      sampledLog.warn(
        'mqtt-conflated',
        fields,
        'a reader is slow: it gets the latest of each topic',
      )
    }
    this.#wasBehind = true
    const isKept = !switchesActuator(topic) && this.#buffer.addLatest(frame, topic)
    if (!isKept) this.#buffer.traffic.messagesDropped++
    return isKept
  }

  sendRelease(id: number): void {
    const packet = writeAcknowledgement(packetTypes.pubrel, id, { level: this.#level })
    if (this.#options.connect.expirySeconds === 0) this.#buffer.add(packet)
    else this.#buffer.promise(packet)
  }

  /** Whether more of what was kept may follow at once; if not, the session is told when it may. */
  hasReplayRoom(): boolean {
    return this.#buffer.hasReplayRoom()
  }

  /** Another connection of the client is there. */
  takenOver(): void {
    this.#options.takenOver()
  }

  /** When anything came of the client, by the clock of the broker. */
  get lastByteAtMs(): number {
    return this.#options.lastByteAtMs()
  }

  /** Ends it so that nothing arrives any more that has not yet. */
  reset(): void {
    const { name, sampledLog } = this.#options
    sampledLog.warn(
      'mqtt-reset',
      { client: name },
      'a command was sent, and nothing has come since',
    )
    resetConnection(this.#options.connection)
  }

  /** Whether the client gets the same bytes as others. */
  #isShared({ identifiers }: Grant, { isAgain }: SendingAs): boolean {
    if (isAgain) return false
    return this.#level < 5 || (identifiers === undefined && this.#mostAliases === 0)
  }

  #ownFrame(
    message: Published,
    { qos, retain, identifiers }: Grant,
    { isAgain, isInOrder }: { readonly isAgain: boolean; readonly isInOrder: boolean },
  ): PublishFrame {
    const level = this.#level
    // What waits goes out behind what is sent later: its alias would be met before it is told.
    const alias = level < 5 || !isInOrder ? undefined : this.#aliasOf(message.topic)
    return writePublish(message, { level, qos, retain, dup: isAgain, identifiers, alias })
  }

  /** [MQTT 5, 3.3.2.3.4] The first topics have them, for good. */
  #aliasOf(topic: string): { readonly number: number; readonly isKnown: boolean } | undefined {
    const known = this.#aliases.get(topic)
    if (known !== undefined) return { number: known, isKnown: true }
    if (this.#aliases.size >= this.#mostAliases || topic.length < leastAliasedBytes)
      return undefined
    const number = this.#aliases.size + 1
    this.#aliases.set(topic, number)
    return { number, isKnown: false }
  }

  /** [MQTT-3.1.2-25] It is as if the client had it. */
  #isTooLarge({ topic }: Published, { bytes }: PublishFrame): false {
    const { name, sampledLog } = this.#options
    // Nobody has told the client what it stands for.
    this.#aliases.delete(topic)
    this.#buffer.traffic.messagesDropped++
    const fields = { client: name, topic, bytes: bytes.length }
    sampledLog.warn('mqtt-messages-dropped', fields, 'a message is larger than its client takes')
    return false
  }
}
