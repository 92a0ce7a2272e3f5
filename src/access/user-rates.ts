import { LRUCache } from 'lru-cache'
import { TokenBucket } from '../core/token-bucket.ts'
import type { Config } from '../generated/config.ts'

/** What one user may send, on all connections together. */
export interface UserRate {
  /** Lets a message of the connection whose own rate is `own` through, which counts for both; undefined when it may come now. */
  heldBy(own: Pick<TokenBucket, 'take'>, count?: number): 'user' | 'connection' | undefined
  /** Milliseconds until there is room for a message of the user. */
  waitMs(): number
}

/** The rate of the user of a name, the same for each connection of that user. */
export type UserRates = (name: string) => UserRate

export interface UserRatesOptions {
  readonly limits: Readonly<Config['limits']['users']>
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
}

/** So many users are kept in mind; of more, the one that sent nothing for the longest begins anew. */
const mostUsers = 4096

export function createUserRates({ limits, now }: UserRatesOptions): UserRates {
  const { messagesPerSecond: perSecond, messageBurst: burst } = limits
  const rates = new LRUCache<string, UserRate>({
    max: mostUsers,
    memoMethod: () => rateOf(new TokenBucket({ perSecond, burst, ...(now && { now }) })),
  })
  return (name) => rates.memo(name)
}

function rateOf(bucket: TokenBucket): UserRate {
  return {
    heldBy: (own, count = 1) => {
      if (!bucket.take(count)) return 'user'
      if (own.take(count)) return undefined
      // What waits has not been sent.
      bucket.spend(-count)
      return 'connection'
    },
    waitMs: () => bucket.waitMs(),
  }
}
