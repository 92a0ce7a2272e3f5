import type { Config } from '../generated/config.ts'
import type { KeptMessage } from './message-record.ts'
import { packetTypes, protocolError } from './packet.ts'
import type { SessionJournal, StoredMessage } from './session-journal.ts'
import type { Grant, ShareGroup } from './subscriptions.ts'

/** How much may wait for one client; see `limits.sessions` in the configuration. */
export type QueueLimits = Readonly<Pick<Config['limits']['sessions'], 'messages' | 'bytes'>>

export interface QueueOptions {
  readonly limits: QueueLimits
  /** What all queues hold together. */
  readonly usage: { bytes: number }
  /** A message was given up before the client acknowledged it. */
  onDropped(message: KeptMessage): void
  readonly journal: SessionJournal
}

/** A message above QoS 0 for one client. */
export interface Delivery {
  readonly message: KeptMessage
  readonly grant: Grant
  /** Through which it came; another member may take it over. */
  readonly group?: ShareGroup | undefined
}

/** A message that waits, and the number under which it was noted. */
interface Waiting extends Delivery {
  readonly number: number | undefined
  /** An earlier hub may have sent it. */
  readonly isAgain?: boolean
}

/** What is under way: its message is undefined when that has arrived, or ends with the connection. */
interface UnderWay {
  readonly number: number | undefined
  readonly delivery: Delivery | undefined
  /** What the client has to say next; it may say PUBREC again. */
  readonly awaited: number
  /** Whether it ends with the connection. */
  readonly isPassing?: boolean
}

/** What is to be written next: a message, or PUBREL when the message has arrived. */
export interface Sending {
  readonly id: number
  readonly delivery: Delivery | undefined
  /** Whether it was written before, on another connection. */
  readonly isAgain: boolean
}

/** [MQTT-2.3.1-1] */
const maximumId = 65_535

/** So that an id is always free. */
const maximumUnderWay = 32_000

/** About what a message costs besides its payload and its topic. */
const messageBytes = 256

const { puback, pubrec, pubcomp } = packetTypes

/**
 * What is on its way to one client above QoS 0: messages that wait to be written, in order, and those under
 * way, which have an id and wait to be acknowledged. The limits hold for each of the two; past them the
 * oldest are dropped. While the client is there they are twice as high: what comes in the meantime
 * does not push out what waited for it.
 */
export class SessionQueue {
  readonly #options: QueueOptions
  readonly #journal: SessionJournal
  /** Whether what is sent stays here until it is acknowledged; else it ends with the connection. */
  readonly #isKept: boolean
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  /** By id, the first one sent first. */
  readonly #underWay = new Map<number, UnderWay>()
  #underWayBytes = 0
  /** Ids under way that were not sent on this connection yet. */
  readonly #again = new Set<number>()
  #lastId = 0
  #isClientThere = false
  #receiveMaximum = maximumId

  constructor(options: QueueOptions, isKept: boolean) {
    this.#options = options
    this.#isKept = isKept
    this.#journal = options.journal
  }

  get isEmpty(): boolean {
    return this.#waiting.length + this.#underWay.size === 0
  }

