import type { AedesPublishPacket } from 'aedes'
import { matches } from '../core/filter.ts'
import { type OwnMessage, ownCopy } from './own-copy.ts'
import { createRetainedQuota, type RetainedLimits, type RetainedQuota } from './retained-quota.ts'
import { noRecords, type RetainedRecords } from './retained-records.ts'

/** How many topics are looked at before others have their turn: some 50 µs. */
const topicsPerTurn = 256

/** The last retained message of each topic [MQTT-3.3.1-5]. */
export class RetainedValues {
  readonly #quota: RetainedQuota
  readonly #records: Omit<RetainedRecords, 'load'>
  readonly #messages = new Map<string, OwnMessage>()

  constructor(limits: RetainedLimits, records: Omit<RetainedRecords, 'load'> = noRecords) {
    this.#quota = createRetainedQuota(limits)
    this.#records = records
  }

  /**
   * Keeps a copy in place of the one before; answers false past the limits. The one before goes in any case
   * [MQTT-3.3.1-7]: it would pass for the latest.
   */
  store(packet: AedesPublishPacket): boolean {
    const { topic, payload } = packet
    const hasRoom = this.#quota.take(topic, payload.length)
    // [MQTT-3.3.1-10]
    if (hasRoom && payload.length > 0) this.#keep(ownCopy(packet))
    else this.forget(topic)
    return hasRoom
  }

  /** Takes a message of an earlier hub; answers false, and gives it up, past the limits. */
  restore(message: OwnMessage): boolean {
    const { topic, payload } = message
    const hasRoom = this.#quota.take(topic, payload.length)
    if (hasRoom) this.#messages.set(topic, message)
    else this.#records.removed(topic)
    return hasRoom
  }

  #keep(message: OwnMessage): void {
    const isNew = !this.#messages.has(message.topic)
    this.#messages.set(message.topic, message)
    if (isNew) this.#records.added(message)
    else this.#records.replaced(message)
  }

  /** What is retained on `topic`. */
  on(topic: string): OwnMessage | undefined {
    return this.#messages.get(topic)
  }

  /** Nothing is retained on `topic` any more. */
  forget(topic: string): void {
    this.#quota.forget(topic)
    // Anybody may clear what is not there, as often as they like.
    if (this.#messages.delete(topic)) this.#records.removed(topic)
  }

  /**
   * What matches `filter`; undefined wherever others should have their turn. What is stored meanwhile
   * on another topic comes to its subscribers anyway.
   */
  *matching(filter: string): Generator<OwnMessage | undefined, void, void> {
    if (!/[+#]/.test(filter)) {
      const message = this.#messages.get(filter)
      if (message !== undefined) yield message
      return
    }
    const end = this.#messages.size
    let looked = 0
    for (const [topic, message] of this.#messages) {
      if (looked++ === end) return
      if (matches(filter, topic)) yield message
      if (looked % topicsPerTurn === 0) yield undefined
    }
  }
}
