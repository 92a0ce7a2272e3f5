import type { Receipt as GeneratedReceipt } from '../generated/receipt.ts'
import type { ErrorCode, HubError } from './errors.ts'
import { Payload } from './payload.ts'

/** MQTT's quality of service: at most once, at least once, exactly once. */
export type Qos = 0 | 1 | 2

export function asQos(qos: number): Qos {
  return qos === 1 || qos === 2 ? qos : 0
}

export function lowerQos(one: Qos, other: Qos): Qos {
  return one > other ? other : one
}

/** What travels on the bus. */
export interface Message {
  /** The complete topic, base included. */
  readonly topic: string
  readonly payload: Payload
  readonly qos: Qos
  /** Asks the broker to keep this message as the topic's last value. */
  readonly retain: boolean
  /** The MQTT client that brought it, by its name in the broker. */
  readonly client?: string | undefined
  readonly properties?: MessageProperties | undefined
  /** Whoever published it hears of its receivers. */
  readonly receivers?: Receivers | undefined
  /** Its number in the trace, which writes it here. */
  traced?: number | undefined
  /** Whether it was retained by a broker before the hub came there: nobody knows when it was said. */
  readonly isPast?: boolean
}

/** Hears which MQTT clients a message goes to that have to acknowledge it, by their names in the broker. */
export interface Receivers {
  /** After so many milliseconds nobody waits for it any more. */
  readonly withinMs: number
  /** A broker that somebody else runs does not take it. */
  untaken(error: HubError): void
  /** The client is sent it, now or when it is its turn. */
  owes(client: string): void
  /** The client has acknowledged it. */
  has(client: string): void
}

/** What MQTT 5 says of a message besides [MQTT 5, 3.3.2.3]. */
export interface MessageProperties {
  /** Those that go on to its receivers as they came, in their order [MQTT-3.3.2-18]. */
  readonly bytes: Buffer
  /** When it is of no use any more, in milliseconds since 1970. */
  readonly expiresAtMs?: number
}

/** What the sender of a refused message is told: `{"code": …, "message": …}`. */
export function errorPayload({ code, message }: HubError): Payload {
  const value = { code, message }
  return Payload.ofValue(value)
}

/** Where the refusal of a message on `topic` is told. */
export function errorTopic(topic: string): string {
  return `${topic}/error`
}

/** Tells of `error` beside `topic`, to whoever listens there now. */
export function errorOn(topic: string, error: HubError): Message {
  return { topic: errorTopic(topic), payload: errorPayload(error), qos: 0, retain: false }
}

/** The topic whose messages are refused on `topic`; undefined when nothing is refused there. */
export function topicOfError(topic: string): string | undefined {
  const about = topic.slice(0, -'/error'.length)
  return about !== '' && errorTopic(about) === topic ? about : undefined
}

/** What became of a command; docs/commands.md has the picture. */
export type Receipt = Readonly<GeneratedReceipt> & { readonly code?: ErrorCode }

export type ReceiptName = Receipt['receipt']
