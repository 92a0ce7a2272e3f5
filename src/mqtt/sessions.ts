import { type AlarmClock, systemClock } from '../core/clock.ts'
import type { Config } from '../generated/config.ts'
import type { SessionConnection } from './client-output.ts'
import { partsOf } from './clients.ts'
import { type BegunSession, MqttSession, type Recalled, type SessionContext } from './session.ts'
import type { StoredSession } from './session-journal.ts'

/** How much is kept for clients that are away; see `limits.sessions` in the configuration. */
export type SessionLimits = Readonly<Config['limits']['sessions']>

export interface SessionsOptions extends Omit<SessionContext, 'onKept' | 'usage'> {
  readonly limits: SessionLimits
  /** A session is over, for whatever reason. */
  onEnded(name: string): void
  /** A connection of a client took the place of one that was there. */
  onTakenOver(name: string): void
  /** A session was given up, because its client has been away for too long or too much is kept. */
  onGivenUp(name: string): void
  readonly clock?: AlarmClock
}

/** The session that a client asks for. */
export interface SessionRequest {
  readonly name: string
  /** Whether it starts anew. */
  readonly clean: boolean
  /** For how long its session is kept without it. */
  readonly expirySeconds: number
}

/** Since when a client with a kept session is away. */
interface Absence {
  readonly sinceMs: number
  readonly cancel: () => void
}

const checkMs = 60_000

/** How long clients have to come back after a start: the longest pause of libraries is 2 minutes. */
const returnMs = 5 * 60_000

/** No alarm is set for longer. */
const longestAlarmMs = 2 ** 31 - 1

