import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type AlarmClock, systemClock } from '../core/clock.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { digestOf } from './tokens.ts'
import type { User, UserDirectory } from './user.ts'

interface Clocked {
  readonly directory: UserDirectory
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
  readonly after?: AlarmClock['after']
}

export interface SecretsOptions extends Clocked {
  readonly limits: Readonly<Config['limits']['signIn']>
  readonly sampledLog: SampledLog
}

/**
 * Who has signed in with a form, by what their cookie holds. A session ends after 12 hours, after 2
 * hours without use, and when its user changes or is removed. What follows it uses it all the time.
 */
export interface CookieSessions {
  /** How long a session lasts at most. */
  readonly lifeSeconds: number
  /** Begins a session; returns what the cookie is to hold. */
  start(user: User): string
  userOf(id: string): User | undefined
  /** Follows a session up to its end. */
  until(id: string): Until
  end(id: string): void
  endAllOf(user: string): void
  /** Those that are not over. */
  list(): readonly ListedSession[]
}

/** A session, for who looks after the hub; nothing of it lets anybody in. */
export interface ListedSession {
  readonly user: string
  readonly sinceMs: number
  /** Whether something that was opened by it still is. */
  readonly isInUse: boolean
}

export function createCookieSessions(options: SecretsOptions): CookieSessions {
  const { limits, sampledLog } = options
  const table = createSecretTable({
    ...options,
    lifeMs: limits.sessionSeconds * 1000,
    idleMs: limits.sessionIdleSeconds * 1000,
    perUser: limits.sessionsPerUser,
    onExcess: (user) => {
      sampledLog.warn('sessions-ended', { user }, 'a user has too many sessions: the oldest ends')
    },
  })
  return {
    lifeSeconds: limits.sessionSeconds,
    start: (user) => table.add({ user }),
    userOf: (id) => table.use(id)?.user,
    until: (id) => (ended) => table.follow(id, ended),
    end: table.remove,
    endAllOf: table.removeAllOf,
    list: table.list,
  }
}

/** What lets a page of another origin open one websocket, within 30 seconds. */
export interface Tickets {
  readonly lifeSeconds: number
  /** `until` is how long its user is signed in, when that may end before. */
  issue(user: User, until?: Until): string
  /** Whose ticket it is, if it is still good; it is not afterwards. */
  redeem(ticket: string): SecretOwner | undefined
  voidAllOf(user: string): void
}

export function createTickets(options: SecretsOptions): Tickets {
  const { limits, sampledLog } = options
  const lifeMs = limits.ticketSeconds * 1000
  const table = createSecretTable({
    ...options,
    lifeMs,
    idleMs: lifeMs,
    perUser: limits.ticketsPerUser,
    onExcess: (user) => {
      sampledLog.warn('tickets-void', { user }, 'a user has too many tickets: the oldest is void')
    },
  })
  return {
    lifeSeconds: limits.ticketSeconds,
    issue: (user, until) => table.add({ user, until }),
    redeem: (ticket) => {
      const owner = table.use(ticket)
      table.remove(ticket)
      return owner
    },
    voidAllOf: table.removeAllOf,
  }
}

/** Why what somebody signed in with is over: somebody ended it, its time has come, or an admin has banned them. */
export type SignedOut = 'signed-out' | 'expired' | 'banned'

/** Follows what somebody signed in with up to its end, at most until what it returns is called. */
export type Until = (ended: (why: SignedOut) => void) => () => void

/** Who a secret stands for. */
export interface SecretOwner {
  readonly user: User
  /** How long the user is signed in who was given it, when that may end before. */
  readonly until?: Until | undefined
}

export interface SecretTableOptions extends Clocked {
  /** How long a secret is good for, and how long without being used. */
  readonly lifeMs: number
  readonly idleMs: number
  /** How many a user may have; the oldest makes way for one more. */
  readonly perUser: number
  onExcess(user: string): void
}

/**
 * Random secrets that stand for users for a while. Only their digests are kept. All of a user's end when
 * that user changes or is removed.
 */
