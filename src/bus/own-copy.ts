import type { AedesPublishPacket } from 'aedes'

/** A message whose payload is its own, not a piece of the bytes it came in. */
export interface OwnMessage extends Omit<AedesPublishPacket, 'payload'> {
  readonly payload: Buffer
}

/** A copy to keep: a payload of 1 byte would hold on to the 64 KiB that a socket read at once. */
export function ownCopy({ topic, payload, qos, retain, ...rest }: AedesPublishPacket): OwnMessage {
  const bytes = toBytes(payload)
  // Not out of a pool, which would live as long as one of its pieces.
  const own = Buffer.allocUnsafeSlow(bytes.length)
  own.set(bytes)
  const { brokerId, brokerCounter } = rest
  return { cmd: 'publish', topic, payload: own, qos, retain, dup: false, brokerId, brokerCounter }
}

export function toBytes(payload: Buffer | string): Buffer {
  return typeof payload === 'string' ? Buffer.from(payload) : payload
}