  /** Whether a message that is added now is sent at once [MQTT-3.3.4-9]. */
  get hasRoom(): boolean {
    if (this.#waiting.length + this.#again.size > 0 || !this.#isWindowOpen) return false
    const { messages } = this.#options.limits
    return this.#underWay.size < (this.#isKept ? messages : maximumUnderWay)
  }

  /** How many messages there are, and their bytes. */
  get size(): { readonly messages: number; readonly bytes: number } {
    const messages = this.#waiting.length + this.#underWay.size
    return { messages, bytes: this.#waitingBytes + this.#underWayBytes }
  }

  /**
   * Takes over what an earlier hub has noted. What had been sent at QoS 1 was not noted: it may come
   * again. As many as may wait do so, and the older ones count as under way.
   */
  restore(messages: readonly StoredMessage[], lastId: number): void {
    this.#lastId = lastId
    for (const { id, delivery, number } of messages) {
      if (id !== undefined)
        this.#add(id, { number, delivery, awaited: delivery ? pubrec : pubcomp })
      else if (delivery !== undefined) {
        this.#wait({ number, ...delivery, isAgain: delivery.grant.qos === 1 })
      }
      if (delivery !== undefined) this.#options.usage.bytes += costOf(delivery.message)
    }
    while (this.#isWaitingTooMuch) this.#nextWaiting()
    this.#trimUnderWay()
  }

  /** The client is there: what is under way is sent again, and then what waits. */
  resume(receiveMaximum: number): void {
    this.#isClientThere = true
    this.#receiveMaximum = receiveMaximum
    for (const id of this.#underWay.keys()) this.#again.add(id)
  }

  /** The client has gone. A message that may not wait for it is dropped. */
  leave(mayWait: (message: KeptMessage) => boolean): void {
    this.#isClientThere = false
    this.#again.clear()
    for (const [id, { delivery, isPassing }] of this.#underWay) {
      if (isPassing === true) this.#underWay.delete(id)
      else if (delivery !== undefined && !mayWait(delivery.message)) this.#dropUnderWay(id)
    }
    for (const waiting of this.#waiting.splice(0)) {
      if (mayWait(waiting.message)) this.#waiting.push(waiting)
      else this.#dropWaiting(waiting)
    }
    this.#trimWaiting()
    this.#trimUnderWay()
  }

  /** Lets a message wait to be written. */
  add(delivery: Delivery): void {
    this.#wait({ ...delivery, number: this.#journal.waits(delivery) })
    this.#options.usage.bytes += costOf(delivery.message)
    this.#trimWaiting()
  }

  /** What is to be written now; from then on it is under way. */
  next(): Sending | undefined {
    if (!this.#isWindowOpen) return undefined
    return this.#nextAgain() ?? this.#nextWaiting()
  }

  /** An id for a message that is sent once, whatever becomes of it; there has to be room. */
  pass(qos: number): number {
    const id = this.#freeId()
    this.#journal.lastId(id)
    const awaited = qos === 1 ? puback : pubrec
    this.#add(id, { number: undefined, delivery: undefined, awaited, isPassing: true })
    this.#trimUnderWay()
    return id
  }

  /**
   * The client has said PUBACK, PUBREC or PUBCOMP, or that it does not take the message. Returns whether it
   * was the next step of a message that is under way, of which there are as many as there are messages.
   *
   * @throws PacketFault when it is of the wrong kind. One for an id nobody knows passes; after a
   * reconnection that is how unfinished messages are finished.
   */
  acknowledged(type: number, id: number, isRefused = false): boolean {
    const underWay = this.#underWay.get(id)
    if (underWay === undefined) return false
    const { awaited } = underWay
    if (type === awaited) {
      if (type === pubrec && !isRefused) this.#arrived(id, underWay)
      else this.#finish(id)
      return true
    }
    if (type === pubrec && awaited === pubcomp) return false
    throw protocolError(`expected packet type ${awaited} for this message, got ${type}`)
  }

  /** Whether PUBACK, PUBREC or PUBCOMP is the next step of a message that is under way. */
  awaits(type: number, id: number): boolean {
    return this.#underWay.get(id)?.awaited === type
  }

  /** What was sent with `id` is nothing for the client after all. */
  giveUp(id: number): void {
    this.#finish(id)
  }

  /** Takes out what another member of its group may have [MQTT-4.8.2-4]: QoS 2 under way is not among it. */
  takeShared(): Delivery[] {
    const taken: Delivery[] = []
    for (const [id, { delivery, awaited }] of this.#underWay) {
      if (delivery?.group === undefined || awaited !== puback) continue
      taken.push(delivery)
      this.#finish(id)
    }
    for (const waiting of this.#waiting.splice(0)) {
      if (waiting.group === undefined) this.#waiting.push(waiting)
      else {
        taken.push(waiting)
        this.#countOutWaiting(waiting)
      }
    }
    return taken
  }

  /** What waits to be written on `topic` is dropped. */
  recall(topic: string): void {
    if (this.#waiting.length === 0) return
    for (const waiting of this.#waiting.splice(0)) {
      if (waiting.message.topic === topic) this.#dropWaiting(waiting)
      else this.#waiting.push(waiting)
    }
  }

  /** Drops the oldest; returns whether there was one. */
  dropOldest(): boolean {
    if (this.isEmpty) return false
    const [id] = this.#underWay.keys()
    if (id === undefined) this.#dropOldestWaiting()
    else this.#dropUnderWay(id)
    return true
  }

  /** Forgets everything, without a word. */
  clear(): void {
    for (const id of this.#underWay.keys()) this.#finish(id)
    for (const waiting of this.#waiting.splice(0)) this.#countOutWaiting(waiting)
  }

  get #limitsNow(): QueueLimits {
    const { messages, bytes } = this.#options.limits
    return this.#isClientThere ? { messages: 2 * messages, bytes: 2 * bytes } : { messages, bytes }
  }

  /** [MQTT-3.3.4-7] PUBRELs that wait for PUBCOMP count as well. */
  get #isWindowOpen(): boolean {
    return this.#underWay.size - this.#again.size < this.#receiveMaximum
  }

  // --- what waits ---

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting)
    this.#waitingBytes += bytesOf(waiting.message)
  }

  #nextWaiting(): Sending | undefined {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) return undefined
    const { number, isAgain = false, ...delivery } = waiting
    const { message, grant, group } = delivery
    this.#waitingBytes -= bytesOf(message)
    const id = this.#freeId()
    if (grant.qos === 2) {
      this.#journal.lastId(id)
      if (number !== undefined) this.#journal.sent(number, id)
    }
    const awaited = grant.qos === 1 ? puback : pubrec
    const isPassing = !this.#isKept && group === undefined
    if (isPassing) this.#options.usage.bytes -= costOf(message)
    this.#add(id, { number, delivery: isPassing ? undefined : delivery, awaited, isPassing })
    this.#trimUnderWay()
    return { id, delivery, isAgain }
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

  #dropWaiting(waiting: Waiting): void {
    this.#countOutWaiting(waiting)
    this.#options.onDropped(waiting.message)
  }

  /** Counts out a message that was taken from those that wait. */
  #countOutWaiting({ message, number }: Waiting): void {
    this.#waitingBytes -= bytesOf(message)
    this.#options.usage.bytes -= costOf(message)
    if (number !== undefined) this.#journal.done(number)
  }

  // --- what is under way ---

  #nextAgain(): Sending | undefined {
    const [id] = this.#again
    if (id === undefined) return undefined
    this.#again.delete(id)
    return { id, delivery: this.#underWay.get(id)?.delivery, isAgain: true }
  }

  /** [MQTT-2.3.1-2] None of those under way. */
  #freeId(): number {
    do this.#lastId = (this.#lastId % maximumId) + 1
    while (this.#underWay.has(this.#lastId))
    return this.#lastId
  }

  #add(id: number, underWay: UnderWay): void {
    this.#underWay.set(id, underWay)
    const { delivery } = underWay
    if (delivery !== undefined) this.#underWayBytes += bytesOf(delivery.message)
  }

  #trimUnderWay(): void {
    const { messages, bytes } = this.#limitsNow
    const maximum = this.#isKept ? Math.min(messages, maximumUnderWay) : maximumUnderWay
    for (const id of this.#underWay.keys()) {
      if (this.#underWay.size <= maximum && this.#underWayBytes <= bytes) break
      this.#dropUnderWay(id)
    }
  }

  #dropUnderWay(id: number): void {
    const message = this.#underWay.get(id)?.delivery?.message
    this.#finish(id)
    if (message !== undefined) this.#options.onDropped(message)
  }

  /** A message has arrived, and is not sent again: PUBREL takes its place [MQTT-4.3.3-1]. */
  #arrived(id: number, underWay: UnderWay): void {
    const { number } = underWay
    this.#countOut(underWay)
    this.#underWay.set(id, { ...underWay, delivery: undefined, awaited: pubcomp })
    if (number !== undefined) this.#journal.received(number)
  }

  /** The client is done with what was sent with `id`. */
  #finish(id: number): void {
    const underWay = this.#underWay.get(id)
    if (underWay === undefined) return
    this.#countOut(underWay)
    if (underWay.number !== undefined) this.#journal.done(underWay.number)
    this.#underWay.delete(id)
    this.#again.delete(id)
  }

  #countOut({ delivery }: UnderWay): void {
    if (delivery === undefined) return
    this.#underWayBytes -= bytesOf(delivery.message)
    this.#options.usage.bytes -= costOf(delivery.message)
  }
}

function bytesOf({ topic, payload }: KeptMessage): number {
  return Buffer.byteLength(topic) + payload.length
}

/** What keeping a message costs in all. */
function costOf(message: KeptMessage): number {
  return bytesOf(message) + messageBytes
}