export interface SecretTable {
  /** A new secret: 256 bits in base64url, 43 characters. */
  add(owner: SecretOwner): string
  /** Whose it is, if it is still good. */
  use(secret: string): SecretOwner | undefined
  /**
   * Calls `ended` when the secret is not good any more, at once if it is not now. Until what this returns is
   * called, the secret is in use.
   */
  follow(secret: string, ended: (why: SignedOut) => void): () => void
  remove(secret: string): void
  removeAllOf(user: string): void
  /** Of those that are still good. */
  list(): ListedSession[]
}

interface Held extends SecretOwner {
  readonly addedAtMs: number
  usedAtMs: number
  readonly followers: Set<(why: SignedOut) => void>
  /** Waits for its end while somebody follows it. */
  stopAlarm?: () => void
  /** Its user has changed: it is not good any more, but who follows it has to judge that. */
  isVoid?: boolean
}

function listOf(held: readonly Held[], nowMs: number): ListedSession[] {
  return held.map(({ user, addedAtMs, followers }) => ({
    user: user.name,
    sinceMs: Math.round(systemClock.wallMs() - (nowMs - addedAtMs)),
    isInUse: followers.size > 0,
  }))
}

/** The longest that a timer of Node.js waits. */
const longestAlarmMs = 2 ** 31 - 1

export function createSecretTable(options: SecretTableOptions): SecretTable {
  const { directory, lifeMs, idleMs, perUser, onExcess } = options
  const { now = systemClock.nowMs, after = systemClock.after } = options
  const held = new Map<string, Held>()
  const isOver = ({ addedAtMs, usedAtMs, followers }: Held) =>
    now() - addedAtMs >= lifeMs || (followers.size === 0 && now() - usedAtMs >= idleMs)
  const isGood = (one: Held) => !one.isVoid && !isOver(one)
  const end = (digest: string, why: SignedOut) => {
    const one = held.get(digest)
    held.delete(digest)
    one?.stopAlarm?.()
    for (const ended of one?.followers ?? []) ended(why)
  }
  const endIf = (isToGo: (one: Held) => boolean, why: SignedOut) => {
    for (const [digest, one] of [...held]) if (isToGo(one)) end(digest, why)
  }
  const makeRoomFor = (name: string) => {
    endIf(isOver, 'expired')
    const [oldest, ...others] = [...held].filter(([, { user }]) => user.name === name)
    if (oldest === undefined || others.length + 1 < perUser) return
    end(oldest[0], 'signed-out')
    onExcess(name)
  }
  const watch = (digest: string, one: Held) => {
    const leftMs = one.addedAtMs + lifeMs - now()
    one.stopAlarm = after(Math.min(leftMs, longestAlarmMs), () => {
      if (isOver(one)) end(digest, 'expired')
      else watch(digest, one)
    })
  }
  directory.onChange(() => {
    for (const [digest, one] of [...held]) {
      if (isDeepStrictEqual(directory.find(one.user.name), one.user)) continue
      one.isVoid = true
      if (one.followers.size === 0) end(digest, 'signed-out')
    }
  })
  return {
    add: (owner) => {
      makeRoomFor(owner.user.name)
      const secret = randomBytes(32).toString('base64url')
      const nowMs = now()
      const times = { addedAtMs: nowMs, usedAtMs: nowMs }
      held.set(digestOf(secret), { ...owner, ...times, followers: new Set() })
      return secret
    },
    use: (secret) => {
      const one = held.get(digestOf(secret))
      if (one === undefined || !isGood(one)) return undefined
      one.usedAtMs = now()
      return one
    },
    follow: (secret, ended) => {
      const digest = digestOf(secret)
      const one = held.get(digest)
      if (one === undefined || isOver(one)) {
        ended(one === undefined ? 'signed-out' : 'expired')
        return () => {}
      }
      one.followers.add(ended)
      if (one.stopAlarm === undefined) watch(digest, one)
      return () => {
        one.followers.delete(ended)
        one.usedAtMs = now()
        if (one.followers.size > 0) return
        one.stopAlarm?.()
        delete one.stopAlarm
        if (one.isVoid) end(digest, 'signed-out')
      }
    },
    remove: (secret) => end(digestOf(secret), 'signed-out'),
    list: () => listOf([...held.values()].filter(isGood), now()),
    removeAllOf: (name) => endIf(({ user }) => user.name === name, 'signed-out'),
  }
}
