import { asQos, lowerQos, type Message, type Qos } from '../core/message.ts'
import type { Config } from '../generated/config.ts'
import { FilterTree } from './filter-tree.ts'
import type { SubscribedFilter } from './read-packets.ts'

export type SubscriptionLimits = Readonly<
  Pick<Config['limits']['mqtt'], 'subscriptions' | 'totalSubscriptions'>
>

/** Counts the filters of all clients. Once there are too many, those users may have more who have less than an equal share. */
export class SubscriptionQuota {
  readonly #limits: SubscriptionLimits
  readonly #ofUser = new Map<string, number>()
  total = 0
  /** Of them, those that are shared. */
  shared = 0

  constructor(limits: SubscriptionLimits) {
    this.#limits = limits
  }

  /** Whether a client of `user` that has `own` filters may have one more. */
  hasRoom(own: number, user: string): boolean {
    const { subscriptions, totalSubscriptions } = this.#limits
    if (own >= subscriptions) return false
    if (this.total < totalSubscriptions) return true
    const ofUser = this.#ofUser.get(user) ?? 0
    return ofUser < totalSubscriptions / (this.#ofUser.size + 1)
  }

  count(user: string, change: number): void {
    this.total += change
    const ofUser = (this.#ofUser.get(user) ?? 0) + change
    if (ofUser > 0) this.#ofUser.set(user, ofUser)
    else this.#ofUser.delete(user)
  }
}

/** How a client gets a message. */
export interface Grant {
  readonly qos: Qos
  /** Whether the retain flag stays. */
  readonly retain: boolean
  /** Of all subscriptions that match [MQTT-3.3.4-4]. */
  readonly identifiers?: readonly number[]
}

const grants = { 0: both(0), 1: both(1), 2: both(2) }

function both(qos: Qos): { readonly plain: Grant; readonly retained: Grant } {
  return { plain: { qos, retain: false }, retained: { qos, retain: true } }
}

/** The grant without identifiers: the same object for all. */
export function plainGrant(qos: Qos, retain: boolean): Grant {
  return retain ? grants[qos].retained : grants[qos].plain
}

/** What decides how a message is granted. */
type Granted = Pick<Message, 'topic' | 'qos' | 'retain' | 'client'>

/** By one subscription alone. */
export function grantOf(subscription: SubscribedFilter, { qos, retain }: Granted): Grant {
  const grant = plainGrant(lowerQos(qos, subscription.qos), retain && subscription.asPublished)
  const { identifier } = subscription
  return identifier === undefined ? grant : { ...grant, identifiers: [identifier] }
}

/** The subscriptions of one client. */
export class Subscriptions {
  readonly #quota: SubscriptionQuota
  readonly #user: string
  readonly #all = new Map<string, SubscribedFilter>()
  /** Those with wildcards. */
  #patterns: FilterTree<SubscribedFilter> | undefined
  /** How many there are at each QoS. */
  readonly #atQos = { 0: 0, 1: 0, 2: 0 }
  /** How many have options that matter to each message. */
  #special = 0

  /** `user` is whose client it is. */
  constructor(quota: SubscriptionQuota, user: string) {
    this.#quota = quota
    this.#user = user
  }

  get size(): number {
    return this.#all.size
  }

  get(filter: string): SubscribedFilter | undefined {
    return this.#all.get(filter)
  }

  all(): SubscribedFilter[] {
    return [...this.#all.values()]
  }

  /** Whether the client may have `filter`: it has it already, or there is room for one more. */
  hasRoomFor(filter: string): boolean {
    return this.#all.has(filter) || this.#quota.hasRoom(this.#all.size, this.#user)
  }

  /** In place of the one to the same filter; returns whether there was none. */
  set(subscription: SubscribedFilter): boolean {
    const { filter } = subscription
    const isNew = !this.delete(filter)
    this.#all.set(filter, subscription)
    this.#count(subscription, 1)
    if (isPattern(filter)) {
      this.#patterns ??= new FilterTree()
      this.#patterns.add(filter, subscription)
    }
    return isNew
  }

  /** Returns whether there was one. */
  delete(filter: string): boolean {
    const subscription = this.#all.get(filter)
    if (subscription === undefined) return false
    this.#all.delete(filter)
    this.#count(subscription, -1)
    if (isPattern(filter)) this.#patterns?.remove(filter, subscription)
    return true
  }

  /**
   * How the client `name` gets a message that one or more of these match, once however many do: at the
   * highest QoS of them [MQTT-3.3.5-1]. Undefined when it is its own, and it wants none of those.
   */
  grantFor(message: Granted, name: string): Grant | undefined {
    const { qos } = message
    if (this.#special === 0 && this.#areAllAt(qos)) return plainGrant(qos, false)
    const matching = this.#matching(message.topic).filter(
      ({ noLocal }) => !noLocal || message.client !== name,
    )
    if (matching.length === 0) return undefined
    const granted = asQos(Math.max(...matching.map((one) => one.qos)))
    const retain = message.retain && matching.some(({ asPublished }) => asPublished)
    const identifiers = matching.flatMap(({ identifier }) => identifier ?? [])
    const grant = plainGrant(lowerQos(granted, qos), retain)
    return identifiers.length === 0 ? grant : { ...grant, identifiers }
  }

  /** The highest QoS at which messages on `topic` come; undefined when none do. */
  qosOn(topic: string): Qos | undefined {
    const qos = this.#matching(topic).map((one) => one.qos)
    return qos.length === 0 ? undefined : asQos(Math.max(...qos))
  }

  /** Whether no subscription makes the QoS of a message lower. */
  #areAllAt(qos: Qos): boolean {
    const { 0: atMostOnce, 1: atLeastOnce } = this.#atQos
    return qos === 0 || atMostOnce + (qos === 2 ? atLeastOnce : 0) === 0
  }

  #matching(topic: string): SubscribedFilter[] {
    const found = this.#patterns?.match(topic) ?? []
    const exact = this.#all.get(topic)
    if (exact !== undefined) found.unshift(exact)
    return found
  }

  #count({ filter, qos, ...options }: SubscribedFilter, change: number): void {
    this.#quota.count(this.#user, change)
    if (isShared(filter)) {
      this.#quota.shared += change
      return
    }
    this.#atQos[qos] += change
    const { noLocal, asPublished, identifier } = options
    if (noLocal || asPublished || identifier !== undefined) this.#special += change
  }
}

function isPattern(filter: string): boolean {
  return !isShared(filter) && (filter.endsWith('#') || filter.includes('+'))
}

/** Whether messages come by a group, and not to each of its members. */
function isShared(filter: string): boolean {
  return filter.startsWith('$share/')
}
