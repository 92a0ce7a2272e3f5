import type { Config } from '../../generated/config.ts'
import { malformed, PacketFault } from './packet-fault.ts'

export type MqttLimits = Config['limits']['mqtt']

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
} as const

export function typeOf(firstByte: number): number {
  return firstByte >> 4
}

/** [MQTT-3.3.1] The quality of service in the first byte of a PUBLISH; 3 is none. */
export function qosOf(firstByte: number): number {
  return (firstByte >> 1) & 3
}

export function isRetained(firstByte: number): boolean {
  return (firstByte & 1) === 1
}

/** The most that has to be kept of a PUBLISH to acknowledge it: its topic and its id. */
const oversizeHeadBytes = 2 + 65_535 + 2

/** What the fixed header of a packet from a client must say. */
interface HeaderRule {
  /** The lower half of the first byte; PUBLISH has rules of its own. */
  readonly flags: number | undefined
  readonly minimumBytes: number
  readonly maximumBytes: number
}

function exactly(bytes: number, flags = 0): HeaderRule {
  return { flags, minimumBytes: bytes, maximumBytes: bytes }
}

/**
 * Checks fixed headers: before anything of the packet itself is kept. Returns how many of its bytes are to
 * be kept: a message that is too large is no reason to end a connection, which comes again with it.
 */
export function createHeaderCheck(limits: MqttLimits) {
  const { connect, publish, subscribe, unsubscribe, pubrel, pingreq, disconnect } = packetTypes
  const { puback, pubrec, pubcomp } = packetTypes
  const rules = new Map<number, HeaderRule>([
    // MQTT 3.1 leaves the flags of CONNECT open, so they wait for its protocol level.
    [connect, { flags: undefined, minimumBytes: 12, maximumBytes: limits.connectBytes }],
    [publish, { flags: undefined, minimumBytes: 3, maximumBytes: Number.POSITIVE_INFINITY }],
    [puback, exactly(2)],
    [pubrec, exactly(2)],
    [pubrel, exactly(2, 2)],
    [pubcomp, exactly(2)],
    [subscribe, { flags: 2, minimumBytes: 6, maximumBytes: limits.subscribeBytes }],
    [unsubscribe, { flags: 2, minimumBytes: 5, maximumBytes: limits.subscribeBytes }],
    [pingreq, exactly(0)],
    [disconnect, exactly(0)],
  ])
  return (firstByte: number, remainingBytes: number): number => {
    const type = typeOf(firstByte)
    const rule = rules.get(type)
    if (rule === undefined) throw malformed(`expected a packet of a client, got type ${type}`)
    if (rule.flags !== undefined && (firstByte & 15) !== rule.flags) {
      throw malformed(`expected flags ${rule.flags} in packet type ${type}, got ${firstByte & 15}`)
    }
    if (remainingBytes > rule.maximumBytes) {
      const message = `expected at most ${rule.maximumBytes} bytes, got ${remainingBytes} announced`
      throw new PacketFault('mqtt-packet-too-big', message)
    }
    if (remainingBytes < rule.minimumBytes) {
      throw malformed(`expected at least ${rule.minimumBytes} bytes, got ${remainingBytes}`)
    }
    const isOversize = type === publish && remainingBytes > limits.publishBytes
    // At least a byte is missing of it, or it would pass for a whole one.
    return isOversize ? Math.min(remainingBytes - 1, oversizeHeadBytes) : remainingBytes
  }
}
