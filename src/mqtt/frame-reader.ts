import type { Config } from '../generated/config.ts'
import {
  type Level,
  malformed,
  Packet,
  PacketFault,
  packetTypes,
  protocolError,
  reasons,
} from './packet.ts'

export type MqttLimits = Config['limits']['mqtt']

export interface FrameReaderOptions {
  readonly checkHeader: HeaderCheck
  /** Whether so many bytes may be kept of a packet that is not complete; if not, the rest is read past. */
  mayKeep(bytes: number): boolean
  /** Called with each packet when all of it has come, or was read past. Returns whether more may follow now. */
  onPacket(packet: Packet): boolean
}

/** [MQTT-2.2.3] A fixed header is a byte and at most four bytes of length. */
const maximumHeaderBytes = 5

const nothing = Buffer.alloc(0)

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
  readonly headerBytes: number
  readonly remainingBytes: number
}

/** Cuts a stream of bytes into MQTT packets. Keeps at most one packet that is not complete. */
export class FrameReader {
  readonly #options: FrameReaderOptions
  #header: number[] = []
  #partial: PartialPacket | undefined
  #isEnough = false
  /** Of the client; undefined before CONNECT. */
  level: Level | undefined

  constructor(options: FrameReaderOptions) {
    this.#options = options
  }

  /**
   * Takes the next bytes of the stream, and returns those it left because no more packets may follow now: they
   * begin with one, and come first the next time.
   *
   * @throws PacketFault, and what the options throw.
   */
  read(chunk: Buffer): Buffer {
    let at = 0
    this.#isEnough = false
    while (at < chunk.length && !this.#isEnough) {
      const partial = this.#partial
      at = partial === undefined ? this.#readPacket(chunk, at) : this.#fill(partial, chunk, at)
    }
    return at === chunk.length ? nothing : chunk.subarray(at)
  }

  #readPacket(chunk: Buffer, start: number): number {
    // Mostly all of it has come at once.
    const end = this.#header.length === 0 ? this.#readWhole(chunk, start) : start
    return end > start ? end : this.#readHeader(chunk, start)
  }

  /** Hands over a packet that is whole, and returns its end; `start` when it is not, or not to be kept as a whole. */
  #readWhole(chunk: Buffer, start: number): number {
    let at = start + 1
    let remainingBytes = 0
    for (let shift = 0; ; shift += 7) {
      if (at === chunk.length || at - start === maximumHeaderBytes) return start
      const byte = chunk.readUInt8(at++)
      remainingBytes += (byte & 127) << shift
      if (byte < 128) break
    }
    const end = at + remainingBytes
    if (end > chunk.length) return start
    const { checkHeader } = this.#options
    if (checkHeader(this.level, chunk.readUInt8(start), remainingBytes) < remainingBytes)
      return start
    this.#hand(chunk.subarray(start, end), at - start, remainingBytes)
    return end
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

  /** With the header complete before `at`, and some of the packet missing or to be left out. */
  #startPacket(chunk: Buffer, at: number): number {
    const header = this.#header
    const remainingBytes = decodeLength(header)
    const { checkHeader } = this.#options
    const wantedBytes = checkHeader(this.level, Number(header[0]), remainingBytes)
    this.#header = []
    const keptBytes = header.length + wantedBytes
    const bytes = Buffer.allocUnsafe(Math.min(keptBytes, firstBytes))
    bytes.set(header)
    const passedBytes = remainingBytes - wantedBytes
    const headerBytes = header.length
    this.#partial = {
      bytes,
      filledBytes: headerBytes,
      keptBytes,
      passedBytes,
      headerBytes,
      remainingBytes,
    }
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
      this.#hand(partial.bytes, partial.headerBytes, partial.remainingBytes)
    }
    return start + copied + passed
  }

  #hand(bytes: Buffer, headerBytes: number, remainingBytes: number): void {
    const packet = new Packet(bytes, headerBytes, headerBytes + remainingBytes)
    this.#isEnough = !this.#options.onPacket(packet)
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

// --- fixed headers ---

/** The most that has to be kept of a PUBLISH to acknowledge it: its topic and its id. */
const oversizeHeadBytes = 2 + 65_535 + 2

/** What the fixed header of a packet from a client must say. */
interface HeaderRule {
  /** The lower half of the first byte, one of these; any, without them. */
  readonly flags?: readonly number[]
  readonly minimumBytes: number
  readonly maximumBytes: number
}

