import type { OwnMessage } from './own-copy.ts'
import { noNotes, type SessionNotes, type StoredMessage } from './session-records.ts'

/** How much may wait for one client; see `limits.sessions` in the configuration. */
export interface QueueLimits {
  readonly messages: number
  readonly bytes: number
}

export interface QueueOptions {
  readonly limits: QueueLimits
  /** What all queues hold together. */
  readonly usage: { bytes: number }
  /** A message was given up before the client acknowledged it. */
  onDropped(message: OwnMessage): void
  readonly notes?: Pick<SessionNotes, 'waits' | 'sent' | 'received' | 'done' | 'lastId'>
}

/** A message that waits, and the number under which it was noted. */
interface Waiting {
  readonly number: number | undefined
  readonly message: OwnMessage
  /** An earlier hub may have sent it. */
  readonly isAgain?: boolean
}

/** What is under way; its message is undefined when that has arrived. */
interface UnderWay {
  readonly number: number | undefined
  readonly message: OwnMessage | undefined
}

/** What is to be written next: a message, or PUBREL when the message has arrived. */
export interface Sending {
  readonly id: number
  readonly message: OwnMessage | undefined
  /** Whether it was written before, on another connection. */
  readonly isAgain: boolean
}

/** [MQTT-2.3.1-1] */
const maximumId = 65_535

/** So that an id is always free, beside as many of messages that are not kept. */
const maximumUnderWay = 32_000

/** About what a message costs besides its payload and its topic. */
const messageBytes = 256

/**
 * What is on its way to one client: messages that wait to be written, in order, and those under way,
 * which have an id and wait to be acknowledged. The limits hold for each of the two; past them the
 * oldest are dropped. While the client is there they are twice as high: what comes in the meantime
 * does not push out what waited for it.
 */
export class OutgoingQueue {
  readonly #options: QueueOptions
  readonly #notes: NonNullable<QueueOptions['notes']>
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  /** By id, the first one sent first. */
  readonly #underWay = new Map<number, UnderWay>()
  #underWayBytes = 0
  /** Ids of messages that are not kept, and end with the connection. */
  readonly #passing = new Set<number>()
  /** Ids under way that were not sent on this connection yet. */
  #again: number[] = []
  #lastId = 0
  #isClientThere = false

  constructor(options: QueueOptions) {
    this.#options = options
    this.#notes = options.notes ?? noNotes
  }

  get isEmpty(): boolean {
    return this.#waiting.length + this.#underWay.size === 0
  }

  /**
   * Takes over what an earlier hub has noted. What had been sent at QoS 1 was not noted: it may come
   * again. As many as may wait do so, and the older ones count as under way.
   */
  restore(messages: readonly StoredMessage[], lastId: number): void {
    this.#lastId = lastId
    for (const { id, message, number } of messages) {
      if (id !== undefined) this.#add(id, { number, message })
      else if (message !== undefined) this.#wait({ number, message, isAgain: message.qos === 1 })
      if (message !== undefined) this.#options.usage.bytes += costOf(message)
    }
    while (this.#isWaitingTooMuch) this.#nextWaiting()
    this.#trimUnderWay()
  }

  /** The client is there: what is under way is sent again, and then what waits. */
  resume(): void {
    this.#isClientThere = true
    this.#again = [...this.#underWay.keys()]
  }

  /** The client has gone. A message that may not wait for it is dropped. */
  leave(mayWait: (message: OwnMessage) => boolean): void {
    this.#isClientThere = false
    this.#passing.clear()
    for (const [id, { message }] of this.#underWay) {
      if (message !== undefined && !mayWait(message)) this.#dropUnderWay(id)
    }
    for (const waiting of this.#waiting.splice(0)) {
      if (mayWait(waiting.message)) this.#waiting.push(waiting)
      else this.#dropWaiting(waiting)
    }
    this.#trimWaiting()
    this.#trimUnderWay()
  }

  /** Lets a message wait to be written. */
  add(message: OwnMessage): void {
    this.#wait({ number: this.#notes.waits(message), message })
    this.#options.usage.bytes += costOf(message)
    this.#trimWaiting()
  }

  /** What is to be written now; from then on it is under way. */
  next(): Sending | undefined {
    return this.#nextAgain() ?? this.#nextWaiting()
  }

  /** An id for a message that is not kept. */
  takeId(): number {
    const id = this.#freeId()
    this.#notes.lastId(id)
    this.#passing.add(id)
    const [oldest = id] = this.#passing
    if (this.#passing.size > maximumUnderWay) this.#passing.delete(oldest)
    return id
  }

  /** A message has arrived, and is not sent again: PUBREL takes its place [MQTT-4.3.3-1]. */
  arrived(id: number): void {
    const underWay = this.#underWay.get(id)
    if (underWay === undefined) return
    const { number } = underWay
    this.#countOut(underWay)
    this.#underWay.set(id, { number, message: undefined })
    if (number !== undefined) this.#notes.received(number)
  }

  /** The client is done with what was sent with `id`. */
  acknowledged(id: number): void {
    const underWay = this.#underWay.get(id)
    if (underWay !== undefined) {
      this.#countOut(underWay)
      this.#done(underWay)
    }
    this.#underWay.delete(id)
    this.#passing.delete(id)
  }

  /** Drops the oldest; answers whether there was one. */
  dropOldest(): boolean {
    if (this.isEmpty) return false
    const [id] = this.#underWay.keys()
    if (id === undefined) this.#dropOldestWaiting()
    else this.#dropUnderWay(id)
    return true
  }

  /** Forgets everything, without a word. */
  clear(): void {
    for (const id of this.#underWay.keys()) this.acknowledged(id)
    for (const waiting of this.#waiting.splice(0)) {
      this.#options.usage.bytes -= costOf(waiting.message)
      this.#done(waiting)
    }
    this.#waitingBytes = 0
  }

  get #limitsNow(): QueueLimits {
    const { messages, bytes } = this.#options.limits
    return this.#isClientThere ? { messages: 2 * messages, bytes: 2 * bytes } : { messages, bytes }
  }

  // --- what waits ---

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting)
    this.#waitingBytes += bytesOf(waiting.message)
  }

