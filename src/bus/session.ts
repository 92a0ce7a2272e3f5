import { switchesActuator } from '../core/topic.ts'
import { writePublish, writeRelease } from './guard/written-packets.ts'
import { IncomingIds } from './incoming-ids.ts'
import { OutgoingQueue, type QueueOptions, type Sending } from './outgoing-queue.ts'
import type { OwnMessage } from './own-copy.ts'
import { noNotes, type SessionNotes, type StoredSession } from './session-records.ts'

/** A connection, as the session of its client sees it. */
export interface Link {
  /** Whether the client may have a message now. */
  mayHave(message: OwnMessage): boolean
  /** Whether the client is a bridge that brought the message. */
  isOwn(message: OwnMessage): boolean
  /** Writes a packet. Answers false to a replay that has to wait until the link has drained. */
  write(packet: Buffer, isReplay: boolean): boolean
  onceDrained(done: () => void): void
}

export interface SessionOptions extends QueueOptions {
  /** Whether it outlives its connection. */
  readonly isKept: boolean
  /** How many QoS 2 messages of the client may be open. */
  readonly qos2Window: number
  readonly notes?: SessionNotes
}

/**
 * What a client and the hub owe each other [MQTT-4.1]. A message above QoS 0 for a session that is
 * kept goes into its queue and is written from there and nowhere else, whether the client is there or
 * comes back: so it keeps its place, and is neither lost nor sent twice.
 */
export class Session {
  readonly isKept: boolean
  readonly incoming: IncomingIds
  readonly outgoing: OutgoingQueue
  readonly #notes: SessionNotes
  #link: Link | undefined
  /** From the return of the client until it has everything that waited. */
  #isReplay = false
  #isFlowDue = false

  constructor(options: SessionOptions) {
    const { isKept, qos2Window, notes = noNotes } = options
    this.isKept = isKept
    this.incoming = new IncomingIds(qos2Window, notes)
    this.outgoing = new OutgoingQueue(options)
    this.#notes = notes
  }

  get isClientThere(): boolean {
    return this.#link !== undefined
  }

  /** The client is here, through `link`; an older link counts no more. */
  attach(link: Link): void {
    if (this.#link !== undefined) this.detach(this.#link)
    this.#link = link
    this.#notes.here()
    this.outgoing.resume()
    this.#isReplay = true
    this.#isFlowDue = false
    this.#flowSoon()
  }

  /** `link` has ended; answers whether the client is gone with it. */
  detach(link: Link): boolean {
    if (this.#link !== link) return false
    this.#link = undefined
    this.#notes.away(0)
    // A command that was not acknowledged is not given tomorrow for today's button.
    this.outgoing.leave(({ topic }) => !switchesActuator(topic))
    return true
  }

  /** The client has been away for so long; by another time of day than before. */
  stillAway(awayMs: number): void {
    this.#notes.away(awayMs)
  }

  /** Takes over what an earlier hub has noted. A client that was there to its end is away from now on. */
  restore({ awayMs, messages, lastId, unreleased }: StoredSession): void {
    if (awayMs === 0) this.#notes.away(0)
    this.incoming.restore(unreleased)
    this.outgoing.restore(messages, lastId)
  }

  /** Forgets everything: the session is over. */
  end(): void {
    this.incoming.clear()
    this.outgoing.clear()
    this.#notes.ended()
  }

  /** Lets a message wait for its turn, and for the client if it is away. */
  keep(message: OwnMessage): void {
    if (this.#link?.isOwn(message)) return
    this.outgoing.add(message)
    this.#flowSoon()
  }

  /** After what other messages wait for already: those at QoS 0 pass by this queue. */
  #flowSoon(): void {
    if (this.#isFlowDue || this.#link === undefined) return
    this.#isFlowDue = true
    setImmediate(this.#flow)
  }

  readonly #flow = (): void => {
    this.#isFlowDue = false
    const link = this.#link
    if (link === undefined) return
    for (let next = this.outgoing.next(); next !== undefined; next = this.outgoing.next()) {
      if (this.#send(link, next)) continue
      this.#isFlowDue = true
      link.onceDrained(this.#flow)
      return
    }
    this.#isReplay = false
  }

  /** Answers whether more may follow at once. */
  #send(link: Link, { id, message, isAgain }: Sending): boolean {
    if (message === undefined) return link.write(writeRelease(id), this.#isReplay)
    if (!link.mayHave(message)) {
      this.outgoing.acknowledged(id)
      return true
    }
    // [MQTT-3.3.1-1]
    return link.write(writePublish({ ...message, dup: isAgain }, id), this.#isReplay)
  }
}
