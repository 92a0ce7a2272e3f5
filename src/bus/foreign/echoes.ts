import type { Clock } from '../../core/clock.ts'
import type { Message } from '../../core/message.ts'

/** Longer than any broker takes; who may not publish on a topic waits in vain. */
const waitedMs = 30_000

/** Of all that wait together. */
const most = 10_000

interface Expected {
  readonly message: Message
  readonly untilMs: number
}

/**
 * What the hub has published itself comes back from the broker as bytes like all others. It is known again by its topic and
 * its bytes: two that have said the same at once cannot be told apart, and need not be.
 */
export class Echoes {
  readonly #clock: Pick<Clock, 'nowMs'>
  /** By topic, the one that has waited longest first. */
  readonly #waiting = new Map<string, Expected[]>()
  #count = 0

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock
  }

  expect(message: Message): void {
    const untilMs = this.#clock.nowMs() + waitedMs
    const before = this.#waiting.get(message.topic)
    if (before === undefined) this.#waiting.set(message.topic, [{ message, untilMs }])
    else before.push({ message, untilMs })
    this.#count++
    this.#giveUp()
  }

  /** The message that `bytes` on `topic` are the echo of; undefined when somebody else has said that. */
  take(topic: string, bytes: Buffer): Message | undefined {
    const expected = this.#waiting.get(topic)
    if (expected === undefined) return undefined
    const at = expected.findIndex(({ message }) => message.payload.bytes.equals(bytes))
    if (at < 0) return undefined
    const [found] = expected.splice(at, 1)
    this.#count--
    if (expected.length === 0) this.#waiting.delete(topic)
    return found?.message
  }

  /** The connection is gone on which they would have come. */
  clear(): void {
    this.#waiting.clear()
    this.#count = 0
  }

  #giveUp(): void {
    const nowMs = this.#clock.nowMs()
    for (const [topic, [oldest, ...later]] of this.#waiting) {
      if (this.#count <= most && oldest !== undefined && oldest.untilMs > nowMs) break
      this.#count--
      if (later.length === 0) this.#waiting.delete(topic)
      else this.#waiting.set(topic, later)
    }
  }
}
