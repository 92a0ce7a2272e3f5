import { isUtf8 } from 'node:buffer'
import { malformed } from './packet-fault.ts'
import { PacketFields } from './packet-fields.ts'
import { type MqttLimits, qosOf } from './packet-types.ts'

/**
 * Checks what Aedes does not of a PUBLISH. The rules of topics follow where every message is admitted;
 * what is not UTF-8 has to be refused here, before different bytes become the same text.
 *
 * @throws PacketFault
 */
export function checkPublish(packet: Buffer): void {
  const first = packet.readUInt8()
  const qos = qosOf(first)
  // [MQTT-3.3.1-4]
  if (qos === 3) throw malformed('expected a QoS of 0 to 2, got 3')
  // [MQTT-3.3.1-2]
  if (qos === 0 && first & 8) throw malformed('expected no DUP at QoS 0')
  const topic = new PacketFields(packet).bytes()
  // [MQTT-4.7.3-1]
  if (topic.length === 0) throw malformed('expected a topic, got an empty one')
  if (!isUtf8(topic)) throw malformed('expected a topic in UTF-8, got other bytes')
}

/**
 * Checks the id and the filters of a SUBSCRIBE, and returns for how many requests it counts. The rules of
 * filters that a client may learn of by SUBACK follow in the broker.
 *
 * @throws PacketFault
 */
export function checkSubscribe(packet: Buffer, limits: FilterLimits): number {
  return checkFilters(packet, limits, (fields) => {
    const options = fields.byte()
    // [MQTT-3.8.3-4]
    if (options > 2) throw malformed(`expected a QoS of 0 to 2, got options ${options}`)
  })
}

/** As `checkSubscribe`, of an UNSUBSCRIBE. Throws PacketFault. */
export function checkUnsubscribe(packet: Buffer, limits: FilterLimits): number {
  return checkFilters(packet, limits, () => {})
}

type FilterLimits = Pick<MqttLimits, 'subscriptions'>

/** All that a client has to say in one packet is one request, unless it is kilobytes. */
const requestBytes = 512

/** Filters are no requests, but for those past what one client may have: they make work for nothing. */
function checkFilters(
  packet: Buffer,
  { subscriptions }: FilterLimits,
  checkOptions: (fields: PacketFields) => void,
): number {
  const fields = new PacketFields(packet)
  // [MQTT-2.3.1-1]
  if (fields.number() === 0) throw malformed('expected a message id other than 0')
  let filters = 0
  while (!fields.isAtEnd) {
    // [MQTT-4.7.3-1]
    if (fields.text('a filter') === '') throw malformed('expected a filter, got an empty one')
    checkOptions(fields)
    filters++
  }
  return Math.ceil(packet.length / requestBytes) + Math.max(0, filters - subscriptions)
}
