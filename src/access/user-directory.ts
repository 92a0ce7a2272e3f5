import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { createListeners } from '../core/callbacks.ts'
import { systemClock } from '../core/clock.ts'
import { HubError, quote, reasonOf } from '../core/errors.ts'
import { followFiles } from '../core/files.ts'
import { digestSecretOf } from './digest.ts'
import { hashPassword } from './passwords.ts'
import { digestOf, isToken } from './tokens.ts'
import {
  anonymousName,
  type HashReplacement,
  isSameName,
  normalForm,
  type Role,
  type Rule,
  type User,
  type UserDirectory,
} from './user.ts'
import { userError } from './user-check.ts'
import {
  changeUser,
  type EntryChange,
  readRoles,
  readUsersFile,
  replaceHashes,
} from './users-file.ts'

export interface UserDirectoryOptions {
  /** The users of the configuration. */
  readonly inline: readonly User[]
  /** A file of further users, which may change at any time. */
  readonly file: string | undefined
  readonly log: Pick<Logger, 'info' | 'error'>
  /** Called when a hash is to take the place of another one in the file. */
  readonly onHashReplaced?: (replacement: HashReplacement) => void
}

/** A directory, some of whose users are in a file. */
export interface OpenedUserDirectory extends UserDirectory {
  /** Where a user stands: those of the configuration are changed there. Undefined for nobody's name. */
  placeOf(name: string): 'configuration' | 'file' | undefined
  /** The rules of the roles that the file has besides those of the hub, by name. */
  roles(): ReadonlyMap<string, readonly Rule[]>
  /**
   * Changes a user of the file, or adds or removes one, which counts at once, as if a command had written it.
   *
   * @throws HubError `not-in-users-file` where there is no file, and as `changeUser`.
   */
  change(name: string, change: EntryChange): void
  /**
   * Writes another password for a user of the file, which counts at once, as if a command had written it. Who signs in
   * by Digest goes on doing so, by the new one.
   *
   * @throws HubError `not-in-users-file`, and as `changeUser`.
   */
  setPassword(name: string, password: string): Promise<void>
  /**
   * The configuration has other users now.
   *
   * @throws HubError `bad-config` for one who is in the file, too.
   */
  setInline(users: readonly User[]): void
  /** Reads the file now. */
  look(): void
}

/**
 * All users. A changed file counts within a second. One that is gone or broken changes nothing, and
 * the log says so once.
 *
 * @throws HubError as `readUsersFile`, and `bad-config` for a user in both places.
 */
export function openUserDirectory(options: UserDirectoryOptions): OpenedUserDirectory {
  const { file, log } = options
  let { inline } = options
  const { add: onChange, tell } = createListeners<[]>()
  if (file === undefined) {
    let all = byName(inline)
    return directoryOf(() => all, {
      onChange,
      replaceHash: () => {},
      placeOf: (name) => (all.has(normalForm(name)) ? 'configuration' : undefined),
      roles: () => new Map(),
      change: () => {
        throw noFile
      },
      setPassword: async (name) => {
        throw notInFile(name)
      },
      setInline: (users) => {
        all = byName(users)
        tell()
      },
      look: () => {},
      close: () => {},
    })
  }
  const hashes = createHashReplacement(file, options)
  const { current, look, close } = followFiles([file], {
    read: () => hashes.asBefore(merged(inline, file)),
    changed: (users, before) => {
      if (isDeepStrictEqual(users, before)) return
      log.info({ event: 'users-changed', file, users: users.size }, 'the users file has changed')
      tell()
    },
    broken: (error) => {
      const fields = { file, reason: reasonOf(error) }
      log.error(
        { event: 'users-unusable', ...fields },
        'the users file cannot be used any more: all users stay as they were',
      )
    },
  })
  const change = (name: string, entryChange: EntryChange) => {
    changeUser(file, name, entryChange)
    look()
  }
  return directoryOf(current, {
    onChange,
    replaceHash: hashes.replace,
    placeOf: (name) => {
      if (inline.some((user) => isSameName(user.name, name))) return 'configuration'
      return current().has(normalForm(name)) ? 'file' : undefined
    },
    roles: () => readRoles(file),
    change,
    setInline: (users) => {
      checkNobodyTwice(byName(users), readUsersFile(file))
      inline = users
      look()
    },
    look,
    setPassword: async (name, password) => {
      const hash = await hashPassword(password)
      change(name, (before) => {
        if (before === undefined) throw notInFile(name)
        const { digest, ...entry } = before
        const secret = digest === undefined ? {} : { digest: digestSecretOf(name, password) }
        return { ...entry, ...secret, password: hash }
      })
    },
    close: () => {
      close()
      hashes.close()
    },
  })
}

const noFile = new HubError(
  'not-in-users-file',
  'expected usersFile in the configuration, got a hub whose users all stand in the configuration itself',
)

