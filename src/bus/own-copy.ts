import type { AedesPublishPacket } from 'aedes'
import { ownBytes } from '../core/payload.ts'

/** A message whose payload is its own, not a piece of the bytes it came in. */
export interface OwnMessage extends Omit<AedesPublishPacket, 'payload'> {
  readonly payload: Buffer
}

/** A message to keep. */
export function ownCopy(packet: AedesPublishPacket): OwnMessage {
  const { topic, payload, qos, retain, brokerId, brokerCounter, clientId } = packet
  const own = ownBytes(toBytes(payload))
  const copy = { cmd: 'publish', topic, payload: own, qos, retain, dup: false } as const
  const numbers = { brokerId, brokerCounter }
  return clientId === undefined ? { ...copy, ...numbers } : { ...copy, ...numbers, clientId }
}

export function toBytes(payload: Buffer | string): Buffer {
  return typeof payload === 'string' ? Buffer.from(payload) : payload
}
