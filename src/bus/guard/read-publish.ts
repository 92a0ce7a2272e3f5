import { bodyStart } from './packet-fields.ts'
import { isRetained, qosOf } from './packet-types.ts'

/** What a PUBLISH at QoS 0 or 1 says. */
export interface ReadPublish {
  readonly topic: string
  /** A part of the packet. */
  readonly payload: Buffer
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly dup: boolean
  /** 0 at QoS 0. */
  readonly messageId: number
}

/** Reads a whole PUBLISH that was checked. */
export function readPublish(packet: Buffer): ReadPublish {
  const first = packet.readUInt8()
  const qos = qosOf(first) === 0 ? 0 : 1
  const topicStart = bodyStart(packet) + 2
  const topicEnd = topicStart + packet.readUInt16BE(topicStart - 2)
  const topic = packet.toString('utf8', topicStart, topicEnd)
  const messageId = qos === 0 ? 0 : packet.readUInt16BE(topicEnd)
  const payload = packet.subarray(topicEnd + 2 * qos)
  return { topic, payload, qos, retain: isRetained(first), dup: (first & 8) !== 0, messageId }
}
