import { PacketFault } from './packet-fault.ts'
import type { MqttLimits } from './packet-types.ts'

export interface DeadlinesOptions {
  readonly limits: MqttLimits
  /** Whether it is us who do not listen to the client now. */
  isHeldBack(): boolean
  /** Whether the client waits for messages. */
  hasSubscriptions(): boolean
  onMissed(fault: PacketFault): void
}

/** What a client has to do in time: say CONNECT, keep its keep-alive, and be here for something. */
export class Deadlines {
  readonly #options: DeadlinesOptions
  /** For CONNECT at first, then for a first subscription or message. */
  #purpose: NodeJS.Timeout
  #keepAlive: NodeJS.Timeout | undefined
  #isSilent = false

  constructor(options: DeadlinesOptions) {
    this.#options = options
    this.#purpose = setTimeout(() => {
      this.#miss('mqtt-no-connect', 'expected a complete CONNECT in time')
    }, options.limits.connectSeconds * 1000)
  }

  /** CONNECT is complete. */
  connected(keepAliveSeconds: number): void {
    clearTimeout(this.#purpose)
    this.#purpose = setTimeout(() => {
      if (this.#options.hasSubscriptions()) this.#purpose.refresh()
      else this.#miss('mqtt-idle', 'expected a subscription or a message, got neither')
    }, this.#options.limits.idleSeconds * 1000)
    // [MQTT-3.1.2-24] One and a half times what was promised.
    this.#keepAlive = setTimeout(() => this.#lookAgain(), keepAliveSeconds * 1500)
  }

  /** A packet came. */
  heard(): void {
    this.#isSilent = false
    this.#keepAlive?.refresh()
  }

  published(): void {
    this.#purpose.refresh()
  }

  clear(): void {
    clearTimeout(this.#purpose)
    clearTimeout(this.#keepAlive)
    this.#keepAlive = undefined
  }

  /**
   * What came while the event loop stood still is read before the second look: nobody is cut for a
   * delay of ours.
   */
  #lookAgain(): void {
    this.#isSilent = true
    this.#keepAlive?.refresh()
    setImmediate(() => {
      if (!this.#isSilent || this.#keepAlive === undefined || this.#options.isHeldBack()) return
      this.#miss('mqtt-keep-alive', 'expected a packet in time')
    })
  }

  #miss(counter: string, message: string): void {
    this.#options.onMissed(new PacketFault(counter, message))
  }
}
