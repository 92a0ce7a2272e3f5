import { LRUCache } from 'lru-cache'
import { reasonOf } from '../core/errors.ts'
import { parseJson } from '../core/json.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { validateApiKeyEntry } from '../generated/validate-stored.js'
import type { Store } from '../store/store.ts'
import { addressGroup } from './address.ts'
import { FailureTally } from './failure-tally.ts'
import type { KnownUsers } from './known-users.ts'
import { digestOf } from './tokens.ts'
import type { User, UserDirectory } from './user.ts'

/** A key by which programs that speak the language of another system come in. */
export interface ApiKey {
  /** SHA-256 of the key, in hex; the key itself is nowhere. */
  readonly digest: string
  /** The name of the user whose rights it carries. */
  readonly user: string
  /** What its program calls itself. */
  readonly label: string
  /** In milliseconds since 1970. */
  readonly createdAtMs: number
  readonly usedAtMs: number
  /** Where it was used, the latest last; see `addressGroup`. */
  readonly from: readonly string[]
}

/** Keys that belong to users, and end with them, and with a new password. They are kept over a restart. */
export interface ApiKeys {
  /** Keeps `key` for a user; resolves when it is in the store. One more than the most ends another: see `keyToEnd`. */
  add(key: string, owner: KeyOwner): Promise<void>
  /** What is known of `key`, whoever may use it. */
  find(key: string): ApiKey | undefined
  /** Whose key it is; undefined when it is nobody's, or too many wrong ones came from `address`. */
  use(key: string, address: string): User | undefined
  /** The user of the key that was used last at `address`. */
  lastUserAt(address: string): User | undefined
  all(): ApiKey[]
  /** Whether there was such a key. */
  remove(digest: string): Promise<boolean>
  /** Ends those of a user who is gone or has signed out everywhere; returns how many those were. */
  endAllOf(user: string): number
}

export interface KeyOwner extends Pick<ApiKey, 'user' | 'label'> {
  /** Where it was asked for; it counts as used there. */
  readonly address: string
}

export interface ApiKeysOptions {
  readonly store: Pick<Store, 'entries' | 'write'>
  /** Whose keys they are, such as `deconz`. */
  readonly name: string
  /** How many are kept. */
  readonly most: number
  readonly directory: Pick<UserDirectory, 'find'>
  /** Keys end with their users, and with a password. */
  readonly knownUsers: Pick<KnownUsers, 'onChange'>
  readonly limits: Readonly<Config['limits']['signIn']>
  readonly clock: { nowMs(): number; wallMs(): number }
  readonly sampledLog: SampledLog
}

/** Several programs may share a key, but not the whole world. */
const mostAddresses = 4

/** Uses are written down when they are so long apart. */
const noteUseAfterMs = 60_000

const maxTallies = 4096

function prefixOf({ name }: ApiKeysOptions): string {
  return `key/${name}/`
}

export async function openApiKeys(options: ApiKeysOptions): Promise<ApiKeys> {
  const { store, name, directory, knownUsers, clock, sampledLog } = options
  const prefix = prefixOf(options)
  const keys = await readKeys(prefix, options)
  const failures = createGuesses(options)
  const keep = createKeep(keys, options)
  const warnUnwritten = (error: unknown) => {
    const fields = { reason: reasonOf(error) }
    sampledLog.warn('api-keys-not-written', fields, 'a change of keys could not be written')
  }
  // They end at once; nobody waits for a disk that is full.
  const endWhere = (isOver: (key: ApiKey) => boolean) => {
    const before = keys.size
    removeWhere(keys, isOver, options).catch(warnUnwritten)
    return before - keys.size
  }
  const endAllOf = (name: string) => endWhere(({ user }) => user === name)
  endWhere(({ user }) => directory.find(user) === undefined)
  knownUsers.onChange(endAllOf)
  const noteUse = (key: ApiKey, from: string) => {
    const usedAtMs = clock.wallMs()
    const isNew = !key.from.includes(from)
    const used = { ...key, usedAtMs, from: withLatest(key.from, from) }
    if (!isNew && Math.abs(usedAtMs - key.usedAtMs) < noteUseAfterMs) return
    keep(used).catch(warnUnwritten)
  }
  return {
    add: (key, { user, label, address }) => {
      const nowMs = clock.wallMs()
      const times = { createdAtMs: nowMs, usedAtMs: nowMs }
      return keep({ digest: digestOf(key), user, label, ...times, from: [addressGroup(address)] })
    },
    find: (key) => keys.get(digestOf(key)),
    use: (key, address) => {
      const there = addressGroup(address)
      const found = keys.get(digestOf(key))
      const user = found && directory.find(found.user)
      const isKnownThere = found?.from.includes(there) === true
      if (!isKnownThere && failures.areTooMany(there)) return undefined
      if (found === undefined || user === undefined) {
        failures.add(there)
        sampledLog.warn(
          'api-key-refused',
          { dialect: name, address },
          'a key was given that belongs to nobody',
        )
        return undefined
      }
      noteUse(found, there)
      return user
    },
    lastUserAt: (address) => {
      const there = addressGroup(address)
      const users = [...keys.values()].flatMap(({ from, user }) =>
        from.includes(there) ? (directory.find(user) ?? []) : [],
      )
      return users.at(-1)
    },
    all: () => [...keys.values()],
    remove: async (digest) => {
      if (!keys.delete(digest)) return false
      await store.write([{ key: prefix + digest, value: undefined }])
      return true
    },
    endAllOf,
  }
}

