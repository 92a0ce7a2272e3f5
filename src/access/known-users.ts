/** Who the users were when the hub saw them last: over restarts, too, somebody made anew is somebody else. */
import { createListeners } from '../core/callbacks.ts'
import { reasonOf } from '../core/errors.ts'
import { parseJson } from '../core/json.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { UserEntry } from '../generated/stored.ts'
import { validateUserEntry } from '../generated/validate-stored.js'
import type { Change, Store } from '../store/store.ts'
import type { HashReplacement, User, UserDirectory } from './user.ts'

/** Why what a user had is no good any more. */
export type UserChange = 'gone' | 'new-password'

export interface KnownUsers {
  /** A hash that was made of the user's password before. */
  hashOf(name: string): string | undefined
  /** Notes that a hash takes the place of another one of the same password. */
  hashReplaced(replacement: HashReplacement): void
  /** Notes who the users are, now and with each change; what it returns ends that. */
  follow(directory: Pick<UserDirectory, 'all' | 'onChange'>): () => void
  /**
   * Calls `listener` when a user is gone, another one of the same name has come, or the password is new; at
   * once for what has happened while no hub was running.
   */
  onChange(listener: (name: string, change: UserChange) => void): void
}

export interface KnownUsersOptions {
  readonly store: Pick<Store, 'entries' | 'write'>
  readonly sampledLog: SampledLog
}

const prefix = 'user/'

export async function openKnownUsers(options: KnownUsersOptions): Promise<KnownUsers> {
  const { store, sampledLog } = options
  const known = await readKnown(options)
  const { add, tell } = createListeners<[name: string, change: UserChange]>()
  const changedMeanwhile: [name: string, change: UserChange][] = []
  const write = (changes: readonly Change[]) => {
    if (changes.length === 0) return
    store.write(changes).catch((error: unknown) => {
      const fields = { reason: reasonOf(error) }
      sampledLog.warn('users-not-written', fields, 'who the users are could not be written')
    })
  }
  const hashReplaced = ({ before, after }: HashReplacement) => {
    for (const [name, entry] of known) {
      if (entry.passwordHashes.at(-1) !== before) continue
      write([note(known, name, { ...entry, passwordHashes: [before, after] })])
    }
  }
  const look = (users: readonly User[]) => {
    const changes = changesOf(known, users)
    write(changes.map(({ name, entry }) => note(known, name, entry)))
    return changes.flatMap(({ name, change }): [string, UserChange][] =>
      change === undefined ? [] : [[name, change]],
    )
  }
  return {
    hashOf: (name) => known.get(name)?.passwordHashes.at(-1),
    hashReplaced,
    follow: (directory) => {
      changedMeanwhile.push(...look(directory.all()))
      return directory.onChange(() => {
        for (const [name, change] of look(directory.all())) tell(name, change)
      })
    },
    onChange: (listener) => {
      add(listener)
      for (const [name, change] of changedMeanwhile) listener(name, change)
    },
  }
}

type Known = Map<string, UserEntry>

async function readKnown({ store, sampledLog }: KnownUsersOptions): Promise<Known> {
  const known: Known = new Map()
  for await (const [key, bytes] of store.entries(prefix)) {
    const value = parseJson(bytes)
    if (validateUserEntry(value)) known.set(key.slice(prefix.length), value)
    else sampledLog.warn('users-unreadable', { key }, 'who a user was could not be read')
  }
  return known
}

/** Enters what is known of a user from now on; undefined is nobody. */
function note(known: Known, name: string, entry: UserEntry | undefined): Change {
  if (entry === undefined) known.delete(name)
  else known.set(name, entry)
  const value = entry && Buffer.from(JSON.stringify(entry))
  return { key: prefix + name, value }
}

interface ChangedUser {
  readonly name: string
  readonly entry: UserEntry | undefined
  /** Undefined for who is new. */
  readonly change: UserChange | undefined
}

function changesOf(known: Known, users: readonly User[]): ChangedUser[] {
  const names = new Set(users.map(({ name }) => name))
  const gone = [...known.keys()].filter((name) => !names.has(name))
  const others = users.flatMap((user): ChangedUser[] => {
    const { name } = user
    const before = known.get(name)
    const entry = entryOf(user)
    if (before === undefined) return [{ name, entry, change: undefined }]
    if (before.created !== entry.created) return [{ name, entry, change: 'gone' }]
    const isSame =
      before.passwordHashes.includes(entry.passwordHashes[0] ?? '') ||
      before.passwordHashes.length + entry.passwordHashes.length === 0
    return isSame ? [] : [{ name, entry, change: 'new-password' }]
  })
  return [
    ...gone.map((name): ChangedUser => ({ name, entry: undefined, change: 'gone' })),
    ...others,
  ]
}

function entryOf({ created, passwordHash }: User): UserEntry {
  return {
    ...(created !== undefined && { created }),
    passwordHashes: passwordHash === undefined ? [] : [passwordHash],
  }
}
