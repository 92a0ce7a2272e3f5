import type { Journal } from '../journal.ts'
import { bodyStart, PacketFields } from './packet-fields.ts'
import { packetTypes, qosOf, typeOf } from './packet-types.ts'

const { publish, puback, pubrec, pubrel, pubcomp, suback, unsuback } = packetTypes

/** Whom it tells that the hub has a message. */
const always: readonly number[] = [puback, pubrec]

/** What a kept session owes, or is owed, from then on. */
const forKept: readonly number[] = [pubrel, pubcomp, suback, unsuback]

/**
 * Whether a packet promises what the hub may not forget. To a client whose session ends with its
 * connection only that a message of its own was taken; to one whose session is kept every step of QoS 2
 * as well, and what it subscribed to: one side that forgets an id takes a new message for an old one.
 */
function isPromise(packet: Buffer, isKept: boolean): boolean {
  const first = packet.readUInt8()
  const type = typeOf(first)
  if (type === publish) return isKept && qosOf(first) === 2
  return always.includes(type) || (isKept && forKept.includes(type))
}

interface Held {
  readonly packet: Buffer
  /** The id of the message that has to be dealt with first. */
  awaitedId: number | undefined
  /** Of a message. */
  readonly topic: string | undefined
}

/**
 * Promises to one client that wait for the disk, in order. Aedes writes PUBACK before it deals with the
 * message, and PUBREC afterwards; so a PUBACK waits for its message, too.
 */
export class HeldPackets {
  readonly #journal: Pick<Journal, 'isLasting' | 'settled'>
  readonly #send: (packets: Buffer) => void
  readonly #packets: Held[] = []
  /** How many messages on each topic have not been sent yet. */
  readonly #topics = new Map<string, number>()
  #bytes = 0

  /** `send` gets the packets whose time has come. */
  constructor(journal: Pick<Journal, 'isLasting' | 'settled'>, send: (packets: Buffer) => void) {
    this.#journal = journal
    this.#send = send
  }

  /** What has not been sent yet. */
  get bytes(): number {
    return this.#bytes
  }

  /** Takes a copy of a packet that has to wait; answers whether it does. */
  holdBack(packet: Buffer, isKept: boolean): boolean {
    if (!this.#journal.isLasting) return false
    if (!isPromise(packet, isKept) && !this.#isBehind(packet)) return false
    const type = typeOf(packet.readUInt8())
    const awaitedId = type === puback ? packet.readUInt16BE(bodyStart(packet)) : undefined
    const topic = type === publish ? topicOf(packet) : undefined
    this.#packets.push({ packet: Buffer.from(packet), awaitedId, topic })
    if (topic !== undefined) this.#count(topic, 1)
    this.#bytes += packet.length
    return true
  }

  /** A message does not overtake one on its topic, except at QoS 0, which never waits. */
  #isBehind(packet: Buffer): boolean {
    const first = packet.readUInt8()
    if (this.#topics.size === 0 || typeOf(first) !== publish || qosOf(first) === 0) return false
    return this.#topics.has(topicOf(packet))
  }

  #count(topic: string, change: number): void {
    const count = (this.#topics.get(topic) ?? 0) + change
    if (count === 0) this.#topics.delete(topic)
    else this.#topics.set(topic, count)
  }

  /** The message with this id, or the first of several, has been dealt with. */
  published(id: number): void {
    const held = this.#packets.find(({ awaitedId }) => awaitedId === id)
    if (held !== undefined) held.awaitedId = undefined
  }

  /** Sends those in front that wait for no message, when what was noted until now is on disk. */
  release(): void {
    const end = this.#packets.findIndex(({ awaitedId }) => awaitedId !== undefined)
    const due = this.#packets.splice(0, end === -1 ? this.#packets.length : end)
    if (due.length === 0) return
    const packets = Buffer.concat(due.map(({ packet }) => packet))
    const topics = due.flatMap(({ topic }) => topic ?? [])
    this.#journal.settled(() => {
      this.#bytes -= packets.length
      for (const topic of topics) this.#count(topic, -1)
      this.#send(packets)
    })
  }
}

function topicOf(packet: Buffer): string {
  return new PacketFields(packet).bytes().toString()
}
