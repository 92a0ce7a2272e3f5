import { malformed, PacketFault } from './packet-fault.ts'
import { bodyStart, PacketFields } from './packet-fields.ts'
import { packetTypes, qosOf, typeOf } from './packet-types.ts'

const { publish, puback, pubrec, pubrel, pubcomp } = packetTypes

/**
 * Follows the message ids that are under way in both directions [MQTT-4.3]: an acknowledgement of
 * the wrong kind ends the connection. One for an id nobody knows passes; after a reconnection that
 * is how unfinished messages are finished.
 */
export class Acknowledgements {
  /** What may come back for each id the broker sent. */
  readonly #expected = new Map<number, readonly number[]>()
  /** QoS 2 messages from the client whose PUBREL is awaited. */
  readonly #unreleased = new Set<number>()
  readonly #window: number

  /** `window`: how many QoS 2 messages of the client may be under way. */
  constructor(window: number) {
    this.#window = window
  }

  /** A packet with an id goes out to the client. */
  sent(packet: Buffer): void {
    const first = packet.readUInt8()
    if (typeOf(first) === pubrel) this.#expected.set(idOf(packet), [pubrec, pubcomp])
    else if (qosOf(first) === 1) this.#expected.set(publishIdOf(packet), [puback])
    else this.#expected.set(publishIdOf(packet), [pubrec])
  }

  /** The client publishes at QoS 1 or 2. */
  published(packet: Buffer): void {
    const id = publishIdOf(packet)
    // [MQTT-2.3.1-1]
    if (id === 0) throw malformed('expected a message id other than 0')
    if (qosOf(packet.readUInt8()) !== 2) return
    this.#unreleased.add(id)
    if (this.#unreleased.size <= this.#window) return
    const message = `expected PUBREL after at most ${this.#window} messages at QoS 2`
    throw new PacketFault('mqtt-qos2-window', message)
  }

  /** The client sends PUBACK, PUBREC, PUBREL or PUBCOMP. */
  acknowledged(packet: Buffer): void {
    const type = typeOf(packet.readUInt8())
    const id = idOf(packet)
    if (id === 0) throw malformed('expected a message id other than 0')
    if (type === pubrel) {
      this.#unreleased.delete(id)
      return
    }
    const expected = this.#expected.get(id)
    if (expected === undefined) return
    if (!expected.includes(type)) {
      throw malformed(`expected packet type ${expected.join(' or ')} for this message, got ${type}`)
    }
    if (type === puback || type === pubcomp) this.#expected.delete(id)
  }
}

/** Whether a packet from the broker has an id that the client will answer. */
export function expectsAnswer(firstByte: number): boolean {
  const type = typeOf(firstByte)
  return type === pubrel || (type === publish && qosOf(firstByte) > 0)
}

function idOf(packet: Buffer): number {
  return packet.readUInt16BE(bodyStart(packet))
}

function publishIdOf(packet: Buffer): number {
  const fields = new PacketFields(packet)
  fields.bytes()
  return fields.number()
}
