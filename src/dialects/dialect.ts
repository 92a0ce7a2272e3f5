import type { Watcher } from '../access/sender.ts'
import type { HubError } from '../core/errors.ts'
import type { MessageProperties } from '../core/message.ts'
import type { Payload } from '../core/payload.ts'
import type { LabelRequest } from '../generated/label.ts'
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
  /** Sends the last known value of every topic that is of interest; live messages follow after them. */
  catchUp(): void
  /**
   * Sends what was said after a position, and goes on with what comes; or says how much is missing, and sends the last
   * known values.
   */
  recover(position: string): void
  /**
   * From now on more is told, and of what the filters match only, where there are some.
   *
   * @throws HubError `bad-topic`, `topic-too-big` or `too-many` for filters.
   */
  show(wishes: Wishes): void
  /**
   * From now on it is told of what these match, too, which begins with the last known values, and of nothing else than
   * it has asked for. `done` is called when those were sent.
   *
   * @throws HubError as `show`
   */
  subscribe(filters: readonly string[], done: () => void): void
  unsubscribe(filters: readonly string[]): void
  /** Tells of each node below the base by itself; resolves with their number. */
  tellNodes(tell: (node: Payload) => void): Promise<number>
  /**
   * Says what a device is called, and where it is, by its topic below the base; resolves with what is known of that now.
   *
   * @throws HubError
   */
  label(request: LabelRequest): Promise<object>
}

/** What somebody wants to be told besides messages. */
export interface Wishes {
  /** What MQTT 5 says of messages, as far as it is for their readers. */
  readonly properties?: boolean
  /** How old last values are, and whether they are stale. */
  readonly ages?: boolean
  /** That nodes and sensors come and go. */
  readonly presence?: boolean
  /** What devices are called, and where they are, when that changes. */
  readonly labels?: boolean
  /** Where a message stands among those below the base. */
  readonly positions?: boolean
  /** Below the base; in place of those that were asked for before. */
  readonly filters?: readonly string[]
}

/** A language spoken on links. It turns frames into messages and back, and knows no socket. */
export interface Dialect {
  readonly name: string
  /** Whether its frames go one behind the other as they are, and not in those of a websocket. */
  readonly isStream?: boolean
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
  /**
   * The frame that tells a reader how many messages were left out; undefined where nobody can tell. `after` is the
   * position that it wanted to go on from.
   */
  encodeMissed(count: number | undefined, after?: string): string
  /** The frame that tells up to where all was told, where the language has one. */
  encodePosition?(position: string): string
}
