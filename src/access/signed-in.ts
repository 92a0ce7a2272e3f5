import { isDeepStrictEqual } from 'node:util'
import { createListeners } from '../core/callbacks.ts'
import { afterwards } from '../core/clock.ts'
import type { Somebody } from './bans.ts'
import { noRights, type Rights, rightsOf } from './rights.ts'
import type { SignedOut, Until } from './secrets.ts'
import type { User, UserDirectory } from './user.ts'

/** Somebody who is signed in, and how to tell them that it is different from now on. */
export interface Registration {
  readonly user: User
  /** How somebody came who has a connection. */
  readonly connectionInfo?: ConnectionInfo
  /** What `{client}` in a rule stands for; MQTT clients have one. */
  readonly clientId?: string | undefined
  /** Only looks on: a node that does is not there for that. */
  readonly isObserver?: boolean
  /** The user has other rights now; none at all before the end. */
  rightsChanged(rights: Rights): void
  /** How long, when that is not as long as the connection is open. */
  readonly until?: Until | undefined
  /** The user is gone, or what was signed in with is not valid any more. */
  ended(why: SignedOut): void
}

/** How somebody came. */
export interface ConnectionInfo {
  /** Such as `mqtt`, or the name of a dialect. */
  readonly transport: string
  /** What tells it from others: the base of a websocket, or the id of an MQTT client. */
  readonly title: string
  readonly address: string
  /** The TCP or TLS socket. */
  readonly connection: object
}

/** Somebody who is there now. */
export interface Present extends ConnectionInfo {
  /** Its own, since the hub was started. */
  readonly id: number
  readonly user: string
  /** In milliseconds since 1970. */
  readonly sinceMs: number
  /** Ends it, as if the user were gone. */
  end(): void
}

export interface Registered {
  readonly rights: Rights
  /** `why` its connection has ended, for who asks. */
  leave(why?: string): void
  /** Nobody knows for a while whether they are still there, or does again. */
  silent(isSilent: boolean): void
}

/** Everybody who is signed in, whatever way they came. */
export interface SignedIn {
  /** Returns the rights of who enters, and how to leave or to tell that nothing is heard any more. */
  register(entry: Registration): Registered
  /** Ends everything of a user who has signed out everywhere. */
  endAllOf(name: string): void
  /** Ends those who are banned now. */
  endBanned(isBanned: (somebody: Somebody) => boolean): void
  /** Those who have a connection, in the order they came. */
  present(): Present[]
  /** Calls `listener` when there is one more of them or one less; what it returns ends that. */
  onPresentChange(listener: () => void): () => void
  /** Calls `listener` with each that has a connection from now on, before anything it says; what it returns ends that. */
  onEntered(listener: (present: Present) => void): () => void
  /** Calls `listener` with each that has a connection no more, and why; what it returns ends that. */
  onLeft(listener: (left: Present, why: string) => void): () => void
  /** How often the user `name` is there now; of whom nothing is heard for long is not. */
  countOf(name: string): number
  /** Whether the user `name` has entered and not left, heard or not. */
  mayHear(name: string): boolean
  /** Calls `listener` with the name of each user who is there once more or once less; what it returns ends that. */
  onPresence(listener: (name: string) => void): () => void
  close(): void
}

