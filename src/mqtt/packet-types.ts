import { type HubError, tooLarge } from '../core/errors.ts'
import type { Config } from '../generated/config.ts'
import { bodyStart, PacketFields, remainingLength } from './packet-fields.ts'
import { malformed, PacketFault, protocolError, reasons } from './reasons.ts'

export type MqttLimits = Config['limits']['mqtt']

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

export function typeOf(firstByte: number): number {
  return firstByte >> 4
}

/** [MQTT-3.3.1] The quality of service in the first byte of a PUBLISH; 3 is none. */
export function qosOf(firstByte: number): number {
  return (firstByte >> 1) & 3
}

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
  const ruleOf = (level: Level | undefined, type: number) => {
    const isFirst = level === undefined
    if (isFirst !== (type === packetTypes.connect)) throw outOfTurn(isFirst)
    return isFirst ? connect : later.get(level)?.get(type)
  }
  return (level, firstByte, remainingBytes) => {
    const type = typeOf(firstByte)
    const rule = ruleOf(level, type)
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
  const type = typeOf(firstByte)
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
  const type = typeOf(firstByte)
  const isAnswer = type === packetTypes.suback || type === packetTypes.unsuback
  const fault = isAnswer && (firstByte & 15) !== 0 ? malformed : protocolError
  return fault(`expected a packet of a client, got type ${type}`)
}

// --- a PUBLISH of which the end was read past ---

/** Whether a packet is one. */
export function isOversize(packet: Buffer): boolean {
  return (
    typeOf(packet.readUInt8()) === packetTypes.publish && announcedBytes(packet) > packet.length
  )
}

/** What the fixed header of a packet announces, itself included [MQTT-2.2.3]. */
function announcedBytes(packet: Buffer): number {
  return bodyStart(packet) + remainingLength(packet)
}

/** Why it was not kept. */
export function oversizeError(packet: Buffer, limitBytes: number): HubError {
  return tooLarge(announcedBytes(packet), limitBytes)
}

/** Its fixed header, topic and id: all that is kept of it. */
export function headOf(packet: Buffer): Buffer {
  const fields = new PacketFields(packet)
  fields.binary()
  if (qosOf(packet.readUInt8()) > 0) fields.number()
  return Buffer.from(packet.subarray(0, fields.at))
}
