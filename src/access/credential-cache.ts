import { createHmac, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
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
  const { entries: max, lifeMs: ttl, now } = options
  const secret = randomBytes(32)
  const set = { max, ttl, ttlResolution: 0, perf: { now } }
  const right = new LRUCache<string, true>(set)
  const wrong = new LRUCache<string, true>({ ...set, updateAgeOnGet: true })
  return {
    // A length in front keeps `a` + `bc` and `ab` + `c` apart.
    keyOf: ({ user, password }) =>
      createHmac('sha256', secret).update(`${user.length}:${user}${password}`).digest('base64'),
    get: (key) => {
      if (right.get(key)) return 'right'
      return wrong.get(key) ? 'wrong' : undefined
    },
    set: (key, verdict) => {
      const verdicts = verdict === 'right' ? right : wrong
      verdicts.set(key, true)
    },
    clear: () => {
      right.clear()
      wrong.clear()
    },
  }
}
