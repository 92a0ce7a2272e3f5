import type { Watcher } from '../access/sender.ts'
import type { HubError } from '../core/errors.ts'
import type { MessageProperties } from '../core/message.ts'
import type { Payload } from '../core/payload.ts'
import type { LineOptions } from '../nodes/registry/answers.ts'

/** One open connection that carries frames, served or dialled. */
export interface Link {
  send(frame: string): void
}

/** What a line carries besides its message. */
export interface LineExtras {
  /** Is told what becomes of a command. */
  readonly watcher?: Watcher | undefined
  /** Whether to command a device, too, that its node does not have. */
  readonly force?: boolean
  /** What MQTT 5 says of a message. */
  readonly properties?: MessageProperties | undefined
  /** What the hub adds to an answer of its own; without it, nothing. */
  readonly options?: LineOptions | undefined
}

/** What a signed-in link may ask of the hub. Its topics are relative to the link's base. */
export interface Session {
  /**
   * Publishes below the base. What the hub can answer itself is answered on the link.
   *
   * @throws HubError when the hub refuses it, but to a watcher it is told.
   */
  publish(topic: string, payload: Payload, extras?: LineExtras): void
  /** Sends the last known value of every topic below the base; live messages follow after them. */
  catchUp(): void
  /** From now on messages come with what MQTT 5 says of them, as far as it is for their readers. */
  showProperties(): void
}

/** A language spoken on links. It turns frames into messages and back, and knows no socket. */
export interface Dialect {
  readonly name: string
  /** Starts talking on `link`; returns what to do with each frame that arrives. Never throws. */
  open(link: Link, session: Session): (frame: Buffer) => void
  /** For how many messages a frame counts, whatever they say. */
  countMessages(frame: Buffer): number
  /**
   * The frame that tells of a message; the same one for every link with the same base. With `options`
   * it is an answer of the hub to one of them.
   */
  encode(topic: string, payload: Payload, options?: LineOptions): string
  /** The frame that tells a peer of an error that is about no topic of its own. */
  encodeError(error: HubError): string
  /** The frame that tells a slow reader how many messages were left out. */
  encodeMissed(count: number): string
}
