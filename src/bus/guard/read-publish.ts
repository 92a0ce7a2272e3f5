import { bodyStart } from './packet-fields.ts'

/** Topic and payload of a whole PUBLISH at QoS 0 that was checked. The payload is a part of the packet. */
export function readPublish(packet: Buffer): { readonly topic: string; readonly payload: Buffer } {
  const topicStart = bodyStart(packet) + 2
  const payloadStart = topicStart + packet.readUInt16BE(topicStart - 2)
  const topic = packet.toString('utf8', topicStart, payloadStart)
  return { topic, payload: packet.subarray(payloadStart) }
}
