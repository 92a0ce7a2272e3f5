import type { Duplex } from 'node:stream'
import type { ByteShare } from '../core/byte-budget.ts'
import type { EndOfTick } from '../core/callbacks.ts'
import type { Journal } from '../store/journal.ts'
import type { Traffic } from './statistics.ts'
import type { PublishFrame } from './write-packets.ts'

export interface WriteBufferOptions {
  readonly socket: Duplex
  readonly endOfTick: Pick<EndOfTick, 'add'>
  readonly journal: Pick<Journal, 'isLasting' | 'settled'>
  /** How much may wait for the client, besides two of the largest packets among it. */
  readonly limitBytes: number
  /** Of what waits for all clients together. */
  readonly share: ByteShare
  readonly traffic: Traffic
  /** A replay that had to wait may go on. */
  onDrained(): void
  /** More than the limit waits for the client, or more than its share. */
  onFull(waitingBytes: number): void
}

/** How much of a replay of kept messages may wait for a slow reader before the replay does. */
const replayBytes = 64 * 1024

const nothing = Buffer.alloc(0)

/** Which part of the limit the latest messages may have that wait for a reader that is behind. */
const latestShare = 0.25

/** A promise that waits for the disk. */
interface Held {
  readonly bytes: Buffer
  /** Of a message. */
  readonly topic: string | undefined
}

/**
 * What goes to one client: it takes everything at once, and writes once per turn of the event loop, but
 * promises only when they can be kept. Of what may be lost, a reader that is behind gets the latest only.
 */
export class WriteBuffer {
  readonly #options: WriteBufferOptions
  readonly #socket: Duplex
  readonly #endOfTick: WriteBufferOptions['endOfTick']
  /** Whether more waits for the client than goes out at once. */
  isBehind = false
  /** Where what is sent counts. */
  traffic: Traffic
  readonly #limitBytes: number
  /** Of this turn, mostly one; those that others get as well are theirs, too, and never change. */
  #packet: Buffer | undefined
  #morePackets: Buffer[] | undefined
  #collectedBytes = 0
  #held: Held[] = []
  #heldBytes = 0
  /** How many held messages there are on each topic. */
  readonly #heldTopics = new Map<string, number>()
  /** By topic, what a reader that is behind gets at QoS 0 when it has read the rest. */
  readonly #latest = new Map<string, Buffer>()
  #latestBytes = 0
  /** What waited for the client when something was written last; nothing once it has read it. */
  #unreadBytes = 0
  #isFlushDue = false
  #isReplayWaiting = false
  #isClosed = false
  /** What the share knows of. */
  #sharedBytes = 0
  /** Of what has been written since nothing waited. */
  #largestBytes = 0

