import { steadyMs } from '../core/clock.ts'
import { switchesActuator } from '../core/switching.ts'
import type { Journal } from './journal.ts'
import { readMessage, writeMessage } from './message-record.ts'
import { optionBits, optionsOf, type SubscribedFilter } from './read-packets.ts'
import type { Delivery } from './session-queue.ts'

/**
 * Notes what becomes of one kept session. A message has a number, under which it is kept until it has
 * arrived. At QoS 2 it has an id as well, from when it is sent until the client is done with it.
 */
export interface SessionNotes {
  /** The client is there; when it leaves, the session is kept for so long. */
  here(expirySeconds: number): void
  /** The client has been away for so long. */
  away(awayMs: number, expirySeconds: number): void
  /** The session is over, with all but its messages, ids and subscriptions, which end one by one. */
  ended(): void
  /** The id that was given out last, so that none comes again too soon. */
  lastId(id: number): void
  /** A message waits; answers its number. A command has none: it ends with the hub. */
  waits(delivery: Delivery): number | undefined
  /** A QoS 2 message is sent: the next hub has to send it with the same id, or it comes twice. */
  sent(number: number, id: number): void
  /** PUBREC came. */
  received(number: number): void
  /** The message is acknowledged, or was given up. */
  done(number: number): void
  /** So much was lost since then; undefined when the client knows. */
  dropped(dropped: Dropped | undefined): void
  /** A QoS 2 message of the client came, whose PUBREL is awaited. */
  unreleased(id: number): void
  released(id: number): void
}

/** How many messages a client has lost, and since when, as ISO 8601 in UTC. */
export interface Dropped {
  readonly count: number
  readonly since: string
}

/** Of a session that nothing is kept of. */
export const noNotes: SessionNotes = {
  here: () => {},
  away: () => {},
  ended: () => {},
  lastId: () => {},
  waits: () => undefined,
  sent: () => {},
  received: () => {},
  done: () => {},
  dropped: () => {},
  unreleased: () => {},
  released: () => {},
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

export interface SessionRecords {
  /** Notes for a session that begins, or goes on with these messages. */
  of(clientId: string, messages?: readonly StoredMessage[]): SessionNotes
  /** `isNew`: it had no subscription to that filter. */
  subscribed(clientId: string, subscription: SubscribedFilter, isNew: boolean): void
  unsubscribed(clientId: string, filter: string): void
  load(): AsyncIterable<StoredSession>
}

const keyPrefix = 'session/'

/** All keys of a session. Client ids may hold slashes; names of users and filters come last. */
function keysOf(clientId: string) {
  const own = `${keyPrefix}${encodeURIComponent(clientId)}/`
  // Keys are in the order of their characters.
  const padded = (number: number) => String(number).padStart(16, '0')
  return {
    client: `${own}client`,
    lastId: `${own}last-id`,
    dropped: `${own}dropped`,
    subscription: (filter: string) => `${own}subscription/${filter}`,
    message: (number: number) => `${own}message/${padded(number)}`,
    id: (number: number) => `${own}id/${padded(number)}`,
    unreleased: (id: number) => `${own}unreleased/${id}`,
  }
}

export function createSessionRecords(journal: Journal): SessionRecords {
  const { isLasting, note, noteNew } = journal
  return {
    of: (clientId, messages = []) => (isLasting ? notesOf(journal, clientId, messages) : noNotes),
    subscribed: (clientId, subscription, isNew) => {
      if (!isLasting) return
      const key = keysOf(clientId).subscription(subscription.filter)
      if (isNew) noteNew(key, optionsText(subscription))
      else note(key, optionsText(subscription))
    },
    unsubscribed: (clientId, filter) => {
      if (isLasting) note(keysOf(clientId).subscription(filter), undefined)
    },
    load: () => load(journal),
  }
}

function notesOf(
  { note, noteNew, noteLater, aheadMs }: Journal,
  clientId: string,
  messages: readonly StoredMessage[],
): SessionNotes {
  const keys = keysOf(clientId)
  const dropped: SessionNotes['dropped'] = (lost) =>
    noteLater(keys.dropped, lost && textOf(`${lost.count} ${lost.since}`))
  let lastNumber = messages.at(-1)?.number ?? 0
  const withId = new Set(messages.filter(({ id }) => id !== undefined).map(({ number }) => number))
  return {
    here: (expirySeconds) => note(keys.client, textOf(` ${expirySeconds}`)),
    away: (awayMs, expirySeconds) => {
      note(keys.client, textOf(`${steadyMs() + aheadMs - awayMs} ${expirySeconds}`))
    },
    ended: () => {
      note(keys.client, undefined)
      note(keys.lastId, undefined)
    },
    lastId: (id) => note(keys.lastId, textOf(id)),
    waits: ({ message, grant }) => {
      if (switchesActuator(message.topic)) return undefined
      lastNumber += 1
      noteNew(keys.message(lastNumber), writeMessage(message, grant, aheadMs))
      return lastNumber
    },
    sent: (number, id) => {
      withId.add(number)
      noteNew(keys.id(number), textOf(id))
    },
    received: (number) => note(keys.message(number), undefined),
    done: (number) => {
      note(keys.message(number), undefined)
      if (withId.delete(number)) note(keys.id(number), undefined)
    },
    dropped,
    unreleased: (id) => noteNew(keys.unreleased(id), textOf('')),
    released: (id) => note(keys.unreleased(id), undefined),
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

async function* load(journal: Journal): AsyncIterable<StoredSession> {
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
