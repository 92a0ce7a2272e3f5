import { malformed } from './reasons.ts'

export interface FrameReaderOptions {
  /**
   * Called with each fixed header before anything of its packet is kept; throws to refuse it. Returns how
   * many of the remaining bytes are to be kept: the others are read past.
   */
  checkHeader(firstByte: number, remainingBytes: number): number
  /** Whether so many bytes may be kept of a packet that is not complete; if not, the rest is read past. */
  mayKeep(bytes: number): boolean
  /**
   * Called with each packet when all of it has come, fixed header included. That announces more than there
   * is when some of the packet was read past.
   */
  onPacket(packet: Buffer): void
  /** Whether the packets so far are enough for now. */
  isFull(): boolean
}

/** [MQTT-2.2.3] A fixed header is a byte and at most four bytes of length. */
const maximumHeaderBytes = 5

/** First room for a packet that comes in pieces. Every topic and id fit in it. */
const firstBytes = 66 * 1024

/** A packet of which something is missing. */
interface PartialPacket {
  bytes: Buffer
  filledBytes: number
  /** How many are to be kept. */
  keptBytes: number
  /** How many more are to be read past. */
  passedBytes: number
}

/** Cuts a stream of bytes into MQTT packets. Keeps at most one packet that is not complete. */
export class FrameReader {
  readonly #options: FrameReaderOptions
  #header: number[] = []
  #partial: PartialPacket | undefined

  constructor(options: FrameReaderOptions) {
    this.#options = options
  }

  /**
   * Takes the next bytes of the stream, and answers those it left because the options said so: they
   * begin with a packet, and come first the next time. Throws what the options throw, and a PacketFault
   * of its own.
   */
  read(chunk: Buffer): Buffer {
    let at = 0
    while (at < chunk.length && !this.#options.isFull()) {
      const partial = this.#partial
      at = partial === undefined ? this.#readHeader(chunk, at) : this.#fill(partial, chunk, at)
    }
    return chunk.subarray(at)
  }

  #readHeader(chunk: Buffer, start: number): number {
    let at = start
    while (at < chunk.length) {
      const byte = chunk.readUInt8(at++)
      this.#header.push(byte)
      if (this.#header.length === 1 || byte >= 128) {
        if (this.#header.length < maximumHeaderBytes) continue
        throw malformed('expected a length of at most four bytes, got a longer one')
      }
      return this.#startPacket(chunk, at)
    }
    return at
  }

  /** With the header complete before `at`: takes the packet out of the chunk, or its first part. */
  #startPacket(chunk: Buffer, at: number): number {
    const header = this.#header
    const remainingBytes = decodeLength(header)
    const wantedBytes = this.#options.checkHeader(Number(header[0]), remainingBytes)
    this.#header = []
    const end = at + remainingBytes
    const start = at - header.length
    if (start >= 0 && end <= chunk.length && wantedBytes === remainingBytes) {
      this.#options.onPacket(chunk.subarray(start, end))
      return end
    }
    const keptBytes = header.length + wantedBytes
    const bytes = Buffer.allocUnsafe(Math.min(keptBytes, firstBytes))
    bytes.set(header)
    const passedBytes = remainingBytes - wantedBytes
    this.#partial = { bytes, filledBytes: header.length, keptBytes, passedBytes }
    return remainingBytes === 0 ? this.#fill(this.#partial, chunk, at) : at
  }

  #fill(partial: PartialPacket, chunk: Buffer, start: number): number {
    this.#makeRoom(partial, chunk.length - start)
    const copied = chunk.copy(partial.bytes, partial.filledBytes, start)
    partial.filledBytes += copied
    if (partial.filledBytes < partial.keptBytes) return start + copied
    const passed = Math.min(partial.passedBytes, chunk.length - start - copied)
    partial.passedBytes -= passed
    if (partial.passedBytes === 0) {
      this.#partial = undefined
      this.#options.onPacket(partial.bytes)
    }
    return start + copied + passed
  }

  /** Room grows with what has come: what is only announced takes none. */
  #makeRoom(partial: PartialPacket, bytes: number): void {
    const { filledBytes, keptBytes } = partial
    const needed = Math.min(filledBytes + bytes, keptBytes)
    const room = partial.bytes.length
    if (needed <= room) return
    const newRoom = Math.min(Math.max(needed, 2 * room), keptBytes)
    if (this.#options.mayKeep(newRoom)) {
      const larger = Buffer.allocUnsafe(newRoom)
      partial.bytes.copy(larger, 0, 0, filledBytes)
      partial.bytes = larger
    } else {
      partial.keptBytes = room
      partial.passedBytes += keptBytes - room
    }
  }
}

function decodeLength(header: readonly number[]): number {
  let length = 0
  for (let at = 1; at < header.length; at++) length += (Number(header[at]) & 127) << (7 * (at - 1))
  return length
}