/** More than any reason string and user properties that somebody should read. */
const mostOfAcknowledgement = 64 * 1024

/**
 * Checks a fixed header, before anything of the packet itself is kept. Returns how many of the remaining bytes are to
 * be kept: a message that is too large is no reason to end a connection, which comes again with it. Before
 * CONNECT the level is undefined.
 *
 * @throws PacketFault
 */
export type HeaderCheck = (
  level: Level | undefined,
  firstByte: number,
  remainingBytes: number,
) => number

export function createHeaderCheck(limits: MqttLimits): HeaderCheck {
  // MQTT 3.1 leaves the flags of CONNECT open, so they wait for its protocol level.
  const connect = { minimumBytes: 12, maximumBytes: limits.connectBytes }
  const later = new Map(([3, 4, 5] as const).map((level) => [level, rulesOf(level, limits)]))
  return (level, firstByte, remainingBytes) => {
    const type = firstByte >> 4
    const isFirst = level === undefined
    if (isFirst !== (type === packetTypes.connect)) throw outOfTurn(isFirst)
    const rule = isFirst ? connect : later.get(level)?.get(type)
    if (rule === undefined) throw notOfClients(firstByte)
    checkHeader(rule, firstByte, remainingBytes)
    const isOversize = type === packetTypes.publish && remainingBytes > limits.publishBytes
    // At least a byte is missing of it, or it would pass for a whole one.
    return isOversize ? Math.min(remainingBytes - 1, oversizeHeadBytes) : remainingBytes
  }
}

/** [MQTT-3.1.0-1], [MQTT-3.1.0-2] */
function outOfTurn(isFirst: boolean): PacketFault {
  const message = isFirst ? 'CONNECT as the first packet' : 'one CONNECT, got a second'
  return protocolError(`expected ${message}`)
}

function rulesOf(level: Level, limits: MqttLimits): Map<number, HeaderRule> {
  const { publish, puback, pubrec, pubrel, pubcomp, subscribe, unsubscribe, pingreq, disconnect } =
    packetTypes
  const isFive = level === 5
  const none = [0]
  // [MQTT 3.1, 2.1] DUP may be set in these, too, when they come again.
  const requested = level === 3 ? [2, 10] : [2]
  const answer = { minimumBytes: 2, maximumBytes: isFive ? mostOfAcknowledgement : 2 }
  const request = { flags: requested, maximumBytes: limits.subscribeBytes }
  const last = { flags: none, minimumBytes: 0, maximumBytes: isFive ? mostOfAcknowledgement : 0 }
  return new Map<number, HeaderRule>([
    [publish, { minimumBytes: 3, maximumBytes: Number.POSITIVE_INFINITY }],
    [puback, { flags: none, ...answer }],
    [pubrec, { flags: none, ...answer }],
    [pubrel, { flags: requested, ...answer }],
    [pubcomp, { flags: none, ...answer }],
    [subscribe, { minimumBytes: 6, ...request }],
    [unsubscribe, { minimumBytes: 5, ...request }],
    [pingreq, { flags: none, minimumBytes: 0, maximumBytes: 0 }],
    [disconnect, last],
  ])
}

function checkHeader(rule: HeaderRule, firstByte: number, remainingBytes: number): void {
  const { flags, minimumBytes, maximumBytes } = rule
  const type = firstByte >> 4
  if (flags?.includes(firstByte & 15) === false) {
    throw malformed(`expected flags ${flags[0]} in packet type ${type}, got ${firstByte & 15}`)
  }
  if (remainingBytes > maximumBytes && maximumBytes > 2) {
    const message = `expected at most ${maximumBytes} bytes, got ${remainingBytes} announced`
    throw new PacketFault('mqtt-packet-too-big', message, { reason: reasons.packetTooLarge })
  }
  if (remainingBytes > maximumBytes || remainingBytes < minimumBytes) {
    const expected = remainingBytes > maximumBytes ? maximumBytes : `at least ${minimumBytes}`
    throw malformed(`expected ${expected} bytes, got ${remainingBytes}`)
  }
}

/** [MQTT 5, 4.13] Two of them have no flags but 0 whoever sends them. */
function notOfClients(firstByte: number): PacketFault {
  const type = firstByte >> 4
  const isAnswer = type === packetTypes.suback || type === packetTypes.unsuback
  const fault = isAnswer && (firstByte & 15) !== 0 ? malformed : protocolError
  return fault(`expected a packet of a client, got type ${type}`)
}
