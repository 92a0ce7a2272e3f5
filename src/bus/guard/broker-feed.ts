import type { ByteShare } from '../../core/byte-budget.ts'
import { Inbound, type InboundOptions, overheadBytes } from './inbound.ts'
import { headOf, isOversize } from './oversize.ts'

/**
 * Past the first, the socket is not read; it is again below the second. A PUBREL comes behind all that its
 * client has sent: for one, the socket is read up to the third, or to two of the largest messages.
 */
const waitingBytes = { pause: 128 * 1024, resume: 32 * 1024, blocked: 1024 * 1024 }

export interface BrokerFeedOptions extends InboundOptions {
  /** Tells the broker that there is something to take. */
  wake(): void
  /** How large a message may be. */
  readonly largestBytes: number
  /** Of what all clients together may have waiting here. */
  readonly share: ByteShare
  /** How many messages at QoS 2 are open besides those that every client may have: for each an id is kept. */
  openPastWindow(): number
  /** Deals with a PUBLISH at QoS 0 or 1, or one that is too large, and then calls `done`; what fails ends the connection. */
  publish(packet: Buffer, done: () => void): void
  /** A run of such messages has been dealt with, and there is more room. */
  onPublished(): void
  /** The client sends faster than it may, and waits. */
  onHeldBack(): void
  /** The client has ended, and the broker has dealt with all it sent. */
  onEnd(): void
}

/**
 * Hands the packets of one client to the broker, run by run: the next one when the broker is done with
 * the one before and asks for more. Messages at QoS 0 and 1 need nothing of what the broker knows of a
 * client, and go past its parser when it is their turn; so do those that are too large.
 */
export class BrokerFeed {
  readonly #options: BrokerFeedOptions
  readonly #inbound: Inbound
  readonly #blockedBytes: number
  #phase: 'new' | 'connecting' | 'ready' = 'new'
  /** Whether the broker has dealt with all it took, and waits to be told of more. */
  #isBrokerIdle = true
  #isParsing = false
  #isDoneParsing = false
  #isHeldBack = false
  #hasEnded = false

  constructor(options: BrokerFeedOptions) {
    this.#options = options
    this.#inbound = new Inbound(options)
    this.#blockedBytes = Math.max(waitingBytes.blocked, 2 * options.largestBytes)
  }

  /** Whether so much waits that the socket is not read meanwhile. */
  get isFull(): boolean {
    const { bytes } = this.#inbound
    if (bytes <= waitingBytes.pause) return false
    return bytes > this.#blockedBytes || !this.isBlocked
  }

  /** Whether so many bytes of the next packet may be kept besides what waits. */
  mayKeep(bytes: number): boolean {
    const ids = this.#options.openPastWindow() * overheadBytes
    return this.#options.share.hold(this.#inbound.bytes + ids + bytes)
  }

  /** Nothing of it is of use any more. */
  discard(): void {
    this.#options.share.hold(0)
  }

  /** Whether so little waits that the socket is read again. */
  get hasRoom(): boolean {
    return this.#inbound.bytes < waitingBytes.resume
  }

  /** Whether the broker may take nothing more before the client sends PUBREL. */
  get isBlocked(): boolean {
    return this.#isBrokerIdle && this.#inbound.isBlocked
  }

  /**
   * `requests`: for how many requests the packet counts, besides messages. Of an oversize one the head is
   * kept: it is refused when it is its turn.
   */
  add(packet: Buffer, requests: number): void {
    this.#inbound.add(isOversize(packet) ? headOf(packet) : packet, requests)
    this.mayKeep(0)
  }

  /** Lets the broker know of what was added, if it waits. */
  wake(): void {
    if (!this.#isBrokerIdle || this.#isHeldBack || this.#inbound.isEmpty) return
    this.#isBrokerIdle = false
    if (!this.#publishNext()) this.#options.wake()
  }

  /** The broker is done with CONNECT and with what was kept for the client. */
  ready(): void {
    this.#phase = 'ready'
  }

  /**
   * Nothing more will be added. What was added is still dealt with, but for what waits for a PUBREL that
   * cannot come: the client has no answer to it.
   */
  end(): void {
    this.#hasEnded = true
    if (this.#isBrokerIdle) this.#rest()
  }

  /** The broker asks for more: it is done with what it had. */
  take(): Buffer | null {
    // In the middle of CONNECT Aedes asks as well; what follows waits for its end.
    if (this.#phase === 'connecting') return null
    if (this.#isParsing) {
      this.#isDoneParsing = true
      return null
    }
    if (this.#publishNext()) return null
    const run = this.#inbound.take()
    this.mayKeep(0)
    if (run === undefined) this.#rest()
    else this.#handOver()
    return run ?? null
  }

  /** Publishes the next run, if it may go past the broker; answers whether there was one. */
  #publishNext(): boolean {
    if (this.#phase !== 'ready') return false
    const run = this.#inbound.takeMessages()
    this.mayKeep(0)
    let left = run.length
    const rest = () => {
      this.#rest()
      this.#options.onPublished()
    }
    const done = () => {
      left--
      if (left > 0) return
      if (isLarge(run)) setImmediate(rest)
      else rest()
    }
    for (const packet of run) this.#options.publish(packet, done)
    return run.length > 0
  }

  /**
   * A packet may be dealt with before the parser is back from the run it came in. What Aedes asks for
   * then would go into a parser that is not done.
   */
  #handOver(): void {
    if (this.#phase === 'new') this.#phase = 'connecting'
    this.#isParsing = true
    queueMicrotask(() => {
      this.#isParsing = false
      if (!this.#isDoneParsing) return
      this.#isDoneParsing = false
      this.#rest()
    })
  }

  /** The broker has nothing to do for this client, for now. */
  #rest(): void {
    this.#isBrokerIdle = true
    if (this.#inbound.isEmpty || this.#inbound.isBlocked) {
      if (this.#hasEnded) this.#options.onEnd()
      return
    }
    const waitMs = this.#inbound.waitMs()
    if (waitMs === 0) this.wake()
    else this.#holdBack(waitMs)
  }

  #holdBack(waitMs: number): void {
    this.#options.onHeldBack()
    this.#isHeldBack = true
    setTimeout(() => {
      this.#isHeldBack = false
      this.wake()
    }, waitMs)
  }
}

/** More than a turn of the event loop should bring to each receiver from one sender. */
const largeRun = { packets: 64, bytes: 16 * 1024 }

/**
 * Whether receivers should have a turn to read what a run brought them: a sender that is faster than they
 * can be told would have them all cut for being slow.
 */
function isLarge(run: readonly Buffer[]): boolean {
  if (run.length >= largeRun.packets) return true
  return run.reduce((sum, { length }) => sum + length, 0) > largeRun.bytes
}
