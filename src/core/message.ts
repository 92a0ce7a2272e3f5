import type { Payload } from './payload.ts'

/** MQTT's quality of service: at most once, at least once, exactly once. */
export type Qos = 0 | 1 | 2

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
