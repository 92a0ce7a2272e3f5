import type { AedesPublishPacket } from 'aedes'
import { writePublish } from './guard/written-packets.ts'
import { toBytes } from './own-copy.ts'

/** The PUBLISH at QoS 0 that tells a live message: made once for all who receive it. */
export type LiveFrame = (packet: AedesPublishPacket) => Buffer

/** The messages of one broker are told apart by their numbers, and go out one after another. */
export function createLiveFrame(): LiveFrame {
  let last = 0
  let frame: Buffer = Buffer.alloc(0)
  return ({ brokerCounter, topic, payload }) => {
    if (brokerCounter !== last) {
      last = brokerCounter
      const message = {
        topic,
        payload: toBytes(payload),
        qos: 0,
        retain: false,
        dup: false,
      } as const
      frame = writePublish(message, undefined)
    }
    return frame
  }
}
