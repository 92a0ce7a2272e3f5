import { asQos, type Qos } from '../qos.ts'
import { bodyStart } from './packet-fields.ts'
import { isRetained, qosOf } from './packet-types.ts'

/** What a PUBLISH says. */
export interface ReadPublish {
  readonly topic: string
  /** A part of the packet. */
  readonly payload: Buffer
  readonly qos: Qos
  readonly retain: boolean
  readonly dup: boolean
  /** 0 at QoS 0. */
  readonly messageId: number
}

/** Reads a PUBLISH that was checked, or the head of one. */
export function readPublish(packet: Buffer): ReadPublish {
  const first = packet.readUInt8()
  const qos = asQos(qosOf(first))
  const topicStart = bodyStart(packet) + 2
  const topicEnd = topicStart + packet.readUInt16BE(topicStart - 2)
  const topic = packet.toString('utf8', topicStart, topicEnd)
  const messageId = qos === 0 ? 0 : packet.readUInt16BE(topicEnd)
  const payload = packet.subarray(topicEnd + (qos === 0 ? 0 : 2))
  return { topic, payload, qos, retain: isRetained(first), dup: (first & 8) !== 0, messageId }
}
