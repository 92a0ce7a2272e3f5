import { bodyStart } from './guard/packet-fields.ts'
import { isRetained, qosOf } from './guard/packet-types.ts'
import { writePublish } from './guard/written-packets.ts'
import type { OwnMessage } from './own-copy.ts'
import type { Qos } from './qos.ts'

/** A message as the store has it: as a PUBLISH, whose id is not the message's own and is left out. */
export function writeMessage(message: OwnMessage): Buffer {
  return writePublish(message, undefined)
}

/** The message that `writeMessage` wrote. */
export function readMessage(record: Buffer): OwnMessage {
  const first = record.readUInt8()
  const topicStart = bodyStart(record) + 2
  const topicEnd = topicStart + record.readUInt16BE(topicStart - 2)
  return {
    cmd: 'publish',
    topic: record.toString('utf8', topicStart, topicEnd),
    payload: record.subarray(topicEnd),
    qos: asQos(qosOf(first)),
    retain: isRetained(first),
    dup: false,
    // Numbers belong to messages that come in; this one came to another broker.
    brokerId: '',
    brokerCounter: 0,
  }
}

function asQos(qos: number): Qos {
  return qos === 1 || qos === 2 ? qos : 0
}
