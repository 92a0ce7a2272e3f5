import { type AlarmClock, steadyMs } from '../core/clock.ts'
import type { Journal } from '../store/journal.ts'
import type { Will } from './read-connect.ts'

export interface WillsOptions {
  readonly clock: Pick<AlarmClock, 'after'>
  readonly journal: Pick<Journal, 'isLasting' | 'note' | 'entries' | 'aheadMs'>
  /** Publishes a will as one more message of its client, who came from `address`. */
  publish(name: string, will: Will, address: string): void
}

/** A will, and what has to be known of its client. */
export interface LeftWill {
  readonly will: Will
  readonly address: string
  readonly keepAliveSeconds: number
}

interface Held extends LeftWill {
  /** Calls off its publication, while that is awaited. */
  readonly cancel?: () => void
  /** Whether it is only an earlier hub that has gone, and not its client. */
  readonly isOfEarlier?: boolean
}

const keyPrefix = 'will/'

/** How long a client is awaited that has promised no packet, or one after longer than this. */
const longestSilenceSeconds = 60

/** No alarm is set for longer: a will with a longer delay is published after 24 days. */
const longestAlarmMs = 2 ** 31 - 1

/**
 * The wills of clients: they are kept while their clients are there, and published when those have gone
 * without a word [MQTT-3.1.2-8]. They outlive the hub: the next one publishes the wills of who does not come
 * back to it.
 */
export class Wills {
  readonly #options: WillsOptions
  readonly #held = new Map<string, Held>()
  #isClosed = false

  constructor(options: WillsOptions) {
    this.#options = options
  }

  /** Takes over those of an earlier hub, whose clients may be back soon. */
  async restore(): Promise<void> {
    for await (const [key, value] of this.#options.journal.entries(keyPrefix)) {
      const name = decodeURIComponent(key.slice(keyPrefix.length))
      const { left, dueMs } = readRecord(value)
      const isOfEarlier = dueMs === undefined
      const waitMs = isOfEarlier ? silenceMs(left) : Math.max(0, dueMs - this.#nowMs())
      this.#await(name, { ...left, isOfEarlier }, waitMs)
    }
  }

  /** A client is there, and leaves a will or none. */
  left(name: string, left: LeftWill | undefined): void {
    this.#drop(name)
    if (left === undefined) return
    this.#held.set(name, left)
    this.#note(name, left)
  }

  /** A client has said good-bye [MQTT-3.1.2-10]. */
  forget(name: string): void {
    this.#drop(name)
  }

  /** A client has gone without a word; its session ends after so long. */
  gone(name: string, expirySeconds: number): void {
    const held = this.#held.get(name)
    if (held === undefined || this.#isClosed) return
    // [MQTT-3.1.3-9] The end of the session is the latest time.
    const delaySeconds = Math.min(held.will.delaySeconds, expirySeconds)
    if (delaySeconds === 0) {
      this.#publish(name, held)
      return
    }
    const dueMs = this.#nowMs() + delaySeconds * 1000
    this.#note(name, held, dueMs)
    this.#await(name, held, delaySeconds * 1000)
  }

  /** A client is back. [MQTT-3.1.3-9] With a session that goes on, nobody has to know that it was away. */
  returned(name: string, isPresent: boolean): void {
    const held = this.#held.get(name)
    if (held?.cancel === undefined) return
    if (isPresent || held.isOfEarlier === true) this.#drop(name)
    else this.#publish(name, held)
  }

  /** A session has ended before its client was back. */
  sessionEnded(name: string): void {
    const held = this.#held.get(name)
    if (held?.cancel !== undefined && held.isOfEarlier !== true) this.#publish(name, held)
  }

  /** From now on none is published: that clients go away is the doing of the hub. */
  close(): void {
    this.#isClosed = true
    for (const { cancel } of this.#held.values()) cancel?.()
  }

  #nowMs(): number {
    return steadyMs() + this.#options.journal.aheadMs
  }

  #await(name: string, held: Held, delayMs: number): void {
    const { clock } = this.#options
    const cancel = clock.after(Math.min(delayMs, longestAlarmMs), () => this.#publish(name, held))
    this.#held.set(name, { ...held, cancel })
  }

  #note(name: string, left: LeftWill | undefined, dueMs?: number): void {
    const { isLasting, note } = this.#options.journal
    if (!isLasting) return
    note(keyPrefix + encodeURIComponent(name), left && writeRecord(left, dueMs))
  }

  #publish(name: string, held: LeftWill): void {
    this.#options.publish(name, held.will, held.address)
    this.#drop(name)
  }

  #drop(name: string): void {
    const held = this.#held.get(name)
    if (held === undefined) return
    held.cancel?.()
    this.#held.delete(name)
    this.#note(name, undefined)
  }
}

/** How long the clients of an earlier hub have to come back. */
function silenceMs({ keepAliveSeconds, will }: LeftWill): number {
  const isBounded = keepAliveSeconds > 0 && keepAliveSeconds <= longestSilenceSeconds
  const seconds = isBounded ? 1.5 * keepAliveSeconds : longestSilenceSeconds
  return (seconds + will.delaySeconds) * 1000
}

/** A will as the store has it: JSON, in which bytes are base64. */
interface WillRecord extends Omit<Will, 'payload' | 'properties'> {
  readonly payload: string
  readonly properties: string
  readonly address: string
  readonly keepAliveSeconds: number
  /** When it is to be published, of a client that has gone. */
  readonly dueMs?: number | undefined
}

function writeRecord({ will, address, keepAliveSeconds }: LeftWill, dueMs?: number): Buffer {
  const payload = will.payload.toString('base64')
  const properties = will.properties.toString('base64')
  const record: WillRecord = { ...will, payload, properties, address, keepAliveSeconds, dueMs }
  return Buffer.from(JSON.stringify(record))
}

function readRecord(value: Buffer): {
  readonly left: LeftWill
  readonly dueMs: number | undefined
} {
  const record: WillRecord = JSON.parse(value.toString())
  const { address, keepAliveSeconds, dueMs, payload, properties, ...rest } = record
  const bytes = (text: string) => Buffer.from(text, 'base64')
  const will = { ...rest, payload: bytes(payload), properties: bytes(properties) }
  return { left: { will, address, keepAliveSeconds }, dueMs }
}
