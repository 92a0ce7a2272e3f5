/** One connection to a system that is asked by HTTP and heard by websocket: what fails in it ends all of it, once. */
import { detached } from '../core/guard.ts'
import { endingOf, FarHttp } from './far-http.ts'
import { FarWebSocket, type FarWebSocketEvents, type FarWebSocketOptions } from './far-websocket.ts'
import { type FarSystem, type LinkEnding, type LinkEvents, nobody } from './upstream.ts'

export class FarConversation {
  readonly http: FarHttp
  readonly #far: FarSystem
  readonly #link: LinkEvents
  #socket: FarWebSocket | undefined
  #isOver = false
  /** When what waits has its turn. */
  #dueMs = Number.POSITIVE_INFINITY
  #stopWaiting: () => void = nobody

  constructor(far: FarSystem, link: LinkEvents) {
    this.#far = far
    this.#link = link
    this.http = new FarHttp(far)
  }

  /** Opens the websocket, of which there is one. */
  dial(options: Omit<FarWebSocketOptions, 'far'>, events: FarWebSocketEvents): FarWebSocket {
    const socket = new FarWebSocket({ far: this.#far, ...options }, events)
    this.#socket = socket
    return socket
  }

  /** The first picture is there. */
  connected(): void {
    this.#link.connected()
  }

  /** Does what may fail, and is waited for by nobody. */
  try(act: () => Promise<void>): void {
    detached(act().catch((error: unknown) => this.gone(endingOf(error))))
  }

  /** Does it in `delayMs`, in place of what waits. */
  after(delayMs: number, act: () => Promise<void>): void {
    const { clock } = this.#far
    this.#dueMs = clock.nowMs() + delayMs
    this.#stopWaiting()
    this.#stopWaiting = clock.after(delayMs, () => this.try(act))
  }

  /** The same, unless what waits has its turn before, or is having it. */
  within(delayMs: number, act: () => Promise<void>): void {
    if (this.#far.clock.nowMs() + delayMs < this.#dueMs) this.after(delayMs, act)
  }

  /** It has ended by itself, and why. */
  gone(ending: LinkEnding): void {
    if (this.#isOver) return
    this.end()
    this.#link.gone(ending)
  }

  /** Gives it up: nothing is told any more. */
  end(): void {
    this.#isOver = true
    this.#stopWaiting()
    this.http.end()
    this.#socket?.end()
  }
}