/** The sessions of all clients: of those that are there, and those kept for who is away [MQTT-4.1]. */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #clock: AlarmClock
  readonly #context: SessionContext
  readonly #sessions = new Map<string, MqttSession>()
  /** Whoever has been away for longest comes first. */
  readonly #away = new Map<string, Absence>()
  readonly #usage = { bytes: 0 }
  /** An earlier hub had so many sessions: as many may be away until clients had time to come back. */
  #earlier = { count: 0, untilMs: 0 }
  #stopChecks: () => void
  #isClosed = false
  /** How many were given up because their clients stayed away for too long. */
  expired = 0

  constructor(options: SessionsOptions) {
    const { clock = systemClock } = options
    this.#options = options
    this.#clock = clock
    this.#context = {
      ...options,
      usage: this.#usage,
      onKept: (session) => this.#makeRoomFor(session),
    }
    this.#stopChecks = clock.after(checkMs, () => this.#check())
  }

  get count(): { readonly total: number; readonly away: number } {
    return { total: this.#sessions.size, away: this.#away.size }
  }

  /** Of what waits or is under way in all of them. */
  get kept(): { readonly messages: number; readonly bytes: number } {
    let messages = 0
    let bytes = 0
    for (const { queue } of this.#sessions.values()) {
      messages += queue.size.messages
      bytes += queue.size.bytes
    }
    return { messages, bytes }
  }

  /**
   * Takes over the sessions of an earlier hub. A client that was there to its end has been away since
   * now; the limits hold for all of them, that of their count once clients had time to come back.
   */
  restore(stored: readonly StoredSession[]): void {
    this.#earlier = { count: stored.length, untilMs: this.#clock.nowMs() + returnMs }
    for (const one of [...stored].sort((a, b) => b.awayMs - a.awayMs)) {
      const expirySeconds = this.expiryOf(one.expirySeconds)
      const session = this.#create({ name: one.clientId, expirySeconds, stored: one })
      session.restore(one)
      this.#begin(session, one.awayMs)
    }
    this.#endTooMany()
    this.#makeRoom()
  }

  /** For how long a session is kept that is to be kept for `seconds`, or as long as there is. */
  expiryOf(seconds: number | undefined): number {
    const longest = this.#options.limits.hours * 3600
    return Math.min(seconds ?? longest, longest)
  }

  get(name: string): MqttSession | undefined {
    return this.#sessions.get(name)
  }

  /** A client was let in; returns its session, and whether that is one to go on with. */
  accept(
    request: SessionRequest,
    connection: SessionConnection,
  ): [session: MqttSession, isPresent: boolean] {
    const { name, clean, expirySeconds } = request
    // [MQTT-3.1.4-2] The one before takes its session along, if that ends with it.
    const before = this.#sessions.get(name)?.connection
    if (before !== undefined) this.#options.onTakenOver(name)
    before?.takenOver()
    const known = this.#sessions.get(name)
    // [MQTT-3.1.2-6] A clean session discards the one before.
    if (known !== undefined && clean) this.end(name)
    const session = (clean ? undefined : known) ?? this.#create({ name, expirySeconds })
    this.#return(name)
    session.attach(connection, expirySeconds)
    return [session, !clean && known !== undefined]
  }

  /** A connection has ended. Past a limit the session ends that was without its client for longest. */
  left(session: MqttSession, connection: SessionConnection): void {
    // Another connection may have taken over.
    if (!session.detach(connection)) return
    if (session.expirySeconds === 0) this.end(session.name)
    else {
      this.#begin(session, 0)
      this.#endTooMany()
    }
  }

  /** A message is not to arrive any more, at any client. */
  recall(message: Recalled): void {
    for (const session of this.#sessions.values()) session.recall(message)
  }

  end(name: string): void {
    const session = this.#sessions.get(name)
    this.#sessions.delete(name)
    this.#return(name)
    session?.end()
    this.#options.onEnded(name)
  }

  /** Ends those of a user who is gone: another one of the same name is somebody else. */
  endAllOf(user: string): number {
    const own = [...this.#sessions.keys()].filter((name) => partsOf(name).user === user)
    for (const name of own) this.end(name)
    return own.length
  }

  /** From now on no session is given up: that clients go away is the doing of the hub. */
  close(): void {
    this.#isClosed = true
    this.#stopChecks()
    for (const { cancel } of this.#away.values()) cancel()
  }

  #create(begun: BegunSession): MqttSession {
    const session = new MqttSession(begun, this.#context)
    this.#sessions.set(begun.name, session)
    return session
  }

  // --- who is away ---

  #begin(session: MqttSession, awayMs: number): void {
    const sinceMs = this.#clock.nowMs() - awayMs
    this.#await(session, sinceMs)
  }

  /** Ends a session when its client has been away for too long. */
  #await(session: MqttSession, sinceMs: number): void {
    if (this.#isClosed) return
    const leftMs = sinceMs + session.expirySeconds * 1000 - this.#clock.nowMs()
    if (leftMs <= 0) {
      this.expired++
      this.#giveUp(session.name)
      return
    }
    const look = () => this.#await(session, sinceMs)
    const cancel = this.#clock.after(Math.min(leftMs, longestAlarmMs), look)
    this.#away.set(session.name, { sinceMs, cancel })
  }

  #return(name: string): void {
    this.#away.get(name)?.cancel()
    this.#away.delete(name)
  }

  #giveUp(name: string): void {
    this.end(name)
    this.#options.onGivenUp(name)
  }

  #endTooMany(): void {
    if (this.#isClosed) return
    const { count, untilMs } = this.#earlier
    const { limits } = this.#options
    const most = this.#clock.nowMs() < untilMs ? Math.max(limits.count, count) : limits.count
    if (this.#away.size <= most) return
    const leaving = heaviestFirst([...this.#away.keys()].map((name) => ({ name, weight: 1 })))
    while (this.#away.size > most) this.#giveUp(String(leaving.next().value))
  }

  #check(): void {
    this.#endTooMany()
    this.#stopChecks = this.#clock.after(checkMs, () => this.#check())
  }

  // --- how much is kept ---

  #makeRoomFor(session: MqttSession): void {
    const { totalBytes } = this.#options.limits
    if (this.#usage.bytes <= totalBytes) return
    this.#makeRoom()
    while (this.#usage.bytes > totalBytes && session.queue.dropOldest()) {}
  }

  /** Of the user for whom most is kept, the client for whom most is kept goes first. */
  #makeRoom(): void {
    const { totalBytes } = this.#options.limits
    if (this.#usage.bytes <= totalBytes) return
    const weighed = [...this.#away.keys()]
      .map((name) => this.#sessions.get(name))
      .filter((session) => session !== undefined)
      .map(({ name, queue }) => ({ name, weight: queue.size.bytes }))
    for (const name of heaviestFirst(weighed.filter(({ weight }) => weight > 0))) {
      if (this.#usage.bytes <= totalBytes) return
      this.#giveUp(name)
    }
  }
}

interface WeighedSession {
  readonly name: string
  readonly weight: number
}

/**
 * The names of sessions in the order in which they give way: of the user who then has most, the client that has most,
 * and of those who have as much the first.
 */
function* heaviestFirst(sessions: readonly WeighedSession[]): Generator<string, void, void> {
  // In the order in which their first ones went away, which decides between users who have as much.
  const users = new Map<string, { weight: number; own: WeighedSession[] }>()
  for (const session of sessions) {
    const { user } = partsOf(session.name)
    const entry = users.get(user) ?? { weight: 0, own: [] }
    users.set(user, entry)
    entry.weight += session.weight
    entry.own.push(session)
  }
  // The next one stands at the end.
  for (const { own } of users.values()) own.sort((a, b) => b.weight - a.weight).reverse()
  for (let left = sessions.length; left > 0; left--) {
    const heaviest = [...users.values()].reduce((most, one) =>
      one.weight > most.weight ? one : most,
    )
    for (const { name, weight } of heaviest.own.splice(-1)) {
      heaviest.weight -= weight
      yield name
    }
  }
}