  #nextWaiting(): Sending | undefined {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) return undefined
    const { number, message, isAgain = false } = waiting
    this.#waitingBytes -= bytesOf(message)
    const id = this.#freeId()
    if (message.qos === 2) {
      this.#notes.lastId(id)
      if (number !== undefined) this.#notes.sent(number, id)
    }
    this.#add(id, { number, message })
    this.#trimUnderWay()
    return { id, message, isAgain }
  }

  #trimWaiting(): void {
    while (this.#isWaitingTooMuch) this.#dropOldestWaiting()
  }

  get #isWaitingTooMuch(): boolean {
    const { messages, bytes } = this.#limitsNow
    return this.#waiting.length > messages || this.#waitingBytes > bytes
  }

  #dropOldestWaiting(): void {
    for (const waiting of this.#waiting.splice(0, 1)) this.#dropWaiting(waiting)
  }

  /** Counts out a message that was taken from those that wait. */
  #dropWaiting(waiting: Waiting): void {
    const { message } = waiting
    this.#waitingBytes -= bytesOf(message)
    this.#options.usage.bytes -= costOf(message)
    this.#done(waiting)
    this.#options.onDropped(message)
  }

  // --- what is under way ---

  #nextAgain(): Sending | undefined {
    for (let id = this.#again.shift(); id !== undefined; id = this.#again.shift()) {
      const underWay = this.#underWay.get(id)
      if (underWay !== undefined) return { id, message: underWay.message, isAgain: true }
    }
    return undefined
  }

  /** [MQTT-2.3.1-2] None of those under way. */
  #freeId(): number {
    do this.#lastId = (this.#lastId % maximumId) + 1
    while (this.#underWay.has(this.#lastId) || this.#passing.has(this.#lastId))
    return this.#lastId
  }

  #add(id: number, underWay: UnderWay): void {
    this.#underWay.set(id, underWay)
    if (underWay.message !== undefined) this.#underWayBytes += bytesOf(underWay.message)
  }

  #trimUnderWay(): void {
    const { messages, bytes } = this.#limitsNow
    const maximum = Math.min(messages, maximumUnderWay)
    for (const id of this.#underWay.keys()) {
      if (this.#underWay.size <= maximum && this.#underWayBytes <= bytes) break
      this.#dropUnderWay(id)
    }
  }

  #dropUnderWay(id: number): void {
    const message = this.#underWay.get(id)?.message
    this.acknowledged(id)
    if (message !== undefined) this.#options.onDropped(message)
  }

  #countOut({ message }: UnderWay): void {
    if (message === undefined) return
    this.#underWayBytes -= bytesOf(message)
    this.#options.usage.bytes -= costOf(message)
  }

  #done({ number }: UnderWay): void {
    if (number !== undefined) this.#notes.done(number)
  }
}

function bytesOf({ topic, payload }: OwnMessage): number {
  return Buffer.byteLength(topic) + payload.length
}

/** What keeping a message costs in all. */
function costOf(message: OwnMessage): number {
  return bytesOf(message) + messageBytes
}
