import type { OwnMessage } from '../../src/bus/own-copy.ts'

/** Message `brokerCounter` of the broker, whose payload is that number. */
export function ownMessage(brokerCounter: number, fields: Partial<OwnMessage> = {}): OwnMessage {
  return {
    cmd: 'publish',
    topic: 'a',
    payload: Buffer.from(String(brokerCounter)),
    qos: 1,
    retain: false,
    dup: false,
    brokerId: 'broker',
    brokerCounter,
    ...fields,
  }
}
