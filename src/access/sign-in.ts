import { isUtf8 } from 'node:buffer'
import { createHmac, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { createLoginThrottle, type LoginThrottle, type Refused } from './login-throttle.ts'
import { createPasswordCheck, type PasswordCheck, type PasswordResult } from './passwords.ts'
import { hasToken, isToken } from './tokens.ts'
import type { TotpCodes } from './totp.ts'
import { normalForm, type User, type UserDirectory } from './user.ts'

export interface Credentials {
  readonly user: string
  readonly password: string
  /** Of the user's authenticator app; only people who sign in to pages can give one. */
  readonly code?: string | undefined
}

/**
 * Who it is, or why nobody is let in: `wrong` credentials, a right password without the code that belongs to it, too
 * many failures, or too many at once.
 */
export type SignInResult =
  | { readonly user: User }
  | { readonly refused: 'wrong' | 'code-needed' }
  | { readonly refused: 'throttled' | 'busy'; readonly retryAfterSeconds: number }

/**
 * Finds out who gives these credentials, whose password may be a token. Rejects only for a defect of ours.
 * Given by a page of a foreign origin they may be guesses of that page, so they count against it.
 */
export type SignIn = (
  credentials: Credentials,
  address: string,
  foreignOrigin?: string,
) => Promise<SignInResult>

/** Where credentials come from. */
interface Place {
  readonly address: string
  readonly foreignOrigin: string | undefined
}

export interface SignInOptions {
  readonly directory: UserDirectory
  readonly limits: Readonly<Pick<Config['limits'], 'signIn' | 'mqtt' | 'connections'>>
  readonly sampledLog: SampledLog
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
  readonly checkPassword?: PasswordCheck
  /** Where there are other ways to give a password, one that counts all of them. */
  readonly throttle?: LoginThrottle
  /** Takes each code of an authenticator app once; without it no user has one. */
  readonly codes?: TotpCodes
}

/** What a password, and the code beside it, was found to be. */
type Outcome = PasswordResult | 'code-needed'

/** A full queue is empty sooner than this, even on a small machine. */
const busySeconds = 1

/**
 * Cheap answers first: a token, what is known to be wrong, the throttle's word, what is known to be
 * right. Only then a password costs a hash, one for all who give the same at the same time.
 */
export function createSignIn(options: SignInOptions): SignIn {
  const { directory, limits, now = () => performance.now() } = options
  const { cacheEntries: entries, cacheSeconds } = limits.signIn
  const cache = createCredentialCache({ entries, lifeMs: cacheSeconds * 1000, now })
  const throttle = options.throttle ?? createLoginThrottle({ limits, now })
  const checkPassword = options.checkPassword ?? createPasswordCheck(limits.signIn)
  const check = createCheck({ directory, cache, checkPassword })
  const running = new Map<string, Promise<Outcome | Refused>>()

  /** A right password is not enough where a code belongs to it, and a wrong code is a wrong password. */
  const withCode = (result: PasswordResult, { user, code }: Credentials): Outcome => {
    const found = directory.find(user)
    if (result !== 'right' || found?.totp === undefined) return result
    if (code === undefined) return 'code-needed'
    return options.codes?.take(found, code) ? 'right' : 'wrong'
  }
  const tried = async (credentials: Credentials, from: Place, key: string) => {
    const turn = await throttle.turn(credentials.user, from.address, from.foreignOrigin)
    if (turn === 'busy' || 'waitMs' in turn) return turn
    let result: Outcome = 'busy'
    try {
      await afterDelay(turn.delayMs)
      const isAcquainted = throttle.isAcquainted(from.address)
      result = withCode(await check(credentials, { key, isAcquainted }), credentials)
    } finally {
      turn.end(result === 'right' || result === 'wrong' ? result : 'unchecked')
    }
    return result
  }
  const attempt = async (credentials: Credentials, from: Place): Promise<Outcome | Refused> => {
    const key = cache.keyOf(credentials)
    // Whoever gives the same credentials meanwhile waits for this result.
    while (running.has(key)) await running.get(key)
    const named = directory.find(credentials.user)
    const known = cache.get(key, named?.passwordHash)
    if (known === 'wrong') return 'wrong'
    // Nobody else's guesses stand in the way of who is right, and was so from there. Codes are guessed, too.
    const { address, foreignOrigin } = from
    const mayPass = foreignOrigin === undefined && throttle.mayPass(credentials.user, address)
    if (known === 'right' && mayPass && named?.totp === undefined) return 'right'
    const trying = tried(credentials, from, key).finally(() => running.delete(key))
    running.set(key, trying)
    return trying
  }
  return async ({ user, password, code }, address, foreignOrigin) => {
    const credentials = { user: normalForm(user), password, code }
    const from = { address, foreignOrigin }
    const refuse = createRefusedResults(options.sampledLog, { user: credentials.user, ...from })
    if (isHopeless(credentials, limits.mqtt)) return refuse.wrong()
    const named = directory.find(credentials.user)
    if (named !== undefined && hasToken(named, credentials.password)) return { user: named }
    const result = await attempt(credentials, from)
    const found = directory.find(credentials.user)
    return result === 'right' && found !== undefined ? { user: found } : refuse.by(result)
  }
}

interface CheckParts {
  readonly directory: UserDirectory
  readonly cache: CredentialCache
  readonly checkPassword: PasswordCheck
}

/** What stands for credentials, and whether somebody has signed in from where they come. */
interface Checked {
  readonly key: string
  readonly isAcquainted: boolean
}

function createCheck({ directory, cache, checkPassword }: CheckParts) {
  return async (
    { user, password }: Credentials,
    { key, isAcquainted }: Checked,
  ): Promise<PasswordResult> => {
    const passwordHash = directory.find(user)?.passwordHash
    if (cache.get(key, passwordHash) === 'right') return 'right'
    const options = { replace: directory.replaceHash, isAcquainted }
    const result = isToken(password)
      ? 'wrong'
      : await checkPassword(passwordHash, password, options)
    if (result === 'busy') return result
    // What is true of a hash that has changed meanwhile is no longer true of the user.
    if (directory.find(user)?.passwordHash !== passwordHash) return 'wrong'
    cache.set(key, passwordHash, result)
    return result
  }
}

async function afterDelay(delayMs: number): Promise<void> {
  if (delayMs > 0) await delay(delayMs)
}

/** Nobody has such a name or such a password. */
function isHopeless(
  { user, password }: Credentials,
  { userBytes, passwordBytes }: Pick<Config['limits']['mqtt'], 'userBytes' | 'passwordBytes'>,
): boolean {
  if (user === '' || Buffer.byteLength(user) > userBytes) return true
  return Buffer.byteLength(password) > passwordBytes
}

/** Results that are counted and logged. A user name is what somebody wrote, so it is cut. */
function createRefusedResults(
  sampledLog: SampledLog,
  { user, address, foreignOrigin }: Place & { user: string },
) {
  const origin = foreignOrigin && { origin: foreignOrigin.slice(0, 100) }
  const fields = { user: user.slice(0, 64), address, ...origin }
  const refused = (text: string, why: 'wrong' | 'code-needed'): SignInResult => {
    sampledLog.warn('sign-in-refused', fields, text)
    return { refused: why }
  }
  const wrong = () => refused('a wrong user, password or token was given', 'wrong')
  return {
    wrong,
    /** Nothing is right any more for a user who is gone. */
    by: (outcome: Outcome | Refused): SignInResult => {
      if (outcome === 'wrong' || outcome === 'right') return wrong()
      if (outcome === 'code-needed') {
        return refused('a password was given without the code it needs', outcome)
      }
      if (outcome === 'busy') {
        sampledLog.warn('sign-in-busy', fields, 'too many passwords wait to be checked')
        return { refused: 'busy', retryAfterSeconds: busySeconds }
      }
      const retryAfterSeconds = Math.ceil(outcome.waitMs / 1000)
      const text = 'too many wrong passwords were given'
      sampledLog.warn('sign-in-throttled', { ...fields, retryAfterSeconds }, text)
      return { refused: 'throttled', retryAfterSeconds }
    },
  }
}

/** What a password check found out a short while ago. */
export type KnownResult = 'right' | 'wrong'

export interface CredentialCacheOptions {
  /** How many credentials of each result are remembered. */
  readonly entries: number
  readonly lifeMs: number
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

/**
 * Remembers results, so that a client that comes back costs no second hash. Credentials are kept only
 * as an HMAC whose key never leaves the process: a copy of the memory is no list of passwords.
 */
export interface CredentialCache {
  /** Stands for credentials in the other two. */
  keyOf(credentials: Credentials): string
  /**
   * What was found out about these credentials and the hash of their user, if that is not too long ago. A wrong one stays
   * known as long as it keeps coming: a device with an old password is no attack.
   */
  get(key: string, passwordHash: string | undefined): KnownResult | undefined
  set(key: string, passwordHash: string | undefined, result: KnownResult): void
}

export function createCredentialCache(options: CredentialCacheOptions): CredentialCache {
  const { entries: max, lifeMs: ttl, now } = options
  const secret = randomBytes(32)
  const set = { max, ttl, ttlResolution: 0, perf: { now } }
  const right = new LRUCache<string, string>(set)
  const wrong = new LRUCache<string, string>({ ...set, updateAgeOnGet: true })
  return {
    // A length in front keeps `a` + `bc` and `ab` + `c` apart.
    keyOf: ({ user, password }) =>
      createHmac('sha256', secret).update(`${user.length}:${user}${password}`).digest('base64'),
    get: (key, passwordHash = '') => {
      if (right.get(key) === passwordHash) return 'right'
      return wrong.get(key) === passwordHash ? 'wrong' : undefined
    },
    set: (key, passwordHash = '', result) => {
      const results = result === 'right' ? right : wrong
      results.set(key, passwordHash)
    },
  }
}

/** Reads an `Authorization: Basic` header (RFC 7617, UTF-8); undefined when it holds none. */
export function parseBasic(header: string | undefined): Credentials | undefined {
  const token = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(header ?? '')?.[1]
  if (token === undefined) return undefined
  const bytes = Buffer.from(token, 'base64')
  // Decoding what is not UTF-8 would make different credentials the same.
  if (!isUtf8(bytes)) return undefined
  const text = bytes.toString('utf8')
  // The first colon ends the user name; the password may hold more of them.
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Reads an `Authorization: Bearer` header (RFC 6750), which no browser adds by itself; undefined when it holds none. */
export function parseBearer(header: string | undefined): string | undefined {
  return /^Bearer +([\w.~+/-]+=*) *$/i.exec(header ?? '')?.[1]
}
