import { isReport, matchesFilter } from './filters.ts'
import type { HubLabel, HubMessage, HubPresence } from './types.ts'

type Listener = (message: HubMessage) => void

/** Those who want what a filter matches, and how far the hub is with it. */
interface Subscription {
  readonly listeners: Set<Listener>
  /** `asked`: last values come. `told`: all were sent, and what comes is new. */
  state: 'new' | 'asked' | 'told'
}

export interface Hub {
  send(...line: readonly unknown[]): void
  /** Calls `answered` when the hub has done it. */
  ask(topic: string, payload: unknown, answered: () => void): void
  present(presence: HubPresence): void
  labelled(label: HubLabel, topic: string): void
}

/** What was asked for, asked for again on each connection, from where the one before has ended. */
export class Subscriptions {
  readonly #hub: Hub
  readonly #byFilter = new Map<string, Subscription>()
  readonly #latest = new Map<string, HubMessage>()
  readonly #gone = new Set<string>()
  /** What the introduction has asked for. */
  #introduced: readonly string[] = []
  #isIntroduced = false
  /** Up to where all that is told was told. */
  #position: string | undefined

  constructor(hub: Hub) {
    this.#hub = hub
  }

  latest(topic: string): HubMessage | undefined {
    return this.#latest.get(topic)
  }

  add(filter: string, listener: Listener): () => void {
    const known = this.#byFilter.get(filter)
    const subscription = known ?? { listeners: new Set(), state: 'new' }
    // One of its own, so that the same function may be there twice.
    const own: Listener = (message) => listener(message)
    subscription.listeners.add(own)
    this.#byFilter.set(filter, subscription)
    queueMicrotask(() => {
      this.#ask()
      if (known !== undefined) this.#repeat(filter, own)
    })
    return () => {
      subscription.listeners.delete(own)
      if (subscription.listeners.size > 0 || this.#byFilter.get(filter) !== subscription) return
      this.#byFilter.delete(filter)
      queueMicrotask(() => this.#forget(filter))
    }
  }

  /** There is a connection. */
  opened(): void {
    const wishes = { ages: true, presence: true, labels: true, positions: true }
    const told = this.#in('told')
    this.#isIntroduced = false
    const after = told.length > 0 ? this.#position : undefined
    const asked = after === undefined ? this.#set('asked', [...this.#byFilter.keys()]) : told
    this.#introduced = asked
    this.#hub.send('clown.talk/-/config/set', { ...wishes, filters: asked, after })
  }

  /** There is none: who was not told all will have to ask again. */
  closed(): void {
    this.#isIntroduced = false
    this.#set('new', this.#in('asked'))
  }

  /** What the hub says of what it tells; false for anything else. */
  hear(topic: string, { position, after }: { position?: string; after?: string }): boolean {
    if (topic === 'clown.talk/-/config/ok') {
      this.#isIntroduced = true
      this.#ask()
    } else if (topic === 'clown.talk/-/position') {
      this.#position = position
      this.#set('told', this.#introduced)
    } else if (topic === 'clown.talk/-/missed' && after !== undefined) {
      this.#set('asked', this.#introduced)
      return false
    } else return false
    return true
  }

  /** A message. What comes before the introduction was answered comes again. */
  receive(topic: string, value: unknown, options: LineOptions): void {
    const { ageMs, stale = false, position, encoding } = options
    if (!this.#isIntroduced) return
    this.#position = position ?? this.#position
    const present = /^(?:(.*)\/)?-\/presence$/.exec(topic)
    if (present !== null) {
      this.#present({ topic: present[1] ?? '', ...Object(value) })
      return
    }
    const labelled = /^(.*)\/-\/label$/.exec(topic)
    if (labelled !== null) {
      this.#hub.labelled(Object(value), `${labelled[1]}`)
      return
    }
    const isPast = ageMs !== undefined
    const atMs = ageMs === null ? undefined : Date.now() - (ageMs ?? 0)
    const message: HubMessage = { topic, value, encoding, atMs, isPast, isStale: stale }
    if (isReport(topic)) this.#latest.set(topic, message)
    this.#deliver(message, isPast ? 'asked' : undefined)
  }

  #present(presence: HubPresence): void {
    const { topic, stale } = presence
    const latest = this.#latest.get(topic)
    if (latest !== undefined && stale !== undefined && stale !== latest.isStale) {
      const message = { ...latest, isPast: true, isStale: stale }
      this.#latest.set(topic, message)
      if (stale) this.#deliver(message)
    }
    this.#hub.present(presence)
  }

  #deliver(message: HubMessage, state?: Subscription['state']): void {
    for (const [filter, subscription] of this.#byFilter) {
      if (state !== undefined && subscription.state !== state) continue
      if (filter !== message.topic && !matchesFilter(filter, message.topic)) continue
      for (const listener of [...subscription.listeners]) listener(message)
    }
  }

  /** Who comes to a filter later has from here what the others had before. */
  #repeat(filter: string, listener: Listener): void {
    for (const message of this.#latest.values()) {
      const isThere = this.#byFilter.get(filter)?.listeners.has(listener)
      if (isThere && matchesFilter(filter, message.topic)) listener({ ...message, isPast: true })
    }
  }

  #in(state: Subscription['state']): string[] {
    return [...this.#byFilter].filter(([, each]) => each.state === state).map(([filter]) => filter)
  }

  #set(state: Subscription['state'], filters: readonly string[]): readonly string[] {
    for (const filter of filters) {
      const subscription = this.#byFilter.get(filter)
      if (subscription !== undefined) subscription.state = state
    }
    return filters
  }

  /** Asks for what is new, and for nothing more of what nobody wants. */
  #ask(): void {
    if (!this.#isIntroduced) return
    const filters = this.#set('asked', this.#in('new'))
    if (filters.length > 0) {
      this.#hub.ask('$hub/subscribe', { filters }, () => this.#set('told', filters))
    }
    const gone = [...this.#gone].filter((filter) => !this.#byFilter.has(filter))
    this.#gone.clear()
    if (gone.length > 0) this.#hub.send('$hub/unsubscribe', { filters: gone })
  }

  #forget(filter: string): void {
    if (this.#byFilter.has(filter)) return
    this.#gone.add(filter)
    const filters = [...this.#byFilter.keys()]
    for (const topic of this.#latest.keys()) {
      if (!filters.some((each) => matchesFilter(each, topic))) this.#latest.delete(topic)
    }
    this.#ask()
  }
}

/** What the third element of a line may say. */
export interface LineOptions {
  readonly ageMs?: number | null
  readonly stale?: boolean
  readonly position?: string
  readonly encoding?: 'base64'
}
