import { Connection } from './connection.ts'
import { ClownHubError, commandErrorOf, OfflineError } from './errors.ts'
import { isReport, matchesFilter } from './filters.ts'
import { type Place, placeOf } from './place.ts'
import type {
  CommandOptions,
  Credentials,
  History,
  HistoryOptions,
  HubDevice,
  HubMessage,
  HubNode,
  HubState,
  PublishOptions,
  Receipt,
  Time,
  WebSocketClass,
} from './types.ts'

/** Who signs in, and what by. */
export type ConnectOptions = Partial<SignIn> & {
  /**
   * Asked for others when those that are there will not do again: they are wrong, a ticket is used up, or the user
   * has signed out. Without it, or without an answer, the state stays `refused` until `retry`.
   */
  readonly credentials?: (why: string) => Promise<Credentials | undefined> | Credentials | undefined
  /** In Node.js 20, which has none of its own, that of the package ws. */
  readonly WebSocket?: WebSocketClass
}

/** What `Credentials` may have. */
interface SignIn {
  readonly user: string | undefined
  readonly password: string | undefined
  readonly token: string | undefined
  readonly ticket: string | undefined
}

type Unsubscribe = () => void

/**
 * Connects to a hub, and goes on for as long as it is not closed. The URL may end in `/talk/<base>`: topics are
 * relative to that base then, else they are complete. In a page that got this file from a hub, that hub is the default.
 *
 * @throws TypeError for what is no such URL, or without a WebSocket to make connections by.
 */
export function connect(
  url: string | URL = new URL('.', import.meta.url),
  options: ConnectOptions = {},
): HubClient {
  return new HubClient(placeOf(url), options)
}

/** One that waits for what the hub answers to a line, which it knows by its id. */
interface Pending {
  /** Returns whether nothing more is to come. */
  answered(topic: string, value: unknown): boolean
  lost(): void
}

/** What may stand in what the hub says to one connection. */
interface HubWords {
  readonly code?: string
  readonly message?: string
  readonly count?: number
  readonly receipt?: string
}

/** A connection to a hub that comes back by itself. */
export class HubClient {
  readonly #place: Place
  readonly #connection: Connection
  readonly #listeners = new Map<string, Set<(message: HubMessage) => void>>()
  readonly #latest = new Map<string, HubMessage>()
  readonly #pending = new Map<number, Pending>()
  readonly #onState = new Set<(state: HubState) => void>()
  readonly #onMissed = new Set<(count: number) => void>()
  readonly #onError = new Set<(error: ClownHubError, topic: string) => void>()
  #lastId = 0

