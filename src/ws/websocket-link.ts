import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { ByteShare } from '../core/byte-budget.ts'
import type { EndOfTick } from '../core/callbacks.ts'
import { guarded } from '../core/guard.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { MessageOrigin, Receiving } from '../core/trace.ts'
import type { Link } from '../dialects/dialect.ts'
import type { BatchFrame, FrameBatch } from './audiences.ts'
import { closeCodes } from './close-codes.ts'
import type { LinkTraffic } from './link-traffic.ts'

/** What the link needs of a websocket. */
export type FrameWriter = Pick<WebSocket, 'bufferedAmount' | 'close' | 'readyState'> & {
  send(frame: string, written: () => void): void
  /** Writes frames that are complete. */
  write(bytes: Buffer, written: () => void): void
  /** The same when nothing waits before them; false when something does, or the websocket is closing. */
  offer(bytes: Buffer): boolean
}

export interface WriteLimits {
  /** Bytes that may wait before only the latest report of each topic is kept. */
  readonly conflateBytes: number
  /** Bytes that may wait before the reader is disconnected. */
  readonly outboundBytes: number
}

export interface WebSocketLinkOptions {
  readonly limits: WriteLimits
  /** Of what waits for all readers together. */
  readonly share: ByteShare
  readonly sampledLog: SampledLog
  /** Who reads. */
  readonly reader: MessageOrigin
  readonly traffic: Pick<LinkTraffic, 'messagesReceived' | 'messagesSent'>
  /** The frame that tells how many messages were left out; undefined where the language has none. */
  encodeMissed(count: number): string | undefined
}

/**
 * A link to a reader that may be slow: takes all frames at once, and never makes anybody wait for the reader at
 * its other end.
 */
export class WebSocketLink implements Link {
  readonly #writer: FrameWriter
  readonly #options: WebSocketLinkOptions
  readonly #traffic: WebSocketLinkOptions['traffic']
  readonly #queue = new BackpressureQueue()
  readonly #written = () => this.#drain()
  readonly #waitingForRoom: ((isOpen: boolean) => void)[] = []
  #source = { settle: () => {} }
  #holds = 0
  #missed = 0
  #isConflating = false
  #isClosed = false
  /** Nothing stands before live frames here: most links are so all the time, and nothing else is looked at. */
  #isIdle = true
  /** Half of what may wait, so that live frames have room beside those that are made to wait. */
  readonly #roomBytes: number

  constructor(writer: FrameWriter, options: WebSocketLinkOptions) {
    this.#writer = writer
    this.#options = options
    this.#traffic = options.traffic
    this.#roomBytes = options.limits.conflateBytes / 2
  }

  /** Counts a message that its reader has sent. */
  received(): void {
    this.#traffic.messagesReceived++
  }

