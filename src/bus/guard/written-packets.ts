import { packetTypes } from './packet-types.ts'

/** What a PUBLISH says. */
export interface Published {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  readonly dup: boolean
}

/** [MQTT-3.3] A whole PUBLISH, with an id above QoS 0. */
export function writePublish(message: Published, id: number | undefined): Buffer {
  const { topic, payload, qos, retain, dup } = message
  const topicBytes = Buffer.byteLength(topic)
  const idBytes = id === undefined ? 0 : 2
  const length = lengthOf(2 + topicBytes + idBytes + payload.length)
  const packet = Buffer.allocUnsafe(1 + length.length + 2 + topicBytes + idBytes + payload.length)
  const flags = (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0)
  packet.set([(packetTypes.publish << 4) | flags, ...length])
  let at = packet.writeUInt16BE(topicBytes, 1 + length.length)
  at += packet.write(topic, at)
  if (id !== undefined) at = packet.writeUInt16BE(id, at)
  packet.set(payload, at)
  return packet
}

/** [MQTT-3.6] A whole PUBREL. */
export function writeRelease(id: number): Buffer {
  return Buffer.from([(packetTypes.pubrel << 4) | 2, 2, id >> 8, id & 255])
}

/** [MQTT-2.2.3] Seven bits a byte, the lowest first; the eighth says that more follow. */
function lengthOf(remainingBytes: number): number[] {
  const bytes: number[] = []
  let rest = remainingBytes
  for (; rest > 127; rest >>= 7) bytes.push((rest & 127) | 128)
  return [...bytes, rest]
}

/** [MQTT-3.4] A whole PUBACK. */
export function writeAcknowledgement(id: number): Buffer {
  return Buffer.from([packetTypes.puback << 4, 2, id >> 8, id & 255])
}

/** [MQTT-3.5] A whole PUBREC. */
export function writeReceived(id: number): Buffer {
  return Buffer.from([packetTypes.pubrec << 4, 2, id >> 8, id & 255])
}
