/** What clients send besides CONNECT, as it was read and checked. */
import { isUtf8 } from 'node:buffer'
import { asQos, type Qos } from '../core/message.ts'
import {
  type Level,
  malformed,
  type Packet,
  type PacketFields,
  packetTypes,
  protocolError,
  type Reason,
  reasons,
} from './packet.ts'
import {
  noProperties,
  type Place,
  properties as p,
  places,
  type ReadProperties,
  readProperties,
} from './properties.ts'

/** What a PUBLISH says. */
export interface PublishPacket {
  /** Empty when an alias stands for it. */
  readonly topic: string
  /** A part of the packet. */
  readonly payload: Buffer
  readonly qos: Qos
  readonly retain: boolean
  /** 0 at QoS 0. */
  readonly id: number
  readonly said: ReadProperties
}

/** So many topics of a client are known again, of so many characters. */
const known = { topics: 8, characters: 256 }

/**
 * The topics on which a client spoke last: what comes again is not made anew, and the same text is found at once
 * wherever it is looked up.
 */
export class KnownTopics {
  readonly #texts: string[] = []
  #next = 0

  /** @throws PacketFault when it is not UTF-8. */
  read(fields: PacketFields): string {
    for (const text of this.#texts) if (fields.passes(text)) return text
    const start = fields.at
    const text = fields.utf8('a topic')
    // Of ASCII alone there are as many bytes as characters, behind the two of their number.
    const isAscii = text.length === fields.at - start - 2
    if (isAscii && text.length <= known.characters) {
      this.#texts[this.#next] = text
      this.#next = (this.#next + 1) % known.topics
    }
    return text
  }
}

/**
 * Reads a PUBLISH, or the head of an oversize one. The rules of topics follow where every message is admitted;
 * what is not UTF-8 has to be refused here, before different bytes become the same text.
 *
 * @throws PacketFault
 */
export function readPublish(
  packet: Packet,
  level: Level,
  topics = new KnownTopics(),
): PublishPacket {
  const { qos, retain } = packet
  // [MQTT-3.3.1-4]
  if (qos === 3) throw malformed('expected a QoS of 0 to 2, got 3')
  // [MQTT-3.3.1-2]
  if (qos === 0 && packet.flags & 8) throw malformed('expected no DUP at QoS 0')
  const fields = packet.fromStart()
  const topic = topics.read(fields)
  const id = qos === 0 ? 0 : readId(fields)
  const isWhole = !packet.isOversize
  const said = level === 5 && isWhole ? readProperties(fields, places.publish) : noProperties
  // [MQTT-4.7.3-1] An oversize one may have an alias, which was not kept.
  if (topic === '' && (level < 5 || (isWhole && !said.has(p.topicAlias)))) {
    throw malformed('expected a topic, got an empty one')
  }
  if (said !== noProperties) checkResponseTopic(said)
  return { topic, payload: fields.rest(), qos: asQos(qos), retain, id, said }
}

/** [MQTT-3.3.2-14] */
function checkResponseTopic(said: ReadProperties): void {
  if (!/[+#]/.test(said.textOf(p.responseTopic) ?? '')) return
  throw protocolError('expected a response topic without wildcards')
}

/** [MQTT-2.3.1-1] */
function readId(fields: PacketFields): number {
  const id = fields.number()
  if (id === 0) throw protocolError('expected a message id other than 0')
  return id
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP. */
export interface Acknowledgement {
  readonly type: number
  readonly id: number
  readonly reason: Reason
}

/** [MQTT 5, 3.4.2.1], [MQTT 5, 3.6.2.1] What may be said of a message, and of what follows it. */
const reasonsOfMessages = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]
const reasonsOfReleases = [0x00, 0x92]

/** @throws PacketFault */
export function readAcknowledgement(packet: Packet): Acknowledgement {
  const { type } = packet
  const fields = packet.fromStart()
  const id = readId(fields)
  // Without a reason all is well; before MQTT 5 there is none.
  if (packet.bytes.length === 4) return { type, id, reason: reasons.success }
  const reason = fields.byte()
  const { puback, pubrec } = packetTypes
  const known = type === puback || type === pubrec ? reasonsOfMessages : reasonsOfReleases
  if (!known.includes(reason)) throw protocolError(`expected a reason of its packet, got ${reason}`)
  readLast(fields, places.acknowledgement)
  return { type, id, reason }
}

/** Properties that may be left out, and nothing behind them. */
function readLast(fields: PacketFields, place: Place): ReadProperties {
  const said = fields.isAtEnd ? noProperties : readProperties(fields, place)
  if (!fields.isAtEnd) throw malformed('expected the packet to end, got more bytes')
  return said
}

/** What a client wants of a subscription [MQTT 5, 3.8.3.1]. */
export interface SubscriptionOptions {
  readonly qos: Qos
  /** Whether the client does not get its own messages. */
  readonly noLocal: boolean
  /** Whether the retain flag of a message stays as it was published. */
  readonly asPublished: boolean
  /** What is retained is sent: 0 always, 1 if the subscription is new, 2 never. */
  readonly retainHandling: number
  /** Comes back with each message. */
  readonly identifier: number | undefined
}

export interface SubscribedFilter extends SubscriptionOptions {
  readonly filter: string
}

export interface SubscribePacket {
  readonly id: number
  readonly filters: readonly SubscribedFilter[]
}

/** The options of a subscription as the byte that SUBSCRIBE has for them. */
export function optionBits(options: SubscriptionOptions): number {
  const { qos, noLocal, asPublished, retainHandling } = options
  return qos | (noLocal ? 4 : 0) | (asPublished ? 8 : 0) | (retainHandling << 4)
}

export function optionsOf(bits: number, identifier: number | undefined): SubscriptionOptions {
  return {
    qos: asQos(bits & 3),
    noLocal: (bits & 4) !== 0,
    asPublished: (bits & 8) !== 0,
    retainHandling: (bits >> 4) & 3,
    identifier,
  }
}

/** @throws PacketFault */
export function readSubscribe(fields: Packet, level: Level): SubscribePacket {
  const id = readId(fields)
  const said = level === 5 ? readProperties(fields, places.subscribe) : noProperties
  const identifier = said.numberOf(p.subscriptionIdentifier)
  const filters: SubscribedFilter[] = []
  while (!fields.isAtEnd) {
    const filter = readFilter(fields)
    const bits = fields.byte()
    checkOptions(bits, { level, filter })
    filters.push({ filter, ...optionsOf(bits, identifier) })
  }
  // [MQTT-3.8.3-3]
  if (filters.length === 0) throw malformed('expected a filter, got none')
  return { id, filters }
}

/** [MQTT-4.7.1-2], [MQTT-4.7.1-3] A wildcard inside a level is no filter at all [MQTT-4.8.0-1]. */
function readFilter(fields: PacketFields): string {
  const filter = fields.text('a filter')
  // [MQTT-4.7.3-1]
  if (filter === '') throw malformed('expected a filter, got an empty one')
  if (/[^/][+#]|[+#][^/]|#\//.test(filter)) throw malformed('expected wildcards as whole levels')
  return filter
}

function checkOptions(bits: number, { level, filter }: { level: Level; filter: string }): void {
  const isQos = (bits & 3) < 3
  // [MQTT-3.8.3-4]
  if (level < 5 && (!isQos || bits > 2)) throw malformed(`expected a QoS of 0 to 2, got ${bits}`)
  // [MQTT-3.8.3-5]
  if (!isQos || bits & 0xc0) throw malformed(`expected options of MQTT 5, got ${bits}`)
  if (bits >> 4 === 3) throw malformed('expected a retain handling of 0 to 2, got 3')
  const share = level === 5 ? shareOf(filter) : undefined
  if (share === undefined) return
  // [MQTT-3.8.3-4]
  if (bits & 4) throw protocolError('expected a shared subscription without no local')
  if (!isShare(share)) throw protocolError('expected $share/<group>/<filter>, got less')
}

export interface UnsubscribePacket {
  readonly id: number
  readonly filters: readonly string[]
}

/** @throws PacketFault */
export function readUnsubscribe(fields: Packet, level: Level): UnsubscribePacket {
  const id = readId(fields)
  if (level === 5) readProperties(fields, places.unsubscribe)
  const filters: string[] = []
  while (!fields.isAtEnd) filters.push(readFilter(fields))
  // [MQTT-3.10.3-2]
  if (filters.length === 0) throw malformed('expected a filter, got none')
  return { id, filters }
}

/** A filter behind `$share/<group>/` [MQTT 5, 4.8.2]. */
export interface Share {
  readonly group: string
  readonly filter: string
}

/** The parts of a shared subscription; undefined when `filter` is none. */
export function shareOf(filter: string): Share | undefined {
  if (!filter.startsWith('$share/')) return undefined
  const [, group = '', ...rest] = filter.split('/')
  return { group, filter: rest.join('/') }
}

/** [MQTT-4.8.2-1], [MQTT-4.8.2-2] */
export function isShare({ group, filter }: Share): boolean {
  return group !== '' && !/[+#]/.test(group) && filter !== ''
}

export interface DisconnectPacket {
  readonly reason: Reason
  /** For how long the session is kept from now on, if that is told anew. */
  readonly expirySeconds: number | undefined
}

/** [MQTT 5, 3.14.2.1] What a client may say. */
const reasonsOfClients = [
  0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
]

/** @throws PacketFault */
export function readDisconnect(fields: Packet): DisconnectPacket {
  const reason = fields.isAtEnd ? reasons.success : fields.byte()
  if (!reasonsOfClients.includes(reason)) {
    throw malformed(`expected a reason of a client, got ${reason}`)
  }
  const said = readLast(fields, places.disconnect)
  return { reason, expirySeconds: said.numberOf(p.sessionExpiry) }
}

/** A payload that is said to be text is text [MQTT 5, 3.3.2.3.2]. */
export function hasSaidFormat({ said, payload }: Pick<PublishPacket, 'said' | 'payload'>): boolean {
  return said.numberOf(p.payloadFormat) !== 1 || isUtf8(payload)
}
