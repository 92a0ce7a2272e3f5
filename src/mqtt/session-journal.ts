import { steadyMs } from '../core/clock.ts'
import { matches } from '../core/filter.ts'
import { switchesActuator } from '../core/switching.ts'
import type { Journal } from '../store/journal.ts'
import { droppedTopic } from './clients.ts'
import { type KeptMessage, readMessage, writeMessage } from './message-record.ts'
import { noBytes, pairProperty } from './properties.ts'
import { optionBits, optionsOf, type SubscribedFilter } from './read-packets.ts'
import type { Delivery } from './session-queue.ts'

/** How many messages a client has lost, and since when, as ISO 8601 in UTC. */
export interface Dropped {
  readonly count: number
  readonly since: string
}

/** A message to a client. Without an id it waits, or is under way at QoS 1: that is not noted. */
export interface StoredMessage {
  readonly number: number
  readonly id: number | undefined
  /** Undefined when it has arrived, and its PUBREL is due. */
  readonly delivery: Delivery | undefined
}

/** A session of an earlier hub. */
export interface StoredSession {
  readonly clientId: string
  /** For how long the client had been away; 0 when it was there to the end. */
  readonly awayMs: number
  /** For how long it is kept in all; undefined in what earlier releases wrote. */
  readonly expirySeconds: number | undefined
  readonly lastId: number
  readonly subscriptions: readonly SubscribedFilter[]
  /** In their order. */
  readonly messages: readonly StoredMessage[]
  readonly unreleased: readonly number[]
  readonly dropped?: Dropped | undefined
}

const keyPrefix = 'session/'

/**
 * Notes what becomes of one kept session. A message has a number, under which it is kept until it has
 * arrived. At QoS 2 it has an id as well, from when it is sent until the client is done with it.
 */
export class SessionJournal {
  /** Undefined when nothing is kept of the session. */
  readonly #journal: Journal | undefined
  /** What its keys begin with. Client ids may hold slashes; names of users and filters come last. */
  readonly #own: string
  #lastNumber: number
  /** The numbers of messages with an id. */
  readonly #withId: Set<number>

  /** Of a session that begins, or goes on with these messages; nothing is noted without `journal`. */
  constructor(
    journal: Journal | undefined,
    clientId: string,
    messages: readonly StoredMessage[] = [],
  ) {
    this.#journal = journal?.isLasting === true ? journal : undefined
    this.#own = `${keyPrefix}${encodeURIComponent(clientId)}/`
    this.#lastNumber = messages.at(-1)?.number ?? 0
    const withId = messages.filter(({ id }) => id !== undefined)
    this.#withId = new Set(withId.map(({ number }) => number))
  }

  /** The client is there; when it leaves, the session is kept for so long. */
  here(expirySeconds: number): void {
    this.#journal?.note(`${this.#own}client`, textOf(` ${expirySeconds}`))
  }

  /** The client has been away for so long. */
  away(awayMs: number, expirySeconds: number): void {
    const journal = this.#journal
    const sinceMs = steadyMs() + (journal?.aheadMs ?? 0) - awayMs
    journal?.note(`${this.#own}client`, textOf(`${sinceMs} ${expirySeconds}`))
  }

  /** The session is over, with all but its messages, ids and subscriptions, which end one by one. */
  ended(): void {
    this.#journal?.note(`${this.#own}client`, undefined)
    this.#journal?.note(`${this.#own}last-id`, undefined)
  }

  /** `isNew`: it had no subscription to that filter. */
  subscribed(subscription: SubscribedFilter, isNew: boolean): void {
    const key = `${this.#own}subscription/${subscription.filter}`
    if (isNew) this.#journal?.noteNew(key, optionsText(subscription))
    else this.#journal?.note(key, optionsText(subscription))
  }

  unsubscribed(filter: string): void {
    this.#journal?.note(`${this.#own}subscription/${filter}`, undefined)
  }

  /** The id that was given out last, so that none comes again too soon. */
  lastId(id: number): void {
    this.#journal?.note(`${this.#own}last-id`, textOf(id))
  }

