import type { WebSocket } from 'ws'
import type { UserRate } from '../access/user-rates.ts'
import { laterForSure } from '../core/clock.ts'
import { HubError } from '../core/errors.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { TokenBucket } from '../core/token-bucket.ts'

/** What rate control needs of a websocket. */
export type PausableSocket = Pick<WebSocket, 'pause' | 'resume' | 'pong'>

export interface ReadLimits {
  readonly messagesPerSecond: number
  readonly messageBurst: number
}

export interface RateLimitedReaderOptions {
  readonly limits: ReadLimits
  readonly sampledLog: SampledLog
  /** For how many messages a ping or a pong counts; one, if nothing else is said. */
  readonly pingCost?: number
  /** For how many messages a frame counts; one, if nothing else is said. */
  costOf?(frame: Buffer): number
  receive(frame: Buffer): void
  /** What the user of the socket may send on all connections together. */
  readonly userRate?: UserRate
  /**
   * When a socket that goes on to send too much while the hub is short of memory is disconnected, and who
   * tells its peer; never without this.
   */
  readonly disconnect?: {
    readonly afterSeconds: number
    isShortOfMemory(): boolean
    notify(error: HubError): void
  }
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
}

/** A socket that was not held back for so long keeps its rate again. */
const calmMs = 1000

/**
 * Lets a socket have its rate. What is past it waits, and the socket is not read meanwhile, so that TCP
 * makes its peer wait too; only one that goes on for long while memory is short is disconnected.
 */
export class RateLimitedReader {
  readonly #socket: PausableSocket
  readonly #options: RateLimitedReaderOptions
  readonly #now: () => number
  readonly #bucket: TokenBucket
  /** What came with the piece that went past the rate. Pausing does not stop what was read already. */
  #waiting: Buffer[] = []
  #takenCount = 0
  /** RFC 6455, 5.5.3: of several pings only the latest has to be answered. */
  #ping: Buffer | undefined
  #cancelWait: (() => void) | undefined
  #overSinceMs = 0
  #heldUntilMs = Number.NEGATIVE_INFINITY
  #isPaused = false
  #isClosed = false

  constructor(socket: PausableSocket, options: RateLimitedReaderOptions) {
    const { limits, now = () => performance.now() } = options
    this.#socket = socket
    this.#options = options
    this.#now = now
    this.#bucket = new TokenBucket({
      perSecond: limits.messagesPerSecond,
      burst: limits.messageBurst,
      now,
    })
  }

  message(frame: Buffer): void {
    if (this.#isClosed) return
    if (this.#cancelWait !== undefined) this.#waiting.push(frame)
    else if (!this.#isTooSoon(this.#costOf(frame))) this.#options.receive(frame)
    else {
      this.#waiting.push(frame)
      this.#holdBack()
    }
  }

  /** Whether the socket is not to be read now. */
  get isHeldBack(): boolean {
    return this.#isPaused
  }

  /** Pings have a cost, or they would be the cheaper flood. */
  ping(data: Buffer): void {
    if (this.#isClosed) return
    this.#ping = data
    if (this.#cancelWait === undefined) this.#drain()
  }

  /** Frames that nothing follows from cost as much: pongs, fragments, and what is refused. */
  noise(count = 1): void {
    if (this.#isClosed || this.#cancelWait !== undefined) return
    if (!this.#bucket.take(count * this.#pingCost())) this.#holdBack()
  }

  /** Nothing is received any more. */
  close(): void {
    this.#isClosed = true
    this.#waiting = []
    this.#cancelWait?.()
  }

  #drain(): void {
    this.#cancelWait = undefined
    while (!this.#isClosed && this.#hasWork()) {
      if (this.#isTooSoon(this.#nextCost())) {
        this.#holdBack()
        return
      }
      this.#dealWithNext()
    }
    this.#waiting = []
    this.#takenCount = 0
    if (this.#isPaused) this.#socket.resume()
    this.#isPaused = false
  }

  #hasWork(): boolean {
    return this.#ping !== undefined || this.#takenCount < this.#waiting.length
  }

  #isTooSoon(cost: number): boolean {
    const { userRate, sampledLog } = this.#options
    if (userRate === undefined) return !this.#bucket.take(cost)
    const held = userRate.heldBy(this.#bucket, cost)
    if (held === 'user') sampledLog.warn('user-held-back', {}, 'a user sends faster than one may')
    return held !== undefined
  }

  #pingCost(): number {
    return this.#options.pingCost ?? 1
  }

  #nextCost(): number {
    const frame = this.#waiting[this.#takenCount]
    if (this.#ping !== undefined || frame === undefined) return this.#pingCost()
    return this.#costOf(frame)
  }

  #costOf(frame: Buffer): number {
    return this.#options.costOf?.(frame) ?? 1
  }

  #dealWithNext(): void {
    const ping = this.#ping
    if (ping !== undefined) {
      this.#ping = undefined
      this.#socket.pong(ping)
      return
    }
    const frame = this.#waiting[this.#takenCount]
    this.#takenCount++
    if (frame !== undefined) this.#options.receive(frame)
  }

  #holdBack(): void {
    const { limits, sampledLog, disconnect } = this.#options
    const nowMs = this.#now()
    const isCalm = nowMs - this.#heldUntilMs > calmMs
    if (isCalm || disconnect?.isShortOfMemory() === false) this.#overSinceMs = nowMs
    if (disconnect !== undefined && nowMs - this.#overSinceMs > disconnect.afterSeconds * 1000) {
      sampledLog.warn('websocket-over-rate', {}, 'a websocket sends too much: it is closed')
      this.close()
      const most = `at most ${limits.messagesPerSecond} messages a second`
      disconnect.notify(new HubError('too-fast', `expected ${most}, got more for too long`))
      return
    }
    sampledLog.warn('websocket-held-back', {}, 'a websocket sends faster than it may')
    const waitMs = Math.max(1, this.#bucket.waitMs(), this.#options.userRate?.waitMs() ?? 0)
    this.#heldUntilMs = nowMs + waitMs
    if (!this.#isPaused) this.#socket.pause()
    this.#isPaused = true
    this.#cancelWait = laterForSure(waitMs, () => this.#drain())
  }
}

/** Lets `reader` have all that comes on `websocket`; what is too large has come for nothing. */
export function readFrom(websocket: WebSocket, reader: RateLimitedReader): void {
  websocket.on('message', (frame) => {
    // Never anything else with the default binaryType.
    if (Buffer.isBuffer(frame)) reader.message(frame)
  })
  websocket.on('ping', (data) => reader.ping(data))
  websocket.on('pong', () => reader.noise())
  websocket.on('fragments', (count: number) => reader.noise(count))
  websocket.on('excess', () => reader.noise())
}
