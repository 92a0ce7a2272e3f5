import { bodyStart, remainingLength } from './guard/packet-fields.ts'
import { isRetained, qosOf } from './guard/packet-types.ts'
import { writePublish } from './guard/written-packets.ts'
import type { OwnMessage } from './own-copy.ts'
import { asQos } from './qos.ts'

/**
 * A message as the store has it: as a PUBLISH, whose id is not the message's own and is left out. Behind it
 * is the bridge that brought the message, if one did.
 */
export function writeMessage(message: OwnMessage): Buffer {
  const packet = writePublish(message, undefined)
  const { clientId } = message
  return clientId === undefined ? packet : Buffer.concat([packet, Buffer.from(clientId)])
}

/** The message that `writeMessage` wrote. */
export function readMessage(record: Buffer): OwnMessage {
  const first = record.readUInt8()
  const topicStart = bodyStart(record) + 2
  const topicEnd = topicStart + record.readUInt16BE(topicStart - 2)
  const packetEnd = topicStart - 2 + remainingLength(record)
  const clientId = record.toString('utf8', packetEnd)
  return {
    cmd: 'publish',
    topic: record.toString('utf8', topicStart, topicEnd),
    payload: record.subarray(topicEnd, packetEnd),
    qos: asQos(qosOf(first)),
    retain: isRetained(first),
    dup: false,
    // Numbers belong to messages that come in; this one came to another broker.
    brokerId: '',
    brokerCounter: 0,
    ...(clientId && { clientId }),
  }
}
