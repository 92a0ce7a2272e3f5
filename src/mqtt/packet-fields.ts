import { isUtf8 } from 'node:buffer'
import { isFitText } from '../core/topic.ts'
import { malformed } from './reasons.ts'

/** Reads the fields of one packet in order, and never past its end. */
export class PacketFields {
  readonly bytes: Buffer
  readonly end: number
  #at: number

  /** Starts behind the fixed header of `packet`, or at `start`. */
  constructor(packet: Buffer, start = bodyStart(packet), end = packet.length) {
    this.bytes = packet
    this.end = end
    this.#at = start
  }

  get at(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at >= this.end
  }

  /** What is left, which is a part of the packet. */
  rest(): Buffer {
    return this.bytes.subarray(this.#at, this.end)
  }

  byte(): number {
    return this.bytes.readUInt8(this.skip(1))
  }

  /** Two bytes. */
  number(): number {
    return this.bytes.readUInt16BE(this.skip(2))
  }

  /** Four bytes. */
  long(): number {
    return this.bytes.readUInt32BE(this.skip(4))
  }

  /** [MQTT 5, 1.5.5] Seven bits a byte, the lowest first. [MQTT-1.5.5-1] In as few bytes as it takes. */
  variable(): number {
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte()
      value += (byte & 127) * 2 ** shift
      if (byte >= 128) continue
      if (byte === 0 && shift > 0) break
      return value
    }
    throw malformed('expected a number of one to four bytes, got a longer one')
  }

  /** [MQTT-1.5.3] A length and as many bytes. */
  binary(): Buffer {
    const length = this.number()
    const start = this.skip(length)
    return this.bytes.subarray(start, start + length)
  }

  /**
   * [MQTT-1.5.3-1] Text in UTF-8 that is fit to travel. What is not UTF-8 is refused here, since
   * decoding it would make different bytes the same text.
   */
  text(what: string): string {
    const text = this.utf8(what)
    if (!isFitText(text)) throw malformed(`expected ${what} of fit characters, got a forbidden one`)
    return text
  }

  /** Text in UTF-8, whatever its characters. */
  utf8(what: string): string {
    const bytes = this.binary()
    if (!isUtf8(bytes)) throw malformed(`expected ${what} in UTF-8, got other bytes`)
    return bytes.toString()
  }

  /** Returns where the next `bytes` begin, and goes past them. */
  skip(bytes: number): number {
    const start = this.#at
    if (start + bytes > this.end) throw malformed("expected a complete field, got the packet's end")
    this.#at = start + bytes
    return start
  }
}

/** Where a packet's content begins: behind its first byte and its length. */
export function bodyStart(packet: Buffer): number {
  let at = 1
  while (packet.readUInt8(at) >= 128) at++
  return at + 1
}

/** [MQTT-2.2.3] How many bytes follow the length, by the length. */
export function remainingLength(packet: Buffer): number {
  let length = 0
  for (let at = bodyStart(packet) - 1; at > 0; at--) {
    length = length * 128 + (packet.readUInt8(at) & 127)
  }
  return length
}
