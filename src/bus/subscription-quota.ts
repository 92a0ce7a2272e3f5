import type { Aedes } from 'aedes'
import { FilterTree } from './filter-tree.ts'

export interface SubscriptionLimits {
  /** Filters of one client. */
  readonly subscriptions: number
  /** Filters of all clients, also of those that are away. */
  readonly totalSubscriptions: number
}

/** The filters of one client. */
interface Filters {
  readonly all: Set<string>
  /** Those with wildcards. */
  readonly wildcards: FilterTree<string>
}

/** Counts the filters of clients, by their names, and finds those of one client that match a topic. */
export class SubscriptionQuota {
  readonly #limits: SubscriptionLimits
  readonly #filtersOf = new Map<string, Filters>()
  #total = 0

  constructor(limits: SubscriptionLimits) {
    this.#limits = limits
  }

  /** Whether a client may have `filter`: it has it already, or there is room for one more. */
  hasRoomFor(client: string, filter: string): boolean {
    const filters = this.#filtersOf.get(client)?.all
    if (filters?.has(filter)) return true
    const { subscriptions, totalSubscriptions } = this.#limits
    return (filters?.size ?? 0) < subscriptions && this.#total < totalSubscriptions
  }

  /** The client has `filter`, which counts once. */
  take(client: string, filter: string): void {
    const filters = this.#filtersOf.get(client) ?? this.#add(client)
    if (filters.all.has(filter)) return
    filters.all.add(filter)
    this.#total++
    if (isPattern(filter)) filters.wildcards.add(filter, filter)
  }

  /** The client unsubscribes from what it may never have had. */
  give(client: string, filter: string): void {
    const filters = this.#filtersOf.get(client)
    if (!filters?.all.delete(filter)) return
    this.#total--
    if (isPattern(filter)) filters.wildcards.remove(filter, filter)
    if (filters.all.size === 0) this.#filtersOf.delete(client)
  }

  /** The session of the client is over. */
  end(client: string): void {
    this.#total -= this.#filtersOf.get(client)?.all.size ?? 0
    this.#filtersOf.delete(client)
  }

  /** The filters with wildcards of a client that match `topic`. */
  patternsFor(client: string, topic: string): readonly string[] {
    const found = this.#filtersOf.get(client)?.wildcards.match(topic) ?? []
    // [MQTT-4.7.2-1]
    return topic.startsWith('$') ? found.filter((filter) => filter.startsWith('$')) : found
  }

  /** Gives back what clients of this broker unsubscribe from. */
  follow(aedes: Aedes): void {
    aedes.on('unsubscribe', (filters, { id }) => {
      for (const filter of filters) this.give(id, filter)
    })
  }

  #add(client: string): Filters {
    const filters = { all: new Set<string>(), wildcards: new FilterTree<string>() }
    this.#filtersOf.set(client, filters)
    return filters
  }
}

function isPattern(filter: string): boolean {
  return filter.endsWith('#') || filter.includes('+')
}
