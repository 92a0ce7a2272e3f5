import type { AedesPublishPacket } from 'aedes'
import { ownBytes } from '../core/payload.ts'

/** A message whose payload is its own, not a piece of the bytes it came in. */
export interface OwnMessage extends Omit<AedesPublishPacket, 'payload'> {
  readonly payload: Buffer
}

/** A message to keep. */
export function ownCopy({ topic, payload, qos, retain, ...rest }: AedesPublishPacket): OwnMessage {
  const own = ownBytes(toBytes(payload))
  const { brokerId, brokerCounter } = rest
  return { cmd: 'publish', topic, payload: own, qos, retain, dup: false, brokerId, brokerCounter }
}

export function toBytes(payload: Buffer | string): Buffer {
  return typeof payload === 'string' ? Buffer.from(payload) : payload
}
