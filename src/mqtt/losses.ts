import { matches } from '../core/filter.ts'
import { droppedTopic } from './clients.ts'
import type { KeptMessage } from './message-record.ts'
import { noBytes, pairProperty } from './properties.ts'
import type { SubscribedFilter } from './read-packets.ts'
import type { Dropped, SessionJournal } from './session-journal.ts'

/** What was dropped of what waited for a client, and is told once: to who subscribed to that, or with a message. */
export class Losses {
  readonly #name: string
  readonly #journal: SessionJournal
  #dropped: Dropped | undefined

  /** `name` is that of the client. */
  constructor(name: string, journal: SessionJournal) {
    this.#name = name
    this.#journal = journal
  }

  /** Takes over what an earlier hub has not told. */
  restore(dropped: Dropped | undefined): void {
    this.#dropped = dropped
  }

  /** A message was dropped. */
  add(): void {
    const { count, since } = this.#dropped ?? { count: 0, since: new Date().toISOString() }
    this.#set({ count: count + 1, since })
  }

  forget(): void {
    this.#set(undefined)
  }

  /** The message that tells it, which is for who subscribed to its topic; undefined for nobody and nothing. */
  takeFor(subscriptions: Iterable<SubscribedFilter>) {
    const topic = this.#dropped && droppedTopic(this.#name)
    if (topic === undefined) return undefined
    if (![...subscriptions].some(({ filter }) => matches(filter, topic))) return undefined
    const payload = Buffer.from(JSON.stringify(this.#dropped))
    this.forget()
    return { topic, payload }
  }

  /** The same message, which tells it in a user property [MQTT 5, 3.3.2.3.7]. */
  tellWith(message: KeptMessage): KeptMessage {
    if (this.#dropped === undefined) return message
    const { count, since } = this.#dropped
    this.forget()
    const told = pairProperty(['clown-hub-dropped', `${count} since ${since}`])
    const { properties = { bytes: noBytes } } = message
    const bytes = Buffer.concat([properties.bytes, told])
    return { ...message, properties: { ...properties, bytes } }
  }

  #set(dropped: Dropped | undefined): void {
    if (dropped === this.#dropped) return
    this.#dropped = dropped
    this.#journal.dropped(dropped)
  }
}
