import { setImmediate as turnOver } from 'node:timers/promises'
import type { OwnMessage } from './own-copy.ts'
import type { Qos } from './qos.ts'
import type { RetainedValues } from './retained-values.ts'

/** Who subscribed, and is to have what is retained. */
export interface RetainedReader {
  /** The QoS of its subscription to `filter`; undefined when it has none any more. */
  qosOf(filter: string): Qos | undefined
  /** Sends a message at no more than `qos`; answers whether another may follow at once. */
  sendRetained(message: OwnMessage, qos: Qos): boolean
  onceDrained(done: () => void): void
}

/**
 * Sends one client what is retained on the filters it subscribed to [MQTT-3.3.1-6], at the pace at
 * which it reads, and in turn with everybody else. A filter that waits already waits only once.
 */
export class RetainedReplay {
  readonly #values: RetainedValues
  readonly #reader: RetainedReader
  readonly #filters = new Set<string>()
  #isRunning = false

  constructor(values: RetainedValues, reader: RetainedReader) {
    this.#values = values
    this.#reader = reader
  }

  add(filters: Iterable<string>): void {
    for (const filter of filters) this.#filters.add(filter)
    if (!this.#isRunning) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    for (const filter of this.#filters) {
      this.#filters.delete(filter)
      await this.#replay(filter)
    }
    this.#isRunning = false
  }

  async #replay(filter: string): Promise<void> {
    for (const message of this.#values.matching(filter)) {
      const qos = this.#reader.qosOf(filter)
      if (qos === undefined) return
      if (message === undefined) await turnOver()
      else if (!this.#reader.sendRetained(message, qos)) await this.#drained()
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => this.#reader.onceDrained(resolve))
  }
}
