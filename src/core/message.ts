import type { Receipt as GeneratedReceipt } from '../generated/receipt.ts'
import type { ErrorCode, HubError } from './errors.ts'
import { Payload } from './payload.ts'

/** MQTT's quality of service: at most once, at least once, exactly once. */
type Qos = 0 | 1 | 2

/** What travels on the bus. */
export interface Message {
  /** The complete topic, base included. */
  readonly topic: string
  readonly payload: Payload
  readonly qos: Qos
  /** Asks the broker to keep this message as the topic's last value. */
  readonly retain: boolean
  /** The bridge that brought it, by the name of its client; it does not get it back. */
  readonly bridge?: string
}

/** What the sender of a refused message is told: `{"code": …, "message": …}`. */
export function errorPayload({ code, message }: HubError): Payload {
  const value = { code, message }
  return Payload.ofJson(JSON.stringify(value), value)
}

/** Where the refusal of a message on `topic` is told. */
export function errorTopic(topic: string): string {
  return `${topic}/error`
}

/** What became of a command; docs/commands.md has the picture. */
export type Receipt = Readonly<GeneratedReceipt> & { readonly code?: ErrorCode }

export type ReceiptName = Receipt['receipt']
