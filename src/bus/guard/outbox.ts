import type { Duplex } from 'node:stream'
import type { ByteShare } from '../../core/byte-budget.ts'
import type { EndOfTick } from '../../core/callbacks.ts'
import type { Journal } from '../journal.ts'
import { HeldPackets } from './held-packets.ts'
import { Outbound } from './outbound.ts'
import { isRetained, packetTypes, typeOf } from './packet-types.ts'

export interface OutboxOptions {
  readonly socket: Duplex
  readonly turnEnd: EndOfTick
  readonly journal: Pick<Journal, 'isLasting' | 'settled'>
  /** How much may wait for the client, besides two of the largest packets among it. */
  readonly limitBytes: number
  /** Of what waits for all clients together. */
  readonly share: ByteShare
  /** Is called with each complete packet, and may change it in place. */
  onPacket(packet: Buffer): void
  /** Whether the session of the client outlives its connection. */
  isKept(): boolean
  /** A replay that had to wait may go on. */
  onDrained(): void
  /** More than the limit waits for the client, or more than its share. */
  onFull(waitingBytes: number): void
}

/** How much of a replay of kept messages may wait for a slow reader before the replay does. */
const replayBytes = 64 * 1024

/**
 * What goes to one client: it takes everything at once, and writes once per turn of the event loop, but
 * promises only when they can be kept.
 */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #outbound: Outbound
  readonly #held: HeldPackets
  #isFlushDue = false
  #isReplayExpected = false
  #isReplayWaiting = false
  #isClosed = false
  /** Of what has been written since nothing waited. */
  #largestBytes = 0

  constructor(options: OutboxOptions) {
    const { socket, journal, onPacket, isKept } = options
    this.#options = options
    this.#held = new HeldPackets(journal, (packets) => this.#write(packets))
    this.#outbound = new Outbound((packet) => {
      onPacket(packet)
      this.#largestBytes = Math.max(this.#largestBytes, packet.length)
      return this.#held.holdBack(packet, isKept())
    })
    socket.on('drain', () => {
      if (!this.#isClosed) options.share.hold(this.#waitingBytes)
      this.#drained()
    })
  }

  /** The next packet written is one that was kept for the client while it was away. */
  expectReplay(): void {
    this.#isReplayExpected = true
  }

  /** The broker has dealt with a QoS 1 message of the client. */
  published(id: number): void {
    this.#held.published(id)
    this.#flushSoon()
  }

  /** Takes a piece of a packet. Answers false only to a replay of kept messages that has to wait. */
  add(piece: Buffer | string): boolean {
    const completed = this.#outbound.add(piece)
    this.#flushSoon()
    if (this.#outbound.bytes > this.#options.limitBytes) this.flush()
    return completed === undefined || this.#mayGoOn(completed)
  }

  /** Takes a whole packet that promises nothing and may always go on: a live message at QoS 0. */
  addLive(packet: Buffer): void {
    this.#largestBytes = Math.max(this.#largestBytes, packet.length)
    this.#outbound.addWhole(packet)
    this.#flushSoon()
    if (this.#outbound.bytes > this.#options.limitBytes) this.flush()
  }

  /** Writes what was collected. */
  flush(): void {
    this.#isFlushDue = false
    this.#write(this.#outbound.take())
    this.#held.release()
  }

  /** What was collected and may go out as the last there is; nothing is written any more. */
  close(): Buffer {
    this.#isClosed = true
    this.#options.share.hold(0)
    return this.#outbound.take()
  }

  /** What waits for the client to read, and for the disk. */
  get #waitingBytes(): number {
    return this.#options.socket.writableLength + this.#held.bytes
  }

  /**
   * Whether more may follow at once. A replay waits for its reader, and nobody else waits for it;
   * live messages never wait. Only retained values carry the retain flag to a subscriber
   * [MQTT-3.3.1-8], [MQTT-3.3.1-9].
   */
  #mayGoOn(firstByte: number): boolean {
    const isRetainedValue = typeOf(firstByte) === packetTypes.publish && isRetained(firstByte)
    const isReplay = isRetainedValue || this.#isReplayExpected
    this.#isReplayExpected = false
    if (!isReplay || this.#waitingBytes + this.#outbound.bytes < replayBytes) return true
    this.flush()
    this.#isReplayWaiting = !this.#isDrained
    return !this.#isReplayWaiting
  }

  /** Acknowledgements wait for the disk all the time, of a client that never stops publishing. */
  get #isDrained(): boolean {
    return !this.#options.socket.writableNeedDrain && this.#held.bytes < replayBytes
  }

  #drained(): void {
    if (!this.#isReplayWaiting || !this.#isDrained) return
    this.#isReplayWaiting = false
    this.#options.onDrained()
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    this.#options.turnEnd.add(this)
  }

  #write(bytes: Buffer): void {
    if (this.#isClosed) return
    const { socket, limitBytes, share, onFull } = this.#options
    if (bytes.length > 0) socket.write(bytes)
    this.#drained()
    const waitingBytes = this.#waitingBytes
    const mostBytes = limitBytes + 2 * this.#largestBytes
    if (waitingBytes === 0) this.#largestBytes = 0
    if (waitingBytes > mostBytes || !share.hold(waitingBytes)) onFull(waitingBytes)
  }
}