  constructor(place: Place, options: ConnectOptions) {
    const { WebSocket = globalThis.WebSocket } = options
    if (WebSocket === undefined) {
      throw new TypeError('expected the WebSocket of the package ws as an option, got none')
    }
    this.#place = place
    this.#connection = new Connection({
      place,
      credentials: credentialsIn(options) ?? place.credentials,
      ask: (why) => options.credentials?.(why),
      WebSocket,
      receive: (line) => this.#receive(line),
      changed: (state) => this.#changed(state),
    })
  }

  get state(): HubState {
    return this.#connection.state
  }

  /** Calls `listener` with the state now, and at each change. Returns what ends that. */
  onState(listener: (state: HubState) => void): Unsubscribe {
    listener(this.state)
    return added(this.#onState, listener)
  }

  /** Calls `listener` with how many messages this reader was too slow for: of those topics only the latest came. */
  onMissed(listener: (count: number) => void): Unsubscribe {
    return added(this.#onMissed, listener)
  }

  /** Calls `listener` with what the hub has refused of what was published, and on which topic. */
  onError(listener: (error: ClownHubError, topic: string) => void): Unsubscribe {
    return added(this.#onError, listener)
  }

  /**
   * Calls `listener` with the last message of each topic that `filter` matches, where there was one, and with each
   * message that comes, also after the connection was lost and is back. Returns what ends that.
   */
  on(filter: string, listener: (message: HubMessage) => void): Unsubscribe {
    const listeners = this.#listeners.get(filter) ?? new Set()
    // One of its own, so that the same function may be there twice.
    const own = (message: HubMessage) => listener(message)
    this.#listeners.set(filter, listeners.add(own))
    queueMicrotask(() => {
      for (const message of this.#latest.values()) {
        if (listeners.has(own) && matchesFilter(filter, message.topic))
          own({ ...message, isPast: true })
      }
    })
    return () => {
      listeners.delete(own)
      if (listeners.size === 0) this.#listeners.delete(filter)
    }
  }

  /** The last report on a topic that a filter of `on` matches; undefined when there was none. */
  latest(topic: string): HubMessage | undefined {
    return this.#latest.get(topic)
  }

  /**
   * Publishes a message. What the hub refuses of it is told to `onError`.
   *
   * @throws OfflineError: nothing waits for a connection.
   */
  publish(topic: string, value: unknown, options: PublishOptions = {}): void {
    this.#connection.send(topic, value, { ...options, id: ++this.#lastId })
  }

  /**
   * Commands a device, such as `relay/i2c0-3b` to be `{"state": true}`. Resolves with the receipt that says so when the
   * device has reported it (`confirmed`), or had done so before (`already-so`).
   *
   * @throws OfflineError at once when there is no connection, and nothing is sent later; or a CommandError that says by
   * its class how it ended.
   */
  command(device: string, payload: unknown, options: CommandOptions = {}): Promise<Receipt> {
    const { onProgress, force } = options
    return new Promise((resolve, reject) => {
      const end = (receipt: Receipt) => {
        const error = commandErrorOf(device, receipt)
        if (error === undefined) resolve(receipt)
        else reject(error)
      }
      const lost = () => end({ receipt: 'unknown', afterMs: 0, final: true })
      const answered = (_topic: string, receipt: Receipt) => {
        onProgress?.(receipt)
        if (receipt.final === true) end(receipt)
        return (
          receipt.receipt === 'confirmed-late' || (receipt.final === true && !mayComeLate(receipt))
        )
      }
      this.#ask([`${device}/set`, payload, { force }], { answered, lost })
    })
  }

  /** What the quantities of a topic were: in the last day, if nothing else is said. */
  async history(topic: string, { from, to, points }: HistoryOptions = {}): Promise<History> {
    const range = { from: timeOf(from), to: timeOf(to), points }
    return this.#request<History>(`${topic}/history/get`, range)
  }

  /** What is known of all nodes and their devices. */
  async nodes(): Promise<HubNode[]> {
    const headers = authorizationOf(this.#connection.credentials)
    const url = new URL('api/nodes', this.#place.home)
    const answer = await fetch(url, { headers, credentials: 'include' })
    if (!answer.ok) throw new ClownHubError(`http-${answer.status}`, (await answer.text()).trim())
    const { nodes } = (await answer.json()) as { nodes: HubNode[] }
    return nodes
  }

  /** All devices, each with its node. */
  async devices(): Promise<(HubDevice & { readonly node: HubNode })[]> {
    const nodes = await this.nodes()
    return nodes.flatMap((node) => node.devices.map((device) => ({ ...device, node })))
  }

  /** Connects now, after `refused` or before the pause is over; with other credentials, if some are given. */
  retry(credentials?: Credentials): void {
    this.#connection.retry(credentials)
  }

  /** Ends it for good. */
  close(): void {
    this.#connection.close()
  }

  #changed(state: HubState): void {
    if (state.name === 'open') this.#connection.send('clown.talk/-/config/set', {})
    else
      for (const [id, { lost }] of this.#pending) {
        this.#pending.delete(id)
        lost()
      }
    for (const listener of [...this.#onState]) listener(state)
  }

  /** Sends a line whose answers `pending` gets. @throws OfflineError */
  #ask([topic, payload, options]: readonly [string, unknown, object?], pending: Pending): void {
    const id = ++this.#lastId
    this.#connection.send(topic, payload, { ...options, id })
    this.#pending.set(id, pending)
  }

  #request<Answer>(topic: string, payload: unknown): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const answered = (answerTopic: string, value: unknown) => {
        if (answerTopic.endsWith('/error')) reject(errorIn(value))
        else resolve(value as Answer)
        return true
      }
      this.#ask([topic, payload], { answered, lost: () => reject(new OfflineError()) })
    })
  }

  #receive([topic, value, options]: readonly unknown[]): void {
    const name = String(topic)
    const { id, ageMs, encoding } = Object(options)
    const pending = this.#pending.get(id)
    if (pending !== undefined) {
      if (pending.answered(name, value)) this.#pending.delete(id)
      return
    }
    const isAnswer = id !== undefined || name.startsWith('clown.talk/-/')
    if (isAnswer && this.#hear(name, Object(value))) return
    const atMs = Date.now() - (ageMs ?? 0)
    this.#deliver({ topic: name, value, encoding, atMs, isPast: ageMs !== undefined })
  }

  /** What the hub says to this connection alone; false for a message in place of a silent node. */
  #hear(topic: string, { code, message, count, receipt }: HubWords): boolean {
    if (code !== undefined) {
      const error = new ClownHubError(code, `${message}`)
      for (const listener of [...this.#onError]) listener(error, topic.replace(/\/error$/, ''))
    } else if (topic === 'clown.talk/-/missed') {
      for (const listener of [...this.#onMissed]) listener(Number(count))
    } else return receipt !== undefined || topic === 'clown.talk/-/config/ok'
    return true
  }

  #deliver(message: HubMessage): void {
    if (isReport(message.topic)) this.#latest.set(message.topic, message)
    for (const [filter, listeners] of this.#listeners) {
      if (filter !== message.topic && !matchesFilter(filter, message.topic)) continue
      for (const listener of [...listeners]) listener(message)
    }
  }
}

function added<Listener>(listeners: Set<Listener>, listener: Listener): Unsubscribe {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

function credentialsIn({
  user,
  password,
  token,
  ticket,
}: Partial<SignIn>): Credentials | undefined {
  if (ticket !== undefined) return { ticket }
  if (token !== undefined) return { token }
  return user === undefined ? undefined : { user, password: password ?? '' }
}

function authorizationOf(credentials: Credentials | undefined): Record<string, string> {
  if (credentials === undefined || 'ticket' in credentials) return {}
  if ('token' in credentials) return { Authorization: `Bearer ${credentials.token}` }
  const { user, password } = credentials
  const bytes = new TextEncoder().encode(`${user}:${password}`)
  return { Authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` }
}

/** Whether a late confirmation may follow: docs/commands.md. */
function mayComeLate({ receipt }: Receipt): boolean {
  return receipt === 'timed-out' || receipt === 'mismatch'
}

function timeOf(time: Time | undefined): string | number | undefined {
  return time instanceof Date ? time.toISOString() : time
}

function errorIn(value: unknown): ClownHubError {
  const { code, message } = Object(value)
  return new ClownHubError(`${code}`, `${message}`)
}