/** Why a user of the configuration stays as it is. */
export function notInFile(name: string): HubError {
  const sentence = `expected ${quote(name)} to be in a users file, got a user of the configuration`
  return new HubError('not-in-users-file', `${sentence}: who runs the hub changes it there`)
}

/** Hashes that come within this time are written at once: after an import, many devices sign in together. */
const gatherMs = 1000

/** Writes better hashes of the same passwords into the users file. */
function createHashReplacement(file: string, { log, onHashReplaced }: UserDirectoryOptions) {
  /** What the hub goes on with, by the hash that takes its place in the file. */
  const hashBefore = new Map<string, string>()
  const isReplaced = new Set<string>()
  const waiting = new Map<string, string>()
  let cancel: (() => void) | undefined
  let isWritable = true
  const write = () => {
    cancel = undefined
    try {
      replaceHashes(file, waiting)
    } catch (error) {
      isWritable = false
      const fields = { file, reason: reasonOf(error) }
      log.error(
        { event: 'users-unwritable', ...fields },
        'the users file cannot be written: hashes of passwords stay as they are',
      )
    }
    waiting.clear()
  }
  const asBefore = (user: User): User => {
    const passwordHash = hashBefore.get(user.passwordHash ?? '')
    return passwordHash === undefined ? user : { ...user, passwordHash }
  }
  return {
    replace: (replacement: HashReplacement) => {
      const { before, after } = replacement
      if (!isWritable || isReplaced.has(before)) return
      onHashReplaced?.(replacement)
      isReplaced.add(before)
      hashBefore.set(after, before)
      waiting.set(before, after)
      cancel ??= systemClock.after(gatherMs, write)
    },
    asBefore: (users: Users): Users => byName([...users.values()].map(asBefore)),
    close: () => {
      cancel?.()
      if (waiting.size > 0) write()
    },
  }
}

type Users = ReadonlyMap<string, User>

function directoryOf(
  users: () => Users,
  following: Omit<OpenedUserDirectory, 'edition' | 'find' | 'all'>,
): OpenedUserDirectory {
  return {
    get edition() {
      return users()
    },
    find: (name) => users().get(normalForm(name)),
    all: () => [...users().values()],
    ...following,
  }
}

function merged(inline: readonly User[], file: string): Users {
  const fromFile = readUsersFile(file)
  checkNobodyTwice(byName(inline), fromFile)
  return byName([...inline, ...fromFile])
}

/**
 * Checks that no user of the file is one of the configuration, too.
 *
 * @throws HubError `bad-config`
 */
export function checkNobodyTwice(
  inline: Pick<ReadonlyMap<string, unknown>, 'has'>,
  fromFile: readonly User[],
): void {
  const twice = fromFile.find(({ name }) => inline.has(name))
  if (twice === undefined) return
  const sentence = `expected users.${twice.name} in the configuration or in the users file, got both`
  throw new HubError('bad-config', `${sentence}: remove one`)
}

function byName(users: readonly User[]): Users {
  return new Map(users.map((user) => [user.name, user]))
}

/** A user as the configuration has it. */
interface InlineUser {
  readonly password?: string
  readonly passwordFile?: string
  readonly digest?: boolean
  readonly role?: Role
  readonly base?: string
  readonly rules?: readonly Rule[]
}

/** What is wrong with a user of the configuration that its schema cannot say. */
export function inlineUserError(name: string, user: InlineUser): string | undefined {
  const { password, passwordFile } = user
  const given = [password, passwordFile].filter((value) => value !== undefined).length
  const error = userError(name, user, given > 0)
  if (error !== undefined || name === anonymousName || given === 1) return error
  const got = given === 0 ? 'neither' : 'both'
  return `expected users.${name} to have "password" or "passwordFile", got ${got}`
}

/**
 * The users of the configuration. Each password is hashed once, now; one that has the form of a token is
 * kept as a token, so that a machine that signs in with it costs no hash.
 */
export function hashInlineUsers(
  users: Readonly<Record<string, Omit<InlineUser, 'passwordFile'>>>,
  hashPassword: (password: string, name: string) => Promise<string>,
): Promise<User[]> {
  const hashed = Object.entries(users).map(async ([key, entry]) => {
    const name = normalForm(key)
    const { password, digest, rules = [], ...rest } = entry
    const plain = { name, ...rest, rules, tokens: [] }
    if (password === undefined) return plain
    const user = digest ? { ...plain, digestSecret: digestSecretOf(name, password) } : plain
    if (!isToken(password)) return { ...user, passwordHash: await hashPassword(password, name) }
    return { ...user, tokens: [{ name: 'configuration', sha256: digestOf(password), created }] }
  })
  return Promise.all(hashed)
}

/** The configuration does not tell when its tokens were made. */
const created = '1970-01-01T00:00:00Z'
