import type { AedesPublishPacket, PubrelPacket } from 'aedes'

/** How much may wait for one client; see `limits.sessions` in the configuration. */
export interface QueueLimits {
  readonly messages: number
  readonly bytes: number
}

/** A message, or the PUBREL that took its place. */
export type KeptPacket = AedesPublishPacket | PubrelPacket

interface Entry {
  packet: KeptPacket
  readonly bytes: number
}

/**
 * What one client has not acknowledged yet: messages it was not there for, and those under way. Past
 * the limits the oldest go first.
 */
export class OutgoingQueue {
  readonly #limits: QueueLimits
  /** By the number that the broker gave the message; oldest first. */
  readonly #entries = new Map<number, Entry>()
  readonly #numberOfId = new Map<number, number>()
  #bytes = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0
  }

  /** An id above those of all messages under way [MQTT-2.3.1-2]. */
  get nextId(): number {
    return (Math.max(0, ...this.#numberOfId.keys()) % 65_535) + 1
  }

  /** All that waits, oldest first, as it is now. */
  packets(): KeptPacket[] {
    return Array.from(this.#entries.values(), ({ packet }) => packet)
  }

  /** Adds a message; answers how many were dropped to make room for it. */
  add(packet: AedesPublishPacket): number {
    const bytes = Buffer.byteLength(packet.topic) + packet.payload.length
    this.#entries.set(packet.brokerCounter, { packet, bytes })
    this.#bytes += bytes
    let dropped = 0
    for (const number of this.#entries.keys()) {
      if (this.#entries.size <= this.#limits.messages && this.#bytes <= this.#limits.bytes) break
      this.#remove(number)
      dropped++
    }
    return dropped
  }

  /** Notes the id that a message was sent with. */
  sent({ brokerCounter: number, messageId }: AedesPublishPacket): void {
    const entry = this.#entries.get(number)
    // What was dropped meanwhile is under way all the same, only not a second time.
    if (entry === undefined || messageId === undefined) return
    entry.packet = { ...entry.packet, messageId }
    this.#numberOfId.set(messageId, number)
  }

  /** PUBREL takes the place of its message: that has arrived, and is not sent again. */
  received(release: PubrelPacket): void {
    const entry = this.#entries.get(this.#numberOfId.get(release.messageId ?? 0) ?? 0)
    if (entry !== undefined) entry.packet = release
  }

  /** Takes out what was sent with `messageId`; undefined when there is none. */
  acknowledged(messageId: number): KeptPacket | undefined {
    return this.#remove(this.#numberOfId.get(messageId) ?? 0)
  }

  #remove(number: number): KeptPacket | undefined {
    const entry = this.#entries.get(number)
    if (entry === undefined) return undefined
    const { packet, bytes } = entry
    this.#entries.delete(number)
    this.#bytes -= bytes
    if (packet.messageId !== undefined) this.#numberOfId.delete(packet.messageId)
    return packet
  }
}
