import { setTimeout as delay } from 'node:timers/promises'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import type { Credentials } from './basic.ts'
import { type CredentialCache, createCredentialCache } from './credential-cache.ts'
import { createLoginThrottle, type LoginThrottle, type Refused } from './login-throttle.ts'
import { normalForm } from './normal-form.ts'
import { createPasswordCheck, type PasswordCheck, type Verdict } from './passwords.ts'
import { hasToken, isToken } from './tokens.ts'
import type { User, UserDirectory } from './user.ts'

/** Who it is, or why nobody is let in: `wrong` credentials, too many failures, or too many at once. */
export type SignInResult =
  | { readonly user: User }
  | { readonly refused: 'wrong' }
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
}

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
  const running = new Map<string, Promise<Verdict | Refused>>()
  directory.onChange(cache.clear)

  const tried = async (credentials: Credentials, from: Place, key: string) => {
    const turn = await throttle.turn(credentials.user, from.address, from.foreignOrigin)
    if (turn === 'busy' || 'waitMs' in turn) return turn
    let verdict: Verdict = 'busy'
    try {
      await afterDelay(turn.delayMs)
      verdict = await check(credentials, key)
    } finally {
      turn.end(verdict === 'busy' ? 'unchecked' : verdict)
    }
    return verdict
  }
  const attempt = async (credentials: Credentials, from: Place): Promise<Verdict | Refused> => {
    const key = cache.keyOf(credentials)
    // Whoever gives the same credentials meanwhile waits for this verdict.
    while (running.has(key)) await running.get(key)
    if (cache.get(key) === 'wrong') return 'wrong'
    const trying = tried(credentials, from, key).finally(() => running.delete(key))
    running.set(key, trying)
    return trying
  }
  return async ({ user, password }, address, foreignOrigin) => {
    const credentials = { user: normalForm(user), password }
    const from = { address, foreignOrigin }
    const refuse = createRefusals(options.sampledLog, { user: credentials.user, ...from })
    if (isHopeless(credentials, limits.mqtt)) return refuse.wrong()
    const named = directory.find(credentials.user)
    if (named !== undefined && hasToken(named, credentials.password)) return { user: named }
    const verdict = await attempt(credentials, from)
    if (verdict === 'busy') return refuse.busy()
    if (typeof verdict === 'object') return refuse.throttled(verdict.waitMs)
    const found = directory.find(credentials.user)
    return verdict === 'right' && found !== undefined ? { user: found } : refuse.wrong()
  }
}

interface CheckParts {
  readonly directory: UserDirectory
  readonly cache: CredentialCache
  readonly checkPassword: PasswordCheck
}

function createCheck({ directory, cache, checkPassword }: CheckParts) {
  return async ({ user, password }: Credentials, key: string): Promise<Verdict> => {
    if (cache.get(key) === 'right') return 'right'
    const passwordHash = directory.find(user)?.passwordHash
    const verdict = isToken(password)
      ? 'wrong'
      : await checkPassword(passwordHash, password, directory.replaceHash)
    if (verdict === 'busy') return verdict
    // What is true of a hash that has changed meanwhile is no longer true of the user.
    if (directory.find(user)?.passwordHash !== passwordHash) return 'wrong'
    cache.set(key, verdict)
    return verdict
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

/** Answers that are counted and logged. A user name is what somebody wrote, so it is cut. */
function createRefusals(
  sampledLog: SampledLog,
  { user, address, foreignOrigin }: Place & { user: string },
) {
  const origin = foreignOrigin && { origin: foreignOrigin.slice(0, 100) }
  const fields = { user: user.slice(0, 64), address, ...origin }
  return {
    wrong: (): SignInResult => {
      sampledLog.warn('sign-in-refused', fields, 'a wrong user, password or token was given')
      return { refused: 'wrong' }
    },
    throttled: (waitMs: number): SignInResult => {
      const retryAfterSeconds = Math.ceil(waitMs / 1000)
      const text = 'too many wrong passwords were given'
      sampledLog.warn('sign-in-throttled', { ...fields, retryAfterSeconds }, text)
      return { refused: 'throttled', retryAfterSeconds }
    },
    busy: (): SignInResult => {
      sampledLog.warn('sign-in-busy', fields, 'too many passwords wait to be checked')
      return { refused: 'busy', retryAfterSeconds: busySeconds }
    },
  }
}