/** How a key is entered in `keys` and in the store. */
function createKeep(keys: Map<string, ApiKey>, options: ApiKeysOptions) {
  const { store, name, most, sampledLog } = options
  const prefix = prefixOf(options)
  return async (key: ApiKey): Promise<void> => {
    const { digest, ...value } = key
    // The key that was used last comes last.
    keys.delete(digest)
    keys.set(digest, key)
    const ended = keys.size > most ? keyToEnd([...keys.values()]) : undefined
    if (ended !== undefined) {
      keys.delete(ended.digest)
      const fields = { dialect: name, user: ended.user }
      sampledLog.warn('api-keys-forgotten', fields, 'a key of the user with most keys has ended')
    }
    await store.write([
      ...(ended ? [{ key: prefix + ended.digest, value: undefined }] : []),
      { key: prefix + digest, value: Buffer.from(JSON.stringify(value)) },
    ])
  }
}

async function removeWhere(
  keys: Map<string, ApiKey>,
  isOver: (key: ApiKey) => boolean,
  options: ApiKeysOptions,
): Promise<void> {
  const prefix = prefixOf(options)
  const over = [...keys.values()].filter(isOver)
  if (over.length === 0) return
  for (const { digest } of over) keys.delete(digest)
  await options.store.write(over.map(({ digest }) => ({ key: prefix + digest, value: undefined })))
}

/**
 * Of `keys`, by their last use, the one that makes room: of the user with most keys, so that nobody ends
 * those of others by making many, the one that was unused longest.
 */
function keyToEnd(keys: readonly ApiKey[]): ApiKey | undefined {
  const counts = new Map<string, number>()
  for (const { user } of keys) counts.set(user, (counts.get(user) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return keys.find(({ user }) => counts.get(user) === most)
}

function withLatest(from: readonly string[], latest: string): string[] {
  return [...from.filter((each) => each !== latest), latest].slice(-mostAddresses)
}

/** Counts wrong keys by address, so that nobody guesses one. */
function createGuesses({ limits, clock }: ApiKeysOptions) {
  const { failuresPerAddress, addressWindowSeconds, longestDelaySeconds } = limits
  const tallies = new LRUCache<string, FailureTally>({
    max: maxTallies,
    memoMethod: () =>
      new FailureTally({
        failures: failuresPerAddress,
        windowMs: addressWindowSeconds * 1000,
        longestDelayMs: longestDelaySeconds * 1000,
      }),
  })
  return {
    areTooMany: (there: string) => tallies.memo(there).waitMs(clock.nowMs()) > 0,
    add: (there: string) => tallies.memo(there).fail(clock.nowMs()),
  }
}

async function readKeys(prefix: string, { store, sampledLog }: ApiKeysOptions) {
  const found: ApiKey[] = []
  for await (const [key, bytes] of store.entries(prefix)) {
    const value = parseJson(bytes)
    if (validateApiKeyEntry(value)) found.push({ digest: key.slice(prefix.length), ...value })
    else sampledLog.warn('api-keys-unreadable', { key }, 'a key could not be read')
  }
  const byUse = found.sort((one, other) => one.usedAtMs - other.usedAtMs)
  return new Map(byUse.map((key) => [key.digest, key]))
}