/** Follows the changes of `directory`: nobody keeps a right that was taken away. */
export function createSignedIn(directory: Pick<UserDirectory, 'find' | 'onChange'>): SignedIn {
  const users = new Map<Registration, User>()
  const stops = new Map<Registration, () => void>()
  const connected = createConnected()
  const presence = createPresence()
  const leave = (entry: Registration, why = 'it was closed') => {
    stops.get(entry)?.()
    stops.delete(entry)
    connected.leave(entry, why)
    if (users.delete(entry) && !entry.isObserver) presence.leave(entry)
  }
  const end = (entry: Registration, why: SignedOut = 'signed-out') => {
    leave(entry, why)
    // A connection takes its time to close, and may carry more meanwhile.
    entry.rightsChanged(noRights)
    entry.ended(why)
  }
  const endWhere = (isOver: (somebody: Somebody) => boolean, why: SignedOut) => {
    for (const [entry, user] of [...users]) {
      const { clientId, connectionInfo: { address = 'unknown' } = {} } = entry
      if (isOver({ user, clientId, address })) end(entry, why)
    }
  }
  const follow = (entry: Registration, before: User) => {
    const user = directory.find(before.name)
    if (isDeepStrictEqual(user, before)) return
    if (user === undefined || !isStillValid(before, user)) return end(entry)
    users.set(entry, user)
    entry.rightsChanged(rightsOf(user, entry.clientId))
  }
  const stop = directory.onChange(() => {
    for (const [entry, before] of [...users]) follow(entry, before)
  })
  return {
    register: (entry) => {
      users.set(entry, entry.user)
      const present = connected.enter(entry, () => end(entry))
      if (!entry.isObserver) presence.enter(entry)
      if (present !== undefined) connected.tellEntered(present)
      // The user may have changed while the password was checked, and the session may have ended.
      afterwards(() => {
        if (!users.has(entry)) return
        const stop = entry.until?.((why) => end(entry, why))
        if (stop !== undefined && users.has(entry)) stops.set(entry, stop)
        if (users.get(entry) === entry.user) follow(entry, entry.user)
      })
      return {
        rights: rightsOf(entry.user, entry.clientId),
        leave: (why) => leave(entry, why),
        silent: (isSilent) => {
          if (users.has(entry) && !entry.isObserver) presence.silent(entry, isSilent)
        },
      }
    },
    endAllOf: (name) => endWhere(({ user }) => user?.name === name, 'signed-out'),
    endBanned: (isBanned) => endWhere(isBanned, 'banned'),
    present: connected.all,
    onPresentChange: connected.onChange,
    onEntered: connected.onEntered,
    onLeft: connected.onLeft,
    countOf: presence.countOf,
    mayHear: presence.mayHear,
    onPresence: presence.onChange,
    close: stop,
  }
}

/** Those who have a connection, and who is told of them. */
function createConnected() {
  let lastId = 0
  const present = new Map<Registration, Present>()
  const { add: onChange, tell: tellChange } = createListeners<[]>()
  const { add: onEntered, tell: tellEntered } = createListeners<[present: Present]>()
  const { add: onLeft, tell: tellLeft } = createListeners<[left: Present, why: string]>()
  return {
    ...{ onChange, onEntered, onLeft, tellEntered },
    all: () => [...present.values()],
    enter: (entry: Registration, end: () => void): Present | undefined => {
      const { user, connectionInfo: info } = entry
      if (info === undefined) return undefined
      const entered = { ...info, id: ++lastId, user: user.name, sinceMs: Date.now(), end }
      present.set(entry, entered)
      tellChange()
      return entered
    },
    leave: (entry: Registration, why: string) => {
      const left = present.get(entry)
      if (left === undefined) return
      present.delete(entry)
      tellChange()
      tellLeft(left, why)
    },
  }
}

/** Counts how often each user is there, with and without those of whom nothing is heard for long. */
function createPresence() {
  const entered = createCounts()
  const heard = createCounts()
  const silent = new Set<Registration>()
  const { add: onChange, tell } = createListeners<[name: string]>()
  const changeHeard = (name: string, by: 1 | -1) => {
    heard.change(name, by)
    tell(name)
  }
  return {
    countOf: heard.countOf,
    mayHear: (name: string) => entered.countOf(name) > 0,
    onChange,
    enter: ({ user: { name } }: Registration) => {
      entered.change(name, 1)
      changeHeard(name, 1)
    },
    leave: (entry: Registration) => {
      entered.change(entry.user.name, -1)
      if (!silent.delete(entry)) changeHeard(entry.user.name, -1)
    },
    silent: (entry: Registration, isSilent: boolean) => {
      if (silent.has(entry) === isSilent) return
      if (isSilent) silent.add(entry)
      else silent.delete(entry)
      changeHeard(entry.user.name, isSilent ? -1 : 1)
    },
  }
}

function createCounts() {
  const counts = new Map<string, number>()
  const countOf = (name: string) => counts.get(name) ?? 0
  return {
    countOf,
    change: (name: string, by: 1 | -1) => {
      const count = countOf(name) + by
      if (count === 0) counts.delete(name)
      else counts.set(name, count)
    },
  }
}

/** Whether whatever `before` may have signed in with still is a credential of `after`. */
function isStillValid(before: User, after: User): boolean {
  const hashes = new Set(after.tokens.map(({ sha256 }) => sha256))
  return (
    after.created === before.created &&
    after.passwordHash === before.passwordHash &&
    after.totp === before.totp &&
    before.tokens.every(({ sha256 }) => hashes.has(sha256))
  )
}
