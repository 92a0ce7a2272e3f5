import { packetTypes, typeOf } from './packet-types.ts'

/** First room for packets; grows to what one turn of the event loop needs. */
const initialBytes = 512

/**
 * Collects the pieces in which Aedes writes packets, so that a socket gets one write a turn, and
 * knows where packets end.
 */
export class Outbound {
  readonly #holdsBack: (packet: Buffer) => boolean
  #buffer = Buffer.alloc(0)
  #endBytes = 0
  /** Where the packet that is being written began. */
  #packetStart = 0

  /**
   * `holdsBack` is called with each complete packet, and may change it in place. What it answers true to
   * is not collected; it is overwritten afterwards.
   */
  constructor(holdsBack: (packet: Buffer) => boolean) {
    this.#holdsBack = holdsBack
  }

  get bytes(): number {
    return this.#endBytes
  }

  /** Takes the next piece; answers the first byte of the packet that it completes, if it does. */
  add(piece: Buffer | string): number | undefined {
    const bytes = typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length
    this.#makeRoom(bytes)
    if (typeof piece === 'string') this.#buffer.write(piece, this.#endBytes)
    else this.#buffer.set(piece, this.#endBytes)
    this.#endBytes += bytes
    return this.#completePacket()
  }

  /** Takes a whole packet at which nobody has to look. No packet may be half written. */
  addWhole(packet: Buffer): void {
    this.#makeRoom(packet.length)
    this.#buffer.set(packet, this.#endBytes)
    this.#endBytes += packet.length
    this.#packetStart = this.#endBytes
  }

  /** All that was collected. What follows is collected anew. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#packetStart)
    const begun = this.#buffer.subarray(this.#packetStart, this.#endBytes)
    this.#buffer = Buffer.alloc(0)
    this.#endBytes = 0
    this.#packetStart = 0
    if (begun.length > 0) this.add(begun)
    return taken
  }

  #completePacket(): number | undefined {
    const end = packetEnd(this.#buffer, this.#packetStart, this.#endBytes)
    if (end !== this.#endBytes) return undefined
    const packet = this.#buffer.subarray(this.#packetStart, end)
    if (this.#holdsBack(packet)) this.#endBytes = this.#packetStart
    else this.#packetStart = end
    return packet[0]
  }

  #makeRoom(bytes: number): void {
    const needed = this.#endBytes + bytes
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(initialBytes, needed, 2 * this.#buffer.length))
    this.#buffer.copy(larger, 0, 0, this.#endBytes)
    this.#buffer = larger
  }
}

/** Where the packet that begins at `start` ends; -1 while its length is not there yet. */
function packetEnd(buffer: Buffer, start: number, end: number): number {
  let length = 0
  for (let at = start + 1, shift = 0; at < end; at++, shift += 7) {
    const byte = buffer.readUInt8(at)
    length += (byte & 127) << shift
    if (byte < 128) return at + 1 + length
  }
  return -1
}

/** Whether this CONNACK says that the client is in. */
export function isAcceptance(packet: Buffer): boolean {
  return typeOf(packet.readUInt8()) === packetTypes.connack && packet[3] === 0
}
