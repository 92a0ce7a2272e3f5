import { createHmac, randomBytes } from 'node:crypto'
import type { Credentials } from './basic.ts'

/** What a password check found out a short while ago. */
export type KnownVerdict = 'right' | 'wrong'

export interface CredentialCacheOptions {
  /** How many credentials of each verdict are remembered. */
  readonly entries: number
  readonly lifeMs: number
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

/**
 * Remembers verdicts, so that a client that comes back costs no second hash. Credentials are kept only
 * as an HMAC whose key never leaves the process: a copy of the memory is no list of passwords.
 */
export interface CredentialCache {
  /** Stands for credentials in the other two. */
  keyOf(credentials: Credentials): string
  /**
   * What was found out about these credentials, if that is not too long ago. A wrong one stays known
   * as long as it keeps coming: a device with an old password is no attack.
   */
  get(key: string): KnownVerdict | undefined
  set(key: string, verdict: KnownVerdict): void
  /** To be called whenever a user changes. */
  clear(): void
}

export function createCredentialCache(options: CredentialCacheOptions): CredentialCache {
  const secret = randomBytes(32)
  const right = createExpiringSet(options)
  const wrong = createExpiringSet(options)
  return {
    // A length in front keeps `a` + `bc` and `ab` + `c` apart.
    keyOf: ({ user, password }) =>
      createHmac('sha256', secret).update(`${user.length}:${user}${password}`).digest('base64'),
    get: (key) => {
      if (right.has(key)) return 'right'
      if (!wrong.has(key)) return undefined
      wrong.add(key)
      return 'wrong'
    },
    set: (key, verdict) => {
      const verdicts = verdict === 'right' ? right : wrong
      verdicts.add(key)
    },
    clear: () => {
      right.clear()
      wrong.clear()
    },
  }
}

/** A set that forgets what was added long ago, and the oldest when it is full. */
function createExpiringSet({ entries, lifeMs, now }: CredentialCacheOptions) {
  const addedAtMs = new Map<string, number>()
  return {
    has: (key: string) => now() - (addedAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < lifeMs,
    add: (key: string) => {
      // A map keeps the order of insertion, so the first one is the oldest.
      addedAtMs.delete(key)
      addedAtMs.set(key, now())
      const [oldest] = addedAtMs.keys()
      if (addedAtMs.size > entries && oldest !== undefined) addedAtMs.delete(oldest)
    },
    clear: () => addedAtMs.clear(),
  }
}
