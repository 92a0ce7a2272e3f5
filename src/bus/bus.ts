import type { HubError } from '../core/errors.ts'
import type { Message } from '../core/message.ts'

/**
 * What every message goes through. MQTT's rules for topics, retained values and QoS are its rules. Each member may be handed on
 * without the others.
 */
export interface Bus {
  /**
   * Hands `message` to every subscriber whose filter matches it; returns before they have it. What cannot be
   * published now is lost: whoever has to know asks `refusalOf` before.
   */
  publish(message: Message): void
  /** Why nothing can be published on `topic` now; undefined when it can. */
  refusalOf(topic: string): HubError | undefined
  /**
   * Calls `deliver` for each message that matches `filter`, in the order they were published, until
   * the returned function is called. A filter that starts with a wildcard does not see `$` topics.
   */
  subscribe(filter: string, deliver: (message: Message) => void): Unsubscribe
  /** The retained messages that match `filter`. */
  retained(filter: string): AsyncIterable<Message>
  /** The retained message on `topic`. */
  retainedOn(topic: string): Message | undefined
}

/** Where the hub tells how it is connected to the broker of somebody else. */
export const busStateTopic = '$SYS/hub/bus'

export type Unsubscribe = () => void
