import { Connection } from './connection.ts'
import { ClownHubError, commandErrorOf, OfflineError } from './errors.ts'
import { type Place, placeOf } from './place.ts'
import { Subscriptions } from './subscriptions.ts'
import type {
  CommandOptions,
  Credentials,
  History,
  HistoryOptions,
  HubDevice,
  HubLabel,
  HubMessage,
  HubNode,
  HubPresence,
  HubState,
  LabelChange,
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

/** Where this file came from. In one expression with `new URL` a bundler would take it for a file to bring along. */
const here = import.meta.url

/**
 * Connects to a hub, and goes on for as long as it is not closed. The URL may end in `/talk/<base>`: topics are
 * relative to that base then, else they are complete. In a page that got this file from a hub, that hub is the default.
 *
 * @throws TypeError for what is no such URL, or without a WebSocket to make connections by.
 */
export function connect(
  url: string | URL = new URL('.', here),
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
  readonly count?: number | null
  readonly receipt?: string
  readonly position?: string
  readonly after?: string
}

/** A connection to a hub that comes back by itself. */
export class HubClient {
  readonly #connection: Connection
  readonly #subscriptions: Subscriptions
  readonly #pending = new Map<number, Pending>()
  readonly #onState = new Set<(state: HubState) => void>()
  readonly #onMissed = new Set<(count: number | undefined) => void>()
  readonly #onPresence = new Set<(presence: HubPresence) => void>()
  readonly #onLabel = new Set<(label: HubLabel, topic: string) => void>()
  readonly #onError = new Set<(error: ClownHubError, topic: string) => void>()
  #lastId = 0

  constructor(place: Place, options: ConnectOptions) {
    const { WebSocket = globalThis.WebSocket } = options
    if (WebSocket === undefined) {
      throw new TypeError('expected the WebSocket of the package ws as an option, got none')
    }
    this.#subscriptions = new Subscriptions({
      send: (...line) => this.#connection.send(...line),
      ask: (topic, payload, answered) =>
        void this.#request(topic, payload).then(answered, () => {}),
      present: (presence) => tell(this.#onPresence, presence),
      labelled: (label, topic) => {
        for (const listener of [...this.#onLabel]) listener(label, topic)
      },
    })
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

  /**
   * Calls `listener` with how many messages were left out, since this reader was too slow or was away for too long: of
   * those topics only the latest came. Undefined when nobody can tell how many, as after a restart of the hub.
   */
  onMissed(listener: (count: number | undefined) => void): Unsubscribe {
    return added(this.#onMissed, listener)
  }

  /** Calls `listener` when a node or a sensor comes or goes. */
  onPresence(listener: (presence: HubPresence) => void): Unsubscribe {
    return added(this.#onPresence, listener)
  }

  /**
   * Calls `listener` when a device is called otherwise, or is somewhere else, with all that its label says now. What the
   * labels are is in `nodes` and `devices`: ask them again after `onMissed`.
   */
  onLabel(listener: (label: HubLabel, topic: string) => void): Unsubscribe {
    return added(this.#onLabel, listener)
  }

  /** Calls `listener` with what the hub has refused of what was published, and on which topic. */
  onError(listener: (error: ClownHubError, topic: string) => void): Unsubscribe {
    return added(this.#onError, listener)
  }

  /**
   * Calls `listener` with the last message of each topic that `filter` matches, where there was one, and with each that
   * comes. What came while the connection was lost follows when it is back: all of it, or the last ones again and
   * `onMissed`. A value that becomes stale comes once more. Returns what ends that.
   */
  on(filter: string, listener: (message: HubMessage) => void): Unsubscribe {
    return this.#subscriptions.add(filter, listener)
  }

  /** The last report on a topic that a filter of `on` matches; undefined when there was none. */
  latest(topic: string): HubMessage | undefined {
    return this.#subscriptions.latest(topic)
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
    await this.#tried()
    return this.#request<History>(`${topic}/history/get`, range)
  }

  /**
   * Says what a device is called, and where it is. Resolves with its label once the hub has it on disk.
   *
   * @throws ClownHubError `forbidden` unless the user is an operator or an admin, `unknown-device`, `bad-payload`.
   */
  async label(device: string, change: LabelChange): Promise<HubLabel> {
    const { device: _, ...label } = await this.#request<HubLabel & { readonly device: string }>(
      '$hub/label',
      { ...change, device },
    )
    return label
  }

  /** What is known of the nodes at the base of the connection and below, and of their devices. */
  async nodes(): Promise<HubNode[]> {
    await this.#tried()
    return new Promise((resolve, reject) => {
      const nodes: HubNode[] = []
      const answered = (topic: string, value: HubNode) => {
        if (topic === '$hub/nodes') nodes.push(value)
        else resolve(nodes)
        return topic !== '$hub/nodes'
      }
      this.#ask(['$hub/nodes', {}], { answered, lost: () => reject(new OfflineError()) })
    })
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
    if (state.name === 'open') this.#subscriptions.opened()
    else this.#lost()
    tell(this.#onState, state)
  }

  #lost(): void {
    this.#subscriptions.closed()
    const all = [...this.#pending.values()]
    this.#pending.clear()
    for (const { lost } of all) lost()
  }

  /** Resolves when a connection that is being made is there, or has failed: what only reads may wait for that. */
  #tried(): Promise<void> | undefined {
    if (this.state.name !== 'connecting') return undefined
    return new Promise((resolve) => {
      const stop = this.onState(({ name }) => {
        if (name === 'connecting') return
        stop()
        resolve()
      })
    })
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
    const line = Object(options)
    const pending = this.#pending.get(line.id)
    if (pending !== undefined) {
      if (pending.answered(name, value)) this.#pending.delete(line.id)
      return
    }
    const isAnswer = line.id !== undefined || /^(clown\.talk\/-|\$hub)\//.test(name)
    if (isAnswer && this.#hear(name, Object(value))) return
    this.#subscriptions.receive(name, value, line)
  }

  /** What the hub says to this connection alone; false for a message in place of a silent node. */
  #hear(topic: string, words: HubWords): boolean {
    if (this.#subscriptions.hear(topic, words)) return true
    const { code, message, count, receipt } = words
    if (code !== undefined) {
      const error = new ClownHubError(code, `${message}`)
      for (const listener of [...this.#onError]) listener(error, topic.replace(/\/error$/, ''))
    } else if (topic === 'clown.talk/-/missed') tell(this.#onMissed, count ?? undefined)
    else return receipt !== undefined || topic.startsWith('$hub/')
    return true
  }
}

function tell<Value>(listeners: ReadonlySet<(value: Value) => void>, value: Value): void {
  for (const listener of [...listeners]) listener(value)
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
