import { type HubError, tooLarge } from '../../core/errors.ts'
import { bodyStart, PacketFields } from './packet-fields.ts'
import { packetTypes, qosOf, typeOf } from './packet-types.ts'

/** What the fixed header of a packet announces, itself included [MQTT-2.2.3]. */
function announcedBytes(packet: Buffer): number {
  const start = bodyStart(packet)
  let length = 0
  for (let at = 1; at < start; at++) length += (packet.readUInt8(at) & 127) << (7 * (at - 1))
  return start + length
}

/** Whether a packet is a PUBLISH of which the end was read past. */
export function isOversize(packet: Buffer): boolean {
  const isPublish = typeOf(packet.readUInt8()) === packetTypes.publish
  return isPublish && announcedBytes(packet) > packet.length
}

/** Why an oversize PUBLISH was not kept. */
export function oversizeError(packet: Buffer, limitBytes: number): HubError {
  return tooLarge(announcedBytes(packet), limitBytes)
}

/** The fixed header, topic and id of an oversize PUBLISH: all that is kept of it. */
export function headOf(packet: Buffer): Buffer {
  const fields = new PacketFields(packet)
  const topic = fields.bytes()
  const end = topic.byteOffset - packet.byteOffset + topic.length
  const idBytes = qosOf(packet.readUInt8()) === 0 ? 0 : 2
  return Buffer.from(packet.subarray(0, end + idBytes))
}
