import type { Aedes, Client } from 'aedes'

/** Counts the subscriptions of each client. */
export interface SubscriptionQuota {
  /** Whether `client` may have `filter` besides those it has; then it counts. */
  take(client: Client, filter: string): boolean
}

/** At most `limit` different filters a client, over all its packets. */
export function createSubscriptionQuota(limit: number): SubscriptionQuota & {
  /** Gives back what clients of this broker unsubscribe from. */
  follow(aedes: Aedes): void
} {
  const filtersOf = new WeakMap<Client, Set<string>>()
  return {
    take: (client, filter) => {
      const filters = filtersOf.get(client) ?? new Set()
      filtersOf.set(client, filters)
      if (!filters.has(filter) && filters.size >= limit) return false
      filters.add(filter)
      return true
    },
    follow: (aedes) => {
      aedes.on('unsubscribe', (filters, client) => {
        for (const filter of filters) filtersOf.get(client)?.delete(filter)
      })
    },
  }
}
