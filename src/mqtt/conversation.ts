import type { Sender } from '../access/sender.ts'
import { steadyMs } from '../core/clock.ts'
import { HubError, reasonOf, systemCodeOf } from '../core/errors.ts'
import type { Message, MessageProperties } from '../core/message.ts'
import { ownBytes, Payload } from '../core/payload.ts'
import { checkFilter } from '../core/topic.ts'
import type { ConnectionContext } from './broker.ts'
import { senderOf } from './clients.ts'
import type { KeptMessage } from './message-record.ts'
import {
  isError,
  type Packet,
  PacketFault,
  packetTypes,
  protocolError,
  type Reason,
  reasonOfError,
  reasons,
} from './packet.ts'
import { noBytes, noProperties, properties as p } from './properties.ts'
import type { Incoming, PublishResult } from './publishing.ts'
import type { ConnectPacket } from './read-connect.ts'
import {
  type Acknowledgement,
  hasSaidFormat,
  isShare,
  KnownTopics,
  type PublishPacket,
  readAcknowledgement,
  readDisconnect,
  readPublish,
  readSubscribe,
  readUnsubscribe,
  type SubscribedFilter,
  shareOf,
} from './read-packets.ts'
import { type RetainedReader, RetainedReplay } from './retained.ts'
import type { MqttSession } from './session.ts'
import { grantOf } from './subscriptions.ts'
import type { WriteBuffer } from './write-buffer.ts'
import { pingResponse, writeAcknowledgement, writeCodes } from './write-packets.ts'

/** What a conversation needs of its connection. */
export interface ConversationOptions {
  readonly connect: ConnectPacket
  readonly name: string
  readonly address: string
  readonly session: MqttSession
  readonly output: WriteBuffer
  /** Whether nothing goes to the client any more. */
  isOver(): boolean
  /** The client has said good-bye. */
  left(reason: Reason): void
  /** Counts so many requests besides those that the packet counted for. */
  spend(requests: number): void
  /** Tells of a connection that ends by something that was published. */
  ended(reason: string): void
}

/** All that a client has to say in one packet is one request, unless it is kilobytes. */
const requestBytes = 512

/** How many aliases a client may have for topics [MQTT-3.3.2-8]; as many as Mosquitto gives it. */
export const mostAliases = 10

const { puback, pubrec, pubrel, pubcomp, suback, unsuback } = packetTypes

/** What a client that was let in says, and what it is answered. */
export class MqttConversation implements RetainedReader {
  readonly #options: ConversationOptions
  readonly #context: ConnectionContext
  readonly #retainedReplay: RetainedReplay
  readonly #topics = new KnownTopics()
  /** By number, the topics that the client has aliases for. */
  readonly #aliases = new Map<number, string>()
  #sender: Sender | undefined
  readonly #mayBeAnswered = (topic: string): boolean =>
    this.#options.session.rights?.mayBeAnswered(topic) === true
  /** Who waits until more can be sent. */
  readonly #whenReady: (() => void)[] = []

  constructor(options: ConversationOptions, context: ConnectionContext) {
    this.#options = options
    this.#context = context
    this.#retainedReplay = new RetainedReplay(context.retained, this)
  }

  /**
   * For how many requests a packet counts, besides messages. An acknowledgement that is awaited is none: of
   * those there are as many as there are messages.
   *
   * @throws PacketFault
   */
  requestsIn(packet: Packet): number {
    const { type } = packet
    if (type < puback || type > pubcomp) return Math.ceil(packet.bytes.length / requestBytes)
    const { id } = readAcknowledgement(packet)
    const { session } = this.#options
    const isAwaited = type === pubrel ? session.hasOpen(id) : session.queue.awaits(type, id)
    return isAwaited ? 0 : 1
  }

  /** Whether a message opens one more exchange at QoS 2 than there should be. */
  isPastWindow(packet: Packet): boolean {
    const { session, connect } = this.#options
    const { qos2Window } = this.#context.limits
    if (packet.qos !== 2 || session.openMessages < qos2Window) return false
    const { id } = readPublish(packet, connect.level)
    if (session.hasOpen(id)) return false
    if (connect.level < 5) return true
    // [MQTT-3.3.4-8]
    const message = `expected PUBREL after at most ${qos2Window} messages at QoS 2`
    const reason = reasons.receiveMaximumExceeded
    throw new PacketFault('mqtt-qos2-window', message, { reason })
  }

  /**
   * Deals with a packet.
   *
   * @throws PacketFault
   */
  handle(packet: Packet): void {
    switch (packet.type) {
      case packetTypes.publish:
        this.#published(packet)
        return
      case packetTypes.subscribe:
        this.#subscribe(packet)
        return
      case packetTypes.unsubscribe:
        this.#unsubscribe(packet)
        return
      case packetTypes.pingreq:
        this.#options.output.add(pingResponse)
        return
      case packetTypes.disconnect:
        this.#leave(packet)
        return
      default:
        this.#acknowledged(readAcknowledgement(packet))
    }
  }

