import { malformed } from './packet-fault.ts'

export interface FrameReaderOptions {
  /** Called with each fixed header before anything of its packet is kept; throws to refuse it. */
  checkHeader(firstByte: number, remainingBytes: number): void
  /** Called with each complete packet, fixed header included. */
  onPacket(packet: Buffer): void
  /** Whether the packets so far are enough for now. */
  isFull(): boolean
}

/** [MQTT-2.2.3] A fixed header is a byte and at most four bytes of length. */
const maximumHeaderBytes = 5

/** Cuts a stream of bytes into MQTT packets. Keeps at most one packet that is not complete. */
export class FrameReader {
  readonly #options: FrameReaderOptions
  #header: number[] = []
  #partial: Buffer | undefined
  #filledBytes = 0

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
    this.#options.checkHeader(Number(header[0]), remainingBytes)
    this.#header = []
    const end = at + remainingBytes
    const start = at - header.length
    if (start >= 0 && end <= chunk.length) {
      this.#options.onPacket(chunk.subarray(start, end))
      return end
    }
    const partial = Buffer.allocUnsafe(header.length + remainingBytes)
    partial.set(header)
    this.#partial = partial
    this.#filledBytes = header.length
    return remainingBytes === 0 ? this.#fill(partial, chunk, at) : at
  }

  #fill(partial: Buffer, chunk: Buffer, start: number): number {
    const bytes = chunk.copy(partial, this.#filledBytes, start)
    this.#filledBytes += bytes
    if (this.#filledBytes === partial.length) {
      this.#partial = undefined
      this.#options.onPacket(partial)
    }
    return start + bytes
  }
}

function decodeLength(header: readonly number[]): number {
  let length = 0
  for (let at = 1; at < header.length; at++) length += (Number(header[at]) & 127) << (7 * (at - 1))
  return length
}
