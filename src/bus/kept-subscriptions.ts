import type { Subscription } from 'aedes'
import { FilterTree } from './filter-tree.ts'

/** What one kept session subscribed to; the last three are of MQTT 5. */
export type KeptSubscription = { readonly clientId: string } & Readonly<
  Pick<Subscription, 'topic' | 'qos' | 'rh' | 'rap' | 'nl'>
>

/** The subscriptions of the sessions that are kept, by session and by filter. */
export class KeptSubscriptions {
  readonly #ofClient = new Map<string, Map<string, KeptSubscription>>()
  /** Those above QoS 0: for the others nothing is kept. */
  readonly #stored = new FilterTree<KeptSubscription>()
  #storedCount = 0

  /** How many there are above QoS 0, and how many sessions have any. */
  get counts(): { readonly subsCount: number; readonly clientsCount: number } {
    return { subsCount: this.#storedCount, clientsCount: this.#ofClient.size }
  }

  /** In place of the one to the same filter, if there is one; returns whether it is new. */
  add(subscription: KeptSubscription): boolean {
    const { clientId, topic, qos } = subscription
    const before = this.remove(clientId, topic)
    const own = this.#ofClient.get(clientId) ?? new Map<string, KeptSubscription>()
    this.#ofClient.set(clientId, own)
    own.set(topic, subscription)
    if (qos > 0) {
      this.#stored.add(topic, subscription)
      this.#storedCount++
    }
    return !before
  }

  /** Returns whether there was one. */
  remove(clientId: string, filter: string): boolean {
    const own = this.#ofClient.get(clientId)
    const subscription = own?.get(filter)
    if (own === undefined || subscription === undefined) return false
    own.delete(filter)
    if (own.size === 0) this.#ofClient.delete(clientId)
    if (subscription.qos > 0) {
      this.#stored.remove(filter, subscription)
      this.#storedCount--
    }
    return true
  }

  of(clientId: string): KeptSubscription[] {
    return [...(this.#ofClient.get(clientId)?.values() ?? [])]
  }

  /** The sessions with a subscription to just this filter. */
  *clientsOf(filter: string): Generator<string, void, void> {
    for (const [clientId, own] of this.#ofClient) if (own.has(filter)) yield clientId
  }

  /** Those above QoS 0 that match. */
  matching(topic: string): KeptSubscription[] {
    const found = this.#stored.match(topic)
    // [MQTT-4.7.2-1]
    return topic.startsWith('$') ? found.filter((one) => one.topic.startsWith('$')) : found
  }
}
