/** What packets are made of: types, fields, reasons, and what is wrong with one. */
import { isUtf8 } from 'node:buffer'
import { type ErrorCode, type HubError, tooLarge } from '../core/errors.ts'
import { isFitText } from '../core/topic.ts'

/** 3 is MQTT 3.1, 4 is 3.1.1. */
export type Level = 3 | 4 | 5

/** [MQTT-2.2.1] Control packet types, the upper half of a packet's first byte. */
export const packetTypes = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const

/** [MQTT 5, 2.4] Why something was done, or was not. Those of 0x80 and above are errors. */
export const reasons = {
  success: 0x00,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  unspecified: 0x80,
  malformed: 0x81,
  protocolError: 0x82,
  implementationSpecific: 0x83,
  unsupportedVersion: 0x84,
  clientIdNotValid: 0x85,
  badCredentials: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  /** For CONNACK alone [MQTT 5, 3.14.2.1]. */
  banned: 0x8a,
  shuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  takenOver: 0x8e,
  filterInvalid: 0x8f,
  topicInvalid: 0x90,
  receiveMaximumExceeded: 0x93,
  aliasInvalid: 0x94,
  packetTooLarge: 0x95,
  quotaExceeded: 0x97,
  administrative: 0x98,
  payloadFormatInvalid: 0x99,
  useAnotherServer: 0x9c,
} as const

export type Reason = number

export function isError(reason: Reason): boolean {
  return reason >= 0x80
}

/** [MQTT 5, 3.4.2.1] Others are of the hub's own making. */
const reasonOfCode: Partial<Record<ErrorCode, Reason>> = {
  forbidden: reasons.notAuthorized,
  'bad-topic': reasons.topicInvalid,
  'topic-too-big': reasons.topicInvalid,
  'too-fast': reasons.quotaExceeded,
  'too-large': reasons.quotaExceeded,
  'too-many': reasons.quotaExceeded,
}

/** By which reason a message is refused in its acknowledgement. */
export function reasonOfError({ code }: Pick<HubError, 'code'>): Reason {
  return reasonOfCode[code] ?? reasons.implementationSpecific
}

// --- what is wrong ---

/** What is wrong with what an MQTT client sent; its connection ends by it. */
export class PacketFault extends Error {
  override readonly name = 'PacketFault'
  /** What counts it: a limit's counter, or `mqtt-malformed`. */
  readonly counter: string
  readonly reason: Reason
  /** Whether CONNACK tells the reason, before the connection ends. */
  readonly isRefusal: boolean

  constructor(
    counter: string,
    message: string,
    { reason, isRefusal = false }: { readonly reason: Reason; readonly isRefusal?: boolean },
  ) {
    super(message)
    this.counter = counter
    this.reason = reason
    this.isRefusal = isRefusal
  }
}

/** A packet that cannot be read [MQTT 5, 4.13.1]. */
export function malformed(message: string): PacketFault {
  return new PacketFault('mqtt-malformed', message, { reason: reasons.malformed })
}

/** A packet that can be read, and may not be sent. */
export function protocolError(message: string): PacketFault {
  return new PacketFault('mqtt-malformed', message, { reason: reasons.protocolError })
}

/** A CONNECT that is answered with the reason why it does not let its client in. */
export function refusal(counter: string, message: string, reason: Reason): PacketFault {
  return new PacketFault(counter, message, { reason, isRefusal: true })
}

// --- fields ---

/** Reads fields of a packet in their order, and never past their end. */
export class PacketFields {
  readonly bytes: Buffer
  /** Where the first field begins. */
  readonly start: number
  readonly end: number
  #at: number

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.start = start
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
    const length = this.number()
    const start = this.skip(length)
    const end = start + length
    const text = this.bytes.toString('utf8', start, end)
    // What is no UTF-8 reads as this character, which may have been meant.
    if (text.includes('\ufffd') && !isUtf8(this.bytes.subarray(start, end))) {
      throw malformed(`expected ${what} in UTF-8, got other bytes`)
    }
    return text
  }

  /** Goes past a field of text if it is `text`, which is ASCII alone; returns whether it is. */
  passes(text: string): boolean {
    const { length } = text
    const start = this.#at + 2
    if (start + length > this.end || this.bytes.readUInt16BE(this.#at) !== length) return false
    // Topics differ at their ends.
    for (let at = length - 1; at >= 0; at--) {
      if (this.bytes[start + at] !== text.charCodeAt(at)) return false
    }
    this.#at = start + length
    return true
  }

  /** Returns where the next `bytes` begin, and goes past them. */
  skip(bytes: number): number {
    const start = this.#at
    if (start + bytes > this.end) throw malformed("expected a complete field, got the packet's end")
    this.#at = start + bytes
    return start
  }

  /** The same, from the first field on. */
  fromStart(): this {
    this.#at = this.start
    return this
  }
}

/** A packet as it came, and its fields, which begin behind the fixed header. */
export class Packet extends PacketFields {
  readonly type: number
  /** The lower half of the first byte. */
  readonly flags: number
  /** [MQTT-3.3.1] Of a PUBLISH, as is the next; 3 is none. */
  readonly qos: number
  readonly retain: boolean
  /** What the fixed header announces, itself included [MQTT-2.2.3]. */
  readonly announcedBytes: number

  constructor(bytes: Buffer, start: number, announcedBytes: number) {
    super(bytes, start, Math.min(bytes.length, announcedBytes))
    const first = bytes.readUInt8()
    this.type = first >> 4
    this.flags = first & 15
    this.qos = (first >> 1) & 3
    this.retain = (first & 1) === 1
    this.announcedBytes = announcedBytes
  }

  // --- a PUBLISH of which the end was read past ---

  /** Whether it is one. */
  get isOversize(): boolean {
    return this.announcedBytes > this.bytes.length && this.type === packetTypes.publish
  }

  /** Why it was not kept. */
  oversizeError(limitBytes: number): HubError {
    return tooLarge(this.announcedBytes, limitBytes)
  }

  /** Its fixed header, topic and id: all that is kept of it. */
  head(): Packet {
    this.fromStart().binary()
    if (this.qos > 0) this.number()
    return new Packet(Buffer.from(this.bytes.subarray(0, this.at)), this.start, this.announcedBytes)
  }
}

/** The packet at the start of `bytes`, whose fixed header is whole. */
export function packetIn(bytes: Buffer): Packet {
  const header = new PacketFields(bytes, 1)
  const length = header.variable()
  return new Packet(bytes, header.at, header.at + length)
}
