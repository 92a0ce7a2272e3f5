import { isUtf8 } from 'node:buffer'
import { isFitText } from '../../core/topic.ts'
import { malformed } from './packet-fault.ts'

/** Reads the fields of one packet in order, and never past its end. */
export class PacketFields {
  readonly #packet: Buffer
  #at: number

  /** Starts behind the fixed header of `packet`. */
  constructor(packet: Buffer) {
    this.#packet = packet
    this.#at = bodyStart(packet)
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#packet.length
  }

  byte(): number {
    return this.#take(1).readUInt8()
  }

  number(): number {
    return this.#take(2).readUInt16BE()
  }

  /** [MQTT-1.5.3] A length and as many bytes. */
  bytes(): Buffer {
    return this.#take(this.number())
  }

  /**
   * [MQTT-1.5.3-1] Text in UTF-8 that is fit to travel. What is not UTF-8 is refused here, since
   * decoding it would make different bytes the same text.
   */
  text(what: string): string {
    const bytes = this.bytes()
    if (!isUtf8(bytes)) throw malformed(`expected ${what} in UTF-8, got other bytes`)
    const text = bytes.toString()
    if (!isFitText(text)) throw malformed(`expected ${what} of fit characters, got a forbidden one`)
    return text
  }

  #take(bytes: number): Buffer {
    const end = this.#at + bytes
    if (end > this.#packet.length)
      throw malformed("expected a complete field, got the packet's end")
    const taken = this.#packet.subarray(this.#at, end)
    this.#at = end
    return taken
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
