import type { KeptMessage } from '../../src/mqtt/message-record.ts'
import type { Delivery } from '../../src/mqtt/session-queue.ts'
import { plainGrant } from '../../src/mqtt/subscriptions.ts'

/** A message whose payload is `number`. */
export function keptMessage(number: number, fields: Partial<KeptMessage> = {}): KeptMessage {
  const payload = Buffer.from(String(number))
  return { topic: 'a', payload, qos: 1, retain: false, ...fields }
}

/** The same on its way to a client, at its own QoS. */
export function delivery(number: number, fields: Partial<KeptMessage> = {}): Delivery {
  const message = keptMessage(number, fields)
  return { message, grant: plainGrant(message.qos, message.retain) }
}