  // --- messages of the client ---

  #published(packet: Packet): void {
    const { session, connect, output } = this.#options
    const read = readPublish(packet, connect.level, this.#topics)
    output.traffic.messagesReceived++
    output.traffic.messageBytesReceived += read.payload.length
    const { qos, id } = read
    const isAgain = qos === 2 && session.hasOpen(id)
    const result = isAgain ? { isTaken: true } : this.#enter(packet, read)
    if (result === undefined || qos === 0) return
    if (qos === 2 && !isAgain && !this.#isRefused(result)) session.arrived(id)
    this.#answer(read, result)
  }

  /** Undefined when the connection has ended by it. */
  #enter(packet: Packet, read: PublishPacket): PublishResult | undefined {
    const { publishing } = this.#context
    const { connect, ended } = this.#options
    const incoming = this.#incomingOf(packet, read)
    try {
      if (connect.level < 5) return publishing.publishOrTell(incoming)
      if (hasSaidFormat(read)) return publishing.publish(incoming)
      return { refused: wrongFormat }
    } catch (error) {
      ended(reasonOf(error))
      return undefined
    }
  }

  #incomingOf(packet: Packet, read: PublishPacket): Incoming {
    const { limits, jsonLimits } = this.#context
    const { payload, qos, retain, said } = read
    const message: Message = {
      topic: said === noProperties ? read.topic : this.#topicOf(read),
      payload: packet.isOversize
        ? Payload.refused(packet.oversizeError(limits.publishBytes))
        : new Payload(payload, jsonLimits),
      qos,
      retain,
      client: this.#options.name,
      properties: said === noProperties ? undefined : propertiesOf(read),
      // All fields from the start: one that is added later costs an object of its own.
      traced: undefined,
    }
    return { message, sender: this.#senderNow(), mayBeAnswered: this.#mayBeAnswered }
  }

