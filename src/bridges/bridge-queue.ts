/**
 * What waits to go over a bridge, in its order. What was acknowledged here is noted in the journal in the same breath, so
 * that it is on disk before the acknowledgement leaves, and stays there until the other broker has it.
 */
import type { LinkMessage } from '../bus/foreign/broker-connection.ts'
import { readMessage, writeMessage } from '../mqtt/message-record.ts'
import { plainGrant } from '../mqtt/subscriptions.ts'
import type { Journal } from '../store/journal.ts'

/**
 * `promised`: acknowledged, or the end of a value; kept over a restart. `value`: retained, and only the last of a topic counts;
 * the broker here has it, too. `passing`: for who is there now.
 */
export type KindOfWaiting = 'promised' | 'value' | 'passing'

/** A message that waits, or is under way. */
export interface Waiting {
  readonly message: LinkMessage
  readonly kind: KindOfWaiting
  readonly number: number
  /** How often a connection has ended while it was the first under way. */
  tries: number
}

export interface BridgeQueueOptions {
  /** Of the bridge. */
  readonly name: string
  readonly journal: Pick<Journal, 'note' | 'noteNew' | 'aheadMs'>
  readonly limits: { readonly messages: number; readonly bytes: number }
  /** A message was dropped, since there was no room or since the other broker does not bear it. */
  lost(message: LinkMessage, reason: string): void
}

/** What each message takes besides its topic, payload and properties. */
const messageBytes = 256

/** A message with which so many connections have ended, one after another, is one that the other broker does not bear. */
const mostTries = 10

export class BridgeQueue {
  readonly #options: BridgeQueueOptions
  /** The oldest first. */
  #waiting = new Map<number, Waiting>()
  readonly #underWay = new Map<number, Waiting>()
  /** Of values that wait, by topic. */
  readonly #values = new Map<string, Waiting>()
  #next = 0
  #bytes = 0

  constructor(options: BridgeQueueOptions) {
    this.#options = options
  }

  /** Takes what was noted before, in its order. */
  restore(number: number, record: Buffer): void {
    const { message } = readMessage(record, this.#options.journal.aheadMs)
    const { topic, payload: bytes, qos, retain, properties } = message
    this.#next = number + 1
    this.#put({
      message: { topic, bytes, qos, retain, properties },
      kind: 'promised',
      number,
      tries: 0,
    })
  }

  get messages(): number {
    return this.#waiting.size + this.#underWay.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** How many are under way. */
  get underWay(): number {
    return this.#underWay.size
  }

  /** Takes a message whose bytes nobody changes. */
  add(message: LinkMessage, kind: KindOfWaiting): void {
    const entry = { message, kind, number: this.#next++, tries: 0 }
    if (kind === 'value') this.#replace(entry)
    if (kind === 'promised') this.#note(entry)
    this.#put(entry)
  }

  #replace(entry: Waiting): void {
    const before = this.#values.get(entry.message.topic)
    if (before !== undefined) this.#remove(before)
    this.#values.set(entry.message.topic, entry)
  }

  #note({ message, number }: Waiting): void {
    const { journal, name } = this.#options
    const { bytes: payload, qos, retain } = message
    const record = writeMessage({ ...message, payload }, plainGrant(qos, retain), journal.aheadMs)
    journal.noteNew(keyOf(name, number), record)
  }

  #put(entry: Waiting): void {
    this.#waiting.set(entry.number, entry)
    this.#bytes += bytesOf(entry)
    const { messages, bytes } = this.#options.limits
    // The other broker may have what is under way.
    for (const oldest of this.#waiting.values()) {
      if (this.messages <= messages && this.#bytes <= bytes) break
      this.#lose(oldest, 'too much waits')
    }
  }

  #lose(entry: Waiting, reason: string): void {
    this.#remove(entry)
    this.#options.lost(entry.message, reason)
  }

  #remove(entry: Waiting): void {
    const { number, kind } = entry
    this.#forgetValue(entry)
    this.#waiting.delete(number)
    this.#underWay.delete(number)
    this.#bytes -= bytesOf(entry)
    const { journal, name } = this.#options
    if (kind === 'promised') journal.note(keyOf(name, number), undefined)
  }

  /** What is under way is not replaced any more. */
  #forgetValue(entry: Waiting): void {
    const { topic } = entry.message
    if (this.#values.get(topic) === entry) this.#values.delete(topic)
  }

  /** The oldest one that waits, which is under way from now on; undefined when none waits. */
  take(): Waiting | undefined {
    const [oldest] = this.#waiting.values()
    if (oldest === undefined) return undefined
    this.#forgetValue(oldest)
    this.#waiting.delete(oldest.number)
    this.#underWay.set(oldest.number, oldest)
    return oldest
  }

  /** The other broker has it, or never will. */
  done(entry: Waiting): void {
    if (this.#underWay.has(entry.number)) this.#remove(entry)
  }

  /** The connection has ended: what was under way waits again, before what came later. */
  startOver(): void {
    const [first] = this.#underWay.values()
    if (first !== undefined && ++first.tries >= mostTries) {
      this.#lose(first, `${mostTries} connections have ended with it`)
    }
    for (const entry of [...this.#underWay.values()]) {
      // Who was there may have it, and nobody else is to.
      if (entry.kind === 'passing') this.#remove(entry)
    }
    this.#waiting = new Map([...this.#underWay, ...this.#waiting])
    this.#underWay.clear()
  }
}

function bytesOf({ message: { topic, bytes, properties } }: Waiting): number {
  return messageBytes + Buffer.byteLength(topic) + bytes.length + (properties?.bytes.length ?? 0)
}

// --- in the store ---

const prefix = 'bridge/'

/** Digits enough for every number, so that keys stand in the order of the messages. */
const digits = 16

function keyOf(name: string, number: number): string {
  return `${prefix}${name}/${String(number).padStart(digits, '0')}`
}

export interface StoredWaiting {
  readonly name: string
  readonly number: number
  readonly record: Buffer
  readonly key: string
}

/** What was noted for all bridges, each one's in its order. */
export async function* storedWaiting(
  journal: Pick<Journal, 'entries'>,
): AsyncGenerator<StoredWaiting> {
  for await (const [key, record] of journal.entries(prefix)) {
    const [, name = '', number = ''] = key.split('/')
    yield { key, name, number: Number(number), record }
  }
}
