import { LRUCache } from 'lru-cache'
import { TokenBucket } from '../core/token-bucket.ts'

/** What one address holds at the moment. */
export interface AddressUse {
  readonly address: string
  /** For connections that came to nothing. */
  readonly failures: TokenBucket
  open: number
  unauthenticated: number
}

export interface AddressTableOptions {
  readonly acceptsPerMinute: number
  readonly acceptBurst: number
  readonly now: () => number
}

/** Remembers addresses while they hold connections, and the latest of those that hold none. */
export interface AddressTable {
  of(address: string): AddressUse
  /** To be called whenever a use may have begun or become empty. */
  settle(use: AddressUse): void
  readonly size: number
}

/**
 * How many addresses without a connection keep their rate in mind. An attacker with more networks
 * than this pushes the oldest out, who then start with a full burst.
 */
const maxIdle = 4096

export function createAddressTable(options: AddressTableOptions): AddressTable {
  const { acceptsPerMinute, acceptBurst, now } = options
  const busy = new Map<string, AddressUse>()
  const idle = new LRUCache<string, AddressUse>({ max: maxIdle })
  const create = (address: string) => {
    const failures = new TokenBucket({ perSecond: acceptsPerMinute / 60, burst: acceptBurst, now })
    return { address, failures, open: 0, unauthenticated: 0 }
  }
  return {
    of: (address) => busy.get(address) ?? idle.get(address) ?? create(address),
    settle: (use) => {
      const [from, to] = use.open > 0 ? [idle, busy] : [busy, idle]
      from.delete(use.address)
      to.set(use.address, use)
    },
    get size() {
      return busy.size + idle.size
    },
  }
}