  /** The same object as long as the rights are the same. */
  #senderNow(): Sender {
    const { name, address, session } = this.#options
    const { rights } = session
    if (this.#sender === undefined || this.#sender.rights !== rights) {
      this.#sender = senderOf(name, address, rights)
    }
    return this.#sender
  }

  /** [MQTT 5, 3.3.2.3.4] */
  #topicOf({ topic, said }: PublishPacket): string {
    const alias = said.numberOf(p.topicAlias)
    if (alias === undefined) return topic
    if (alias === 0 || alias > mostAliases) {
      const message = `expected an alias of 1 to ${mostAliases}, got ${alias}`
      throw new PacketFault('mqtt-malformed', message, { reason: reasons.aliasInvalid })
    }
    if (topic !== '') {
      this.#aliases.set(alias, topic)
      return topic
    }
    const known = this.#aliases.get(alias)
    if (known === undefined) throw protocolError(`expected a topic for alias ${alias} first`)
    return known
  }

  /** Before MQTT 5 a message cannot be refused: it is acknowledged, or the connection ends [MQTT-3.3.5-2]. */
  #isRefused(result: PublishResult): result is Extract<PublishResult, { refused: HubError }> {
    return 'refused' in result && this.#options.connect.level === 5
  }

  #answer({ qos, id }: PublishPacket, result: PublishResult): void {
    const { level, wantsProblems, maximumPacketBytes } = this.#options.connect
    const type = qos === 1 ? puback : pubrec
    const reason = this.#isRefused(result) ? refusalReason(result.refused) : takenBy(result, qos)
    const problem = wantsProblems && 'refused' in result ? result.refused : undefined
    const options = { level, reason, problem, maximumBytes: maximumPacketBytes }
    this.#options.output.promise(writeAcknowledgement(type, id, options))
  }

  // --- acknowledgements ---

  #acknowledged({ type, id, reason }: Acknowledgement): void {
    const { session, connect } = this.#options
    if (type !== pubrel) {
      session.acknowledged(type, id, isError(reason))
      this.#ready()
      return
    }
    session.released(id)
    const answer = writeAcknowledgement(pubcomp, id, { level: connect.level })
    this.#promiseIfKept(answer)
  }

  /** What a kept session may not forget once it was told; the other's ends with the connection. */
  #promiseIfKept(packet: Buffer): void {
    const { session, output } = this.#options
    if (session.isKept) output.promise(packet)
    else output.add(packet)
  }

  // --- subscriptions ---

  #subscribe(packet: Packet): void {
    const { level } = this.#options.connect
    const { id, filters } = readSubscribe(packet, level)
    this.#options.spend(Math.max(0, filters.length - this.#context.limits.subscriptions))
    const retained: string[] = []
    const codes = filters.map((subscription) => {
      const refused = this.#refusalOf(subscription.filter)
      if (refused !== undefined) return level === 5 ? refused : 0x80
      const isNew = this.#options.session.subscribe(subscription)
      if (wantsRetained(subscription, isNew)) retained.push(subscription.filter)
      return subscription.qos
    })
    this.#promiseIfKept(writeCodes(suback, id, { level, codes }))
    this.#retainedReplay.add(retained)
  }

  /** Why the client may not have `filter`. The cheapest question comes first: a packet may have thousands of them. */
  #refusalOf(filter: string): Reason | undefined {
    const { session, name } = this.#options
    const { topicLimits, sampledLog } = this.#context
    const refuse = (kind: string, why: string | undefined, reason: Reason) => {
      const fields = { client: name, topic: filter, reason: why }
      sampledLog.warn(kind, fields, 'a subscription was refused')
      return reason
    }
    if (!session.subscriptions.hasRoomFor(filter)) {
      const why = 'the client has too many, or all have'
      return refuse('mqtt-too-many-subscriptions', why, reasons.quotaExceeded)
    }
    const share = shareOf(filter)
    const inner = share?.filter ?? filter
    if (share !== undefined && !isShare(share)) {
      return refuse('bad-topic', 'expected $share/<group>/<filter>', reasons.filterInvalid)
    }
    try {
      checkFilter(inner, topicLimits)
    } catch (error) {
      return refuse(String(systemCodeOf(error)), reasonOf(error), reasons.filterInvalid)
    }
    const decision = session.rights?.maySubscribe(inner)
    if (decision?.allowed === true) return undefined
    return refuse('right-missing', decision?.reason, reasons.notAuthorized)
  }

  #unsubscribe(packet: Packet): void {
    const { session, connect } = this.#options
    const { level } = connect
    const { id, filters } = readUnsubscribe(packet, level)
    this.#options.spend(Math.max(0, filters.length - this.#context.limits.subscriptions))
    const codes = filters.map((filter) =>
      session.unsubscribe(filter) ? reasons.success : reasons.noSubscriptionExisted,
    )
    this.#promiseIfKept(writeCodes(unsuback, id, { level, codes }))
  }

  // --- retained values ---

  isSubscribed(filter: string): boolean {
    return !this.#options.isOver() && this.#options.session.subscriptions.get(filter) !== undefined
  }

  sendRetained(message: KeptMessage, filter: string): 'sent' | 'last' | 'later' {
    const { session, output } = this.#options
    const subscription = session.subscriptions.get(filter)
    if (subscription === undefined || !session.mayHave(message)) return 'sent'
    if (subscription.noLocal && message.client === session.name) return 'sent'
    const grant = { ...grantOf(subscription, message), retain: true }
    if (!session.sendRetained(message, grant)) return 'later'
    return output.hasReplayRoom() ? 'sent' : 'last'
  }

  onceReady(done: () => void): void {
    if (this.#options.isOver()) done()
    else this.#whenReady.push(done)
  }

  /** More can be sent, or nothing ever. */
  #ready(): void {
    for (const done of this.#whenReady.splice(0)) done()
  }

  // --- the end ---

  /** The client reads again what waits for it. */
  drained(): void {
    this.#options.session.flow()
    this.#ready()
  }

  closed(): void {
    this.#ready()
  }

  #leave(packet: Packet): void {
    const { session, connect, left } = this.#options
    if (connect.level < 5) {
      left(reasons.success)
      return
    }
    const { reason, expirySeconds } = readDisconnect(packet)
    if (expirySeconds !== undefined) {
      // [MQTT 5, 3.14.2.2.2]
      if (session.expirySeconds === 0 && expirySeconds > 0) {
        throw protocolError('expected no expiry of a session that had none')
      }
      session.setExpiry(this.#context.sessions.expiryOf(expirySeconds))
    }
    left(reason)
  }
}

const wrongFormat = new HubError(
  'bad-payload',
  'expected a payload in UTF-8, as it says, got other bytes',
)

/** [MQTT 5, 3.4.2.1] A payload that is not what it says has a reason of its own. */
function refusalReason(refused: HubError): Reason {
  return refused === wrongFormat ? reasons.payloadFormatInvalid : reasonOfError(refused)
}

/** [MQTT 5, 3.4.2.1] Whether anybody has it is told as Mosquitto does: at QoS 1. */
function takenBy(result: PublishResult, qos: number): Reason {
  const isTaken = !('isTaken' in result) || result.isTaken
  return qos === 1 && !isTaken ? reasons.noMatchingSubscribers : reasons.success
}

/** [MQTT 5, 3.3.1.3], of a subscription without a group. */
function wantsRetained({ filter, retainHandling }: SubscribedFilter, isNew: boolean): boolean {
  return shareOf(filter) === undefined && (retainHandling === 0 || (retainHandling === 1 && isNew))
}

/** Of its own, since they outlive the packet. */
function propertiesOf({ said }: PublishPacket): MessageProperties | undefined {
  const seconds = said.numberOf(p.messageExpiry)
  const bytes = said.travelling.length === 0 ? noBytes : ownBytes(said.travelling)
  if (seconds !== undefined) return { bytes, expiresAtMs: steadyMs() + seconds * 1000 }
  return bytes.length === 0 ? undefined : { bytes }
}
