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
  /** To be called whenever a use may have become empty. */
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
  const uses = new Map<string, AddressUse>()
  const idle = new Set<AddressUse>()
  const create = (address: string) => {
    const failures = new TokenBucket({ perSecond: acceptsPerMinute / 60, burst: acceptBurst, now })
    const use = { address, failures, open: 0, unauthenticated: 0 }
    uses.set(address, use)
    return use
  }
  return {
    of: (address) => uses.get(address) ?? create(address),
    settle: (use) => {
      idle.delete(use)
      if (use.open > 0) return
      // A set keeps the order of insertion, so the first one has been idle the longest.
      idle.add(use)
      for (const oldest of idle) {
        if (idle.size <= maxIdle) break
        idle.delete(oldest)
        uses.delete(oldest.address)
      }
    },
    get size() {
      return uses.size
    },
  }
}