  /** A message waits; returns its number. A command has none: it ends with the hub. */
  waits({ message, grant }: Delivery): number | undefined {
    const journal = this.#journal
    if (journal === undefined || switchesActuator(message.topic)) return undefined
    this.#lastNumber += 1
    const record = writeMessage(message, grant, journal.aheadMs)
    journal.noteNew(this.#numbered('message', this.#lastNumber), record)
    return this.#lastNumber
  }

  /** A QoS 2 message is sent: the next hub has to send it with the same id, or it comes twice. */
  sent(number: number, id: number): void {
    this.#withId.add(number)
    this.#journal?.noteNew(this.#numbered('id', number), textOf(id))
  }

  /** PUBREC came. */
  received(number: number): void {
    this.#journal?.note(this.#numbered('message', number), undefined)
  }

  /** The message is acknowledged, or was given up. */
  done(number: number): void {
    this.#journal?.note(this.#numbered('message', number), undefined)
    if (this.#withId.delete(number)) this.#journal?.note(this.#numbered('id', number), undefined)
  }

  /** So much was lost since then; undefined when the client knows. */
  dropped(dropped: Dropped | undefined): void {
    const text = dropped && textOf(`${dropped.count} ${dropped.since}`)
    this.#journal?.noteLater(`${this.#own}dropped`, text)
  }

  /** A QoS 2 message of the client came, whose PUBREL is awaited. */
  unreleased(id: number): void {
    this.#journal?.noteNew(`${this.#own}unreleased/${id}`, textOf(''))
  }

  released(id: number): void {
    this.#journal?.note(`${this.#own}unreleased/${id}`, undefined)
  }

  /** Keys are in the order of their characters. */
  #numbered(kind: string, number: number): string {
    return `${this.#own}${kind}/${String(number).padStart(16, '0')}`
  }
}

function textOf(value: string | number): Buffer {
  return Buffer.from(String(value))
}

/** The options as SUBSCRIBE has them, and the identifier if there is one. */
function optionsText(subscription: SubscribedFilter): Buffer {
  return textOf([optionBits(subscription), subscription.identifier ?? ''].join(' ').trim())
}

// --- what an earlier hub has noted ---

/** A session while its keys, which come together, are read. */
interface Draft {
  readonly owner: string
  /** Of the journal. */
  readonly aheadMs: number
  awayMs: number
  expirySeconds: number | undefined
  lastId: number
  readonly subscriptions: SubscribedFilter[]
  readonly messages: Map<number, Delivery>
  readonly ids: Map<number, number>
  readonly unreleased: number[]
  dropped?: Dropped
}

function draftOf(owner: string, aheadMs: number): Draft {
  const lists = { subscriptions: [], messages: new Map(), ids: new Map(), unreleased: [] }
  return { owner, aheadMs, awayMs: 0, expirySeconds: undefined, lastId: 0, ...lists }
}

/** The sessions of an earlier hub. */
export async function* storedSessions(
  journal: Pick<Journal, 'entries' | 'aheadMs'>,
): AsyncIterable<StoredSession> {
  let draft: Draft | undefined
  for await (const [key, value] of journal.entries(keyPrefix)) {
    const [, owner = '', kind = '', ...rest] = key.split('/')
    if (draft?.owner !== owner) {
      if (draft !== undefined) yield finished(draft)
      draft = draftOf(owner, journal.aheadMs)
    }
    read[kind]?.(draft, rest.join('/'), value)
  }
  if (draft !== undefined) yield finished(draft)
}

/** How the value of each kind of key is read. */
const read: Record<string, (draft: Draft, name: string, value: Buffer) => void> = {
  client: (draft, _, value) => {
    const [sinceMs = '', expirySeconds] = value.toString().split(' ')
    // What an earlier release has noted by a clock that was set back makes nobody's absence longer.
    if (sinceMs !== '') draft.awayMs = Math.max(0, steadyMs() + draft.aheadMs - Number(sinceMs))
    if (expirySeconds !== undefined) draft.expirySeconds = Number(expirySeconds)
  },
  'last-id': (draft, _, value) => {
    draft.lastId = Number(value)
  },
  dropped: (draft, _, value) => {
    const [count, since = ''] = value.toString().split(' ')
    draft.dropped = { count: Number(count), since }
  },
  subscription: ({ subscriptions }, filter, value) => {
    const [bits, identifier] = value.toString().split(' ').map(Number)
    subscriptions.push({ filter, ...optionsOf(Number(bits), identifier) })
  },
  message: ({ messages, aheadMs }, name, value) =>
    messages.set(Number(name), readMessage(value, aheadMs)),
  id: ({ ids }, name, value) => ids.set(Number(name), Number(value)),
  unreleased: ({ unreleased }, name) => unreleased.push(Number(name)),
}

function finished(draft: Draft): StoredSession {
  const { owner, aheadMs: _, messages, ids, ...rest } = draft
  const numbers = [...new Set([...messages.keys(), ...ids.keys()])].sort(
    (one, other) => one - other,
  )
  return {
    ...rest,
    clientId: decodeURIComponent(owner),
    messages: numbers.map((number) => ({
      number,
      id: ids.get(number),
      delivery: messages.get(number),
    })),
  }
}

// --- what is lost ---

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
