import { malformed } from './packet-fault.ts'
import { bodyStart, PacketFields } from './packet-fields.ts'
import { packetTypes, qosOf, typeOf } from './packet-types.ts'

const { publish, puback, pubrec, pubrel, pubcomp } = packetTypes

/** What a client may answer to a packet with an id, and what it has to answer next. */
interface Expectation {
  readonly types: readonly number[]
  readonly awaited: number | undefined
}

const expectations = {
  qos1: { types: [puback], awaited: puback },
  qos2: { types: [pubrec], awaited: pubrec },
  received: { types: [pubrec], awaited: undefined },
  released: { types: [pubrec, pubcomp], awaited: pubcomp },
} satisfies Record<string, Expectation>

/** How many ids are followed in one direction at least: a client need not ever acknowledge. */
const leastExpected = 4096

export interface AcknowledgementLimits {
  /** How many QoS 2 messages of the client may be under way. */
  readonly mqtt: { readonly qos2Window: number }
  /** How many messages to the client may wait for it to acknowledge them. */
  readonly sessions: { readonly messages: number }
}

/**
 * Follows the message ids that are under way in both directions [MQTT-4.3]: an acknowledgement of
 * the wrong kind ends the connection. One for an id nobody knows passes; after a reconnection that
 * is how unfinished messages are finished, and what a client leaves open for long is forgotten.
 */
export class Acknowledgements {
  /** What may come back for each id the broker sent. */
  readonly #expected = new Map<number, Expectation>()
  /** QoS 2 messages from the client that the broker took, until it takes their PUBREL as well. */
  readonly #open = new Map<number, 'unreleased' | 'released'>()
  /** How many of them the broker takes. */
  #window: number
  readonly #usualWindow: number
  readonly #maximumExpected: number

  constructor({ mqtt, sessions }: AcknowledgementLimits) {
    this.#window = mqtt.qos2Window
    this.#usualWindow = mqtt.qos2Window
    this.#maximumExpected = Math.max(leastExpected, sessions.messages)
  }

  /** A packet with an id goes out to the client. */
  sent(packet: Buffer): void {
    const first = packet.readUInt8()
    const { released, qos1, qos2 } = expectations
    if (typeOf(first) === pubrel) this.#expected.set(idOf(packet), released)
    else this.#expected.set(publishIdOf(packet), qosOf(first) === 1 ? qos1 : qos2)
    if (this.#expected.size <= this.#maximumExpected) return
    const [oldest = 0] = this.#expected.keys()
    this.#expected.delete(oldest)
  }

  /** The client publishes at QoS 1 or 2. */
  published(packet: Buffer): void {
    const id = publishIdOf(packet)
    // [MQTT-2.3.1-1]
    if (id === 0) throw malformed('expected a message id other than 0')
  }

  /** Whether the broker may take a packet now: past the window, a message at QoS 2 waits for a PUBREL. */
  mayTake(packet: Buffer): boolean {
    if (!isExactlyOnce(packet)) return true
    // The same id once more is the same message.
    return this.#open.size < this.#window || this.#open.has(publishIdOf(packet))
  }

  /** The broker takes as many more messages at QoS 2, for a client whose PUBREL is behind all of them. */
  widen(): void {
    this.#window = this.#open.size + this.#usualWindow
  }

  /** How many more messages at QoS 2 are open than there usually may be. */
  get openPastWindow(): number {
    return Math.max(0, this.#open.size - this.#usualWindow)
  }

  /** The broker takes a packet. */
  taken(packet: Buffer): void {
    if (typeOf(packet.readUInt8()) === pubrel) this.#open.delete(idOf(packet))
    else if (isExactlyOnce(packet)) this.#opened(publishIdOf(packet))
  }

  /**
   * The client sends PUBACK, PUBREC, PUBREL or PUBCOMP. Answers whether it is the next step of a message
   * that is under way, of which there are as many as there are messages.
   */
  acknowledged(packet: Buffer): boolean {
    const type = typeOf(packet.readUInt8())
    const id = idOf(packet)
    if (id === 0) throw malformed('expected a message id other than 0')
    if (type === pubrel) return this.#released(id)
    const expected = this.#expected.get(id)
    if (expected === undefined) return false
    const { types, awaited } = expected
    if (!types.includes(type)) {
      throw malformed(`expected packet type ${types.join(' or ')} for this message, got ${type}`)
    }
    if (type === puback || type === pubcomp) this.#expected.delete(id)
    else if (awaited === pubrec) this.#expected.set(id, expectations.received)
    return type === awaited
  }

  #opened(id: number): void {
    if (!this.#open.has(id)) this.#open.set(id, 'unreleased')
  }

  #released(id: number): boolean {
    const isNext = this.#open.get(id) === 'unreleased'
    if (isNext) this.#open.set(id, 'released')
    return isNext
  }
}

/** Whether a packet from the broker has an id that the client will answer. */
export function expectsAnswer(firstByte: number): boolean {
  const type = typeOf(firstByte)
  return type === pubrel || (type === publish && qosOf(firstByte) > 0)
}

function isExactlyOnce(packet: Buffer): boolean {
  const first = packet.readUInt8()
  return typeOf(first) === publish && qosOf(first) === 2
}

function idOf(packet: Buffer): number {
  return packet.readUInt16BE(bodyStart(packet))
}

function publishIdOf(packet: Buffer): number {
  const fields = new PacketFields(packet)
  fields.bytes()
  return fields.number()
}