  constructor(options: WriteBufferOptions) {
    const { socket, endOfTick, traffic, limitBytes } = options
    this.#options = options
    this.#socket = socket
    this.#endOfTick = endOfTick
    this.traffic = traffic
    this.#limitBytes = limitBytes
    socket.on('drain', () => {
      if (this.#isClosed) return
      this.isBehind = false
      this.#unreadBytes = 0
      if (this.#latestBytes > 0) this.#caughtUp()
      this.#hasShareFor(this.#waitingBytes)
      if (this.#isReplayWaiting) this.#drained()
    })
  }

  /** Takes a packet that promises nothing. */
  add(packet: Buffer): void {
    this.#collect(packet)
    this.#flushSoon()
  }

  /**
   * Takes a message with its id, which is 0 at QoS 0. A command goes out at once, before all that follows from it,
   * unless others came in the same turn.
   */
  addPublish({ bytes, idAt, isCommand }: PublishFrame, id: number, topic: string): void {
    const isAtOnce = isCommand && !this.#isFlushDue
    // Older than what goes out now.
    if (this.#latestBytes > 0) this.#forgetLatest(topic)
    this.#collect(idAt > 0 ? withId(bytes, idAt, id) : bytes)
    this.#flushSoon()
    if (isAtOnce) this.#write(this.#take())
  }

  /** Whether as much waits for the client as may: messages at QoS 0 are for `addLatest`, then. */
  get isFull(): boolean {
    return this.#latestBytes > 0 || this.#unreadBytes + this.#collectedBytes > this.#limitBytes
  }

  /** Takes a message at QoS 0 in the place of the one before on its topic; returns whether it had room. */
  addLatest({ bytes }: PublishFrame, topic: string): boolean {
    this.#forgetLatest(topic)
    const mostBytes = this.#limitBytes * latestShare
    // One that is larger has room all the same, alone.
    if (this.#latestBytes > 0 && this.#latestBytes + bytes.length > mostBytes) return false
    this.#latest.set(topic, bytes)
    this.#latestBytes += bytes.length
    return true
  }

  /** Takes a packet that tells what the hub may not forget: it goes out when what was noted is on disk. */
  promise(packet: Buffer): void {
    if (this.#options.journal.isLasting) this.#hold({ bytes: packet, topic: undefined })
    else this.add(packet)
  }

  /** As `promise`, of a message. */
  promisePublish({ bytes, idAt }: PublishFrame, id: number, topic: string): void {
    if (this.#latestBytes > 0) this.#forgetLatest(topic)
    const own = withId(bytes, idAt, id)
    if (this.#options.journal.isLasting) this.#hold({ bytes: own, topic })
    else this.add(own)
  }

  /** Whether a message on `topic` would overtake one that waits for the disk. */
  isHolding(topic: string): boolean {
    return this.#heldTopics.size > 0 && this.#heldTopics.has(topic)
  }

  /**
   * Whether more of a replay may follow at once. A replay waits for its reader, and nobody else waits for
   * it; live messages never wait. If not, `onDrained` follows.
   */
  hasReplayRoom(): boolean {
    if (this.#waitingBytes + this.#collectedBytes < replayBytes) return true
    this.flush()
    this.#isReplayWaiting = !this.#isDrained
    return !this.#isReplayWaiting
  }

  /** Writes what was collected. */
  flush(): void {
    this.#isFlushDue = false
    this.#write(this.#take())
    if (this.#heldBytes > 0) this.#releaseHeld()
  }

  /** What was collected and may go out as the last there is; nothing is written any more. */
  close(): Buffer {
    this.#isClosed = true
    this.#latest.clear()
    this.#latestBytes = 0
    this.#options.share.hold(0)
    return this.#take()
  }

  /** What waits for the client to read, and for the disk. */
  get #waitingBytes(): number {
    return this.#socket.writableLength + this.#heldBytes
  }

  /** Acknowledgements wait for the disk all the time, of a client that never stops publishing. */
  get #isDrained(): boolean {
    return !this.isBehind && this.#heldBytes < replayBytes
  }

  #caughtUp(): void {
    for (const bytes of this.#latest.values()) this.#collect(bytes)
    this.#latest.clear()
    this.#latestBytes = 0
    this.#flushSoon()
  }

  #forgetLatest(topic: string): void {
    const bytes = this.#latest.get(topic)
    if (bytes === undefined) return
    this.#latest.delete(topic)
    this.#latestBytes -= bytes.length
    this.traffic.messagesDropped++
  }

  #drained(): void {
    if (!this.#isDrained) return
    this.#isReplayWaiting = false
    this.#options.onDrained()
  }

  #collect(packet: Buffer): void {
    if (this.#packet === undefined) this.#packet = packet
    else if (this.#morePackets === undefined) this.#morePackets = [packet]
    else this.#morePackets.push(packet)
    this.#collectedBytes += packet.length
    this.traffic.packetsSent++
    if (packet.length > this.#largestBytes) this.#largestBytes = packet.length
  }

  /** A single packet is not copied for each who gets it; several take no more room than they need. */
  #take(): Buffer {
    const first = this.#packet ?? nothing
    const more = this.#morePackets
    this.#packet = undefined
    this.#collectedBytes = 0
    if (more === undefined) return first
    this.#morePackets = undefined
    return Buffer.concat([first, ...more])
  }

  #flushSoon(): void {
    if (this.#collectedBytes > this.#limitBytes) this.flush()
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    this.#endOfTick.add(this)
  }

  #write(bytes: Buffer): void {
    if (this.#isClosed) return
    if (bytes.length > 0) {
      this.traffic.bytesSent += bytes.length
      this.isBehind = !this.#socket.write(bytes)
    }
    if (this.#isReplayWaiting) this.#drained()
    const waitingBytes = this.#waitingBytes
    this.#unreadBytes = waitingBytes
    if (this.#latestBytes > 0 && !this.isBehind) this.#caughtUp()
    const mostBytes = this.#limitBytes + 2 * this.#largestBytes
    if (waitingBytes === 0) this.#largestBytes = 0
    const isTooMuch = waitingBytes > mostBytes || !this.#hasShareFor(waitingBytes)
    if (isTooMuch) this.#options.onFull(waitingBytes)
  }

  /** Most of the time nothing waits, and nothing has waited. */
  #hasShareFor(waitingBytes: number): boolean {
    if (waitingBytes === 0 && this.#sharedBytes === 0) return true
    this.#sharedBytes = waitingBytes
    return this.#options.share.hold(waitingBytes)
  }

  // --- promises ---

  #hold(held: Held): void {
    this.#held.push(held)
    this.traffic.packetsSent++
    this.#heldBytes += held.bytes.length
    if (held.bytes.length > this.#largestBytes) this.#largestBytes = held.bytes.length
    this.#count(held, 1)
    this.#flushSoon()
  }

  #releaseHeld(): void {
    const due = this.#held
    if (due.length === 0) return
    this.#held = []
    this.#options.journal.settled(() => {
      const bytes = Buffer.concat(due.map((held) => held.bytes))
      this.#heldBytes -= bytes.length
      for (const held of due) this.#count(held, -1)
      this.#write(bytes)
    })
  }

  #count({ topic }: Held, change: number): void {
    if (topic === undefined) return
    const count = (this.#heldTopics.get(topic) ?? 0) + change
    if (count === 0) this.#heldTopics.delete(topic)
    else this.#heldTopics.set(topic, count)
  }
}

/** A packet of its own, with the id that its client knows it by. */
function withId(bytes: Buffer, idAt: number, id: number): Buffer {
  const own = Buffer.from(bytes)
  own.writeUInt16BE(id, idAt)
  return own
}