  send(frame: string): void {
    this.#source.settle()
    if (!this.#isOpen()) return
    if (this.#isDirect()) this.#write(frame)
    else this.#keep(frame, undefined)
  }

  /**
   * Sends live frames. One with a `topic` tells its latest value: if the reader falls behind, a later
   * one takes its place. One without is never left out, nor is what comes by `send`.
   */
  deliver(batch: FrameBatch): void {
    const { bytes } = batch
    // Whoever waits for room has it after this, so that nobody needs to hear when it is written.
    const isSmall = bytes.length <= this.#roomBytes
    if (this.#isIdle && isSmall && this.#writer.offer(bytes)) this.#count(batch)
    else if (this.#isOpen()) this.#deliverLater(batch)
  }

  #deliverLater(batch: FrameBatch): void {
    if (this.#isDirect()) this.#writeAll(batch)
    else for (const { text, topic } of batch.frames) this.#keep(text, topic)
  }

  /** From now on `settle` is called before anything else than live frames is sent. */
  follow(source: { settle(): void }): void {
    this.#source = source
  }

  /** From now on live frames wait, until `release`. */
  hold(): void {
    this.#source.settle()
    this.#holds++
    this.#isIdle = false
  }

  release(): void {
    this.#holds--
    this.#drain()
  }

  /** Sends past values ahead of what waits, but for those of which a newer one waits there. */
  past(batch: FrameBatch): void {
    this.#source.settle()
    if (!this.#isOpen()) return
    const isNewest = ({ topic = '' }: BatchFrame) => !this.#queue.has(topic)
    if (batch.frames.every(isNewest)) this.#writeAll(batch)
    else for (const { text } of batch.frames.filter(isNewest)) this.#write(text)
  }

  /** Who reads, and whether that is slower than it is sent to. */
  get receiving(): Receiving {
    return { ...this.#options.reader, isBehind: !this.hasRoomNow() || !this.#queue.isEmpty }
  }

  /** Whether the reader keeps up. */
  hasRoomNow(): boolean {
    return this.#writer.bufferedAmount <= this.#roomBytes
  }

  /** Resolves when the reader keeps up; to false when it is gone. */
  async hasRoom(): Promise<boolean> {
    if (!this.#isOpen()) return false
    if (this.hasRoomNow()) return true
    return new Promise((resolve) => this.#waitingForRoom.push(resolve))
  }

  /** Closes the websocket, after all that was there before. */
  end(code: number, reason: string): void {
    this.#source.settle()
    this.#writer.close(code, reason)
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#isClosed = true
    this.#isIdle = false
    this.#options.share.hold(0)
    this.#queue.clear()
    for (const resolve of this.#waitingForRoom.splice(0)) resolve(false)
  }

  #isOpen(): boolean {
    return !this.#isClosed && this.#writer.readyState === WebSocket.OPEN
  }

  /** What waits already is what tells; a single large frame says nothing against its reader. */
  #isDirect(): boolean {
    const { conflateBytes } = this.#options.limits
    const isNothingQueued = this.#holds === 0 && this.#queue.isEmpty
    return isNothingQueued && this.#writer.bufferedAmount <= conflateBytes
  }

  #write(frame: string): void {
    this.#traffic.messagesSent++
    this.#writer.send(frame, this.#written)
  }

  #writeAll(batch: FrameBatch): void {
    this.#count(batch)
    this.#writer.write(batch.bytes, this.#written)
  }

  #count({ frames }: FrameBatch): void {
    this.#traffic.messagesSent += frames.length
  }

  #keep(frame: string, topic: string | undefined): void {
    const { conflateBytes, outboundBytes } = this.#options.limits
    if (this.#isConflating && topic !== undefined && this.#queue.drop(topic)) this.#missed++
    this.#queue.add(frame, topic)
    this.#isIdle = false
    if (this.#waitingBytes() > conflateBytes && !this.#isConflating) this.#conflate()
    const waitingBytes = this.#waitingBytes()
    if (waitingBytes > outboundBytes || !this.#options.share.hold(waitingBytes)) this.#disconnect()
  }

  #waitingBytes(): number {
    return this.#writer.bufferedAmount + this.#queue.bytes
  }

  #conflate(): void {
    this.#isConflating = true
    this.#missed += this.#queue.conflate()
    const { sampledLog } = this.#options
    const fields = { waitingBytes: this.#waitingBytes() }
    sampledLog.warn('websocket-conflated', fields, 'a reader is slow: it gets the latest values')
  }

  #disconnect(): void {
    const fields = { waitingBytes: this.#waitingBytes() }
    const { sampledLog } = this.#options
    sampledLog.warn('websocket-slow-consumer', fields, 'a reader is too slow: it is closed')
    this.close()
    this.#writer.close(closeCodes.later.code, 'too much waits for you to read it')
  }

  #drain(): void {
    if (!this.#isOpen()) return
    this.#options.share.hold(this.#waitingBytes())
    if (!this.hasRoomNow()) return
    for (const resolve of this.#waitingForRoom.splice(0)) resolve(true)
    if (this.#holds > 0) return
    while (this.hasRoomNow()) {
      const frame = this.#queue.take()
      if (frame === undefined) break
      this.#write(frame)
    }
    if (!this.#queue.isEmpty) return
    this.#isIdle = true
    this.#caughtUp()
  }

  #caughtUp(): void {
    this.#isConflating = false
    const count = this.#missed
    this.#missed = 0
    const frame = count > 0 ? this.#options.encodeMissed(count) : undefined
    if (frame !== undefined) this.#write(frame)
  }
}

interface QueuedFrame {
  readonly frame: string
  readonly bytes: number
  /** Set when a later frame on the same topic may take this one's place. */
  readonly topic: string | undefined
}

/** What a frame costs besides its text, so that many small ones count too. */
const overheadBytes = 64

/** Frames that wait for a slow reader, in order; a later one may take the place of an earlier one. */
export class BackpressureQueue {
  readonly #frames = new Map<number, QueuedFrame>()
  /** The number of the latest frame of each topic. */
  readonly #latest = new Map<string, number>()
  #count = 0
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#frames.size === 0
  }

  /** Whether a frame of `topic` waits. */
  has(topic: string): boolean {
    return this.#latest.has(topic)
  }

  /** Puts `frame` last. */
  add(frame: string, topic: string | undefined): void {
    const bytes = Buffer.byteLength(frame) + overheadBytes
    const number = this.#count++
    this.#frames.set(number, { frame, bytes, topic })
    this.#bytes += bytes
    if (topic !== undefined) this.#latest.set(topic, number)
  }

  /** Takes away the latest frame of `topic`; returns whether there was one. */
  drop(topic: string): boolean {
    const number = this.#latest.get(topic) ?? -1
    return this.#remove(number) !== undefined
  }

  /** Keeps only the latest frame of each topic; returns how many it took away. */
  conflate(): number {
    const before = this.#frames.size
    for (const [number, { topic }] of this.#frames) {
      if (topic !== undefined && this.#latest.get(topic) !== number) this.#remove(number)
    }
    return before - this.#frames.size
  }

  /** Takes away the first frame and returns it. */
  take(): string | undefined {
    for (const number of this.#frames.keys()) return this.#remove(number)
    return undefined
  }

  clear(): void {
    this.#frames.clear()
    this.#latest.clear()
    this.#bytes = 0
  }

  #remove(number: number): string | undefined {
    const queued = this.#frames.get(number)
    if (queued === undefined) return undefined
    const { frame, topic, bytes } = queued
    this.#frames.delete(number)
    this.#bytes -= bytes
    if (topic !== undefined && this.#latest.get(topic) === number) this.#latest.delete(topic)
    return frame
  }
}

/** More than this is written at once: a reader that keeps up must not look like one that does not. */
const mostCollectedBytes = 65_536

/**
 * What goes to a websocket in one turn of the event loop leaves with one write, which costs more than all
 * the rest, and after what the turn has to send to others.
 */
export class SocketFrameWriter implements FrameWriter {
  readonly #websocket: WebSocket
  readonly #socket: Duplex
  readonly #endOfTick: EndOfTick
  #isCollecting = false

  constructor(websocket: WebSocket, socket: Duplex, endOfTick: EndOfTick) {
    this.#websocket = websocket
    this.#socket = socket
    this.#endOfTick = endOfTick
  }

  get bufferedAmount(): number {
    return this.#websocket.bufferedAmount
  }

  get readyState(): WebSocket['readyState'] {
    return this.#websocket.readyState
  }

  close(code: number, reason: string): void {
    this.#websocket.close(code, reason)
  }

  /** The websocket itself writes whole frames, too, so its pings and its close come between them. */
  write(bytes: Buffer, written: () => void): void {
    this.#socket.write(bytes, () => guarded(written))
  }

  offer(bytes: Buffer): boolean {
    const isFree = this.#socket.writableLength === 0 && this.readyState === WebSocket.OPEN
    if (isFree) this.#socket.write(bytes)
    return isFree
  }

  send(frame: string, written: () => void): void {
    if (!this.#isCollecting) {
      this.#isCollecting = true
      this.#socket.cork()
      this.#endOfTick.addLast(this)
    }
    this.#websocket.send(frame, written)
    if (this.bufferedAmount <= mostCollectedBytes) return
    this.#socket.uncork()
    this.#socket.cork()
  }

  /** The end of the turn. */
  flush(): void {
    this.#isCollecting = false
    this.#socket.uncork()
  }
}
