import { FilterTree } from '../bus/filter-tree.ts'
import { ShareQuota } from '../core/equal-share.ts'
import { asQos, lowerQos, type Message, type Qos } from '../core/message.ts'
import { switchesActuator } from '../core/switching.ts'
import type { Config } from '../generated/config.ts'
import { partsOf } from './clients.ts'
import type { BusListener, Carried, Listening } from './embedded-bus.ts'
import type { Share, SubscribedFilter } from './read-packets.ts'
import type { Delivery } from './session-queue.ts'

export type SubscriptionLimits = Readonly<
  Pick<Config['limits']['mqtt'], 'subscriptions' | 'totalSubscriptions'>
>

/** Whose filters they are. */
type Client = ReturnType<typeof partsOf>

/** Counts the filters of all clients: each user has an equal share, and each client of that user's. */
export class SubscriptionQuota {
  readonly #limits: SubscriptionLimits
  readonly #ofUsers: ShareQuota
  /** Of them, those that are shared. */
  shared = 0

  constructor(limits: SubscriptionLimits) {
    this.#limits = limits
    this.#ofUsers = new ShareQuota(limits.totalSubscriptions)
  }

  get total(): number {
    return this.#ofUsers.total
  }

  /** Whether a client that has `own` filters may have one more. */
  hasRoom(own: number, { user, clientId }: Client): boolean {
    return own < this.#limits.subscriptions && this.#ofUsers.hasRoomFor(user, clientId)
  }

  count({ user, clientId }: Client, change: number): void {
    this.#ofUsers.count(user, change, clientId)
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
  readonly #client: Client
  readonly #all = new Map<string, SubscribedFilter>()
  /** Those with wildcards. */
  #patterns: FilterTree<SubscribedFilter> | undefined
  /** How many there are at each QoS. */
  readonly #atQos = { 0: 0, 1: 0, 2: 0 }
  /** How many have options that matter to each message. */
  #special = 0

  constructor(quota: SubscriptionQuota, client: Client) {
    this.#quota = quota
    this.#client = client
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
    return this.#all.has(filter) || this.#quota.hasRoom(this.#all.size, this.#client)
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
    // Of each receiver as little is looked at as can be.
    if (this.#special === 0 && (qos === 0 || this.#areAllAt(qos))) return plainGrant(qos, false)
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
  #areAllAt(qos: 1 | 2): boolean {
    const { 0: atMostOnce, 1: atLeastOnce } = this.#atQos
    return atMostOnce + (qos === 2 ? atLeastOnce : 0) === 0
  }

  #matching(topic: string): SubscribedFilter[] {
    const found = this.#patterns?.match(topic) ?? []
    const exact = this.#all.get(topic)
    if (exact !== undefined) found.unshift(exact)
    return found
  }

  #count({ filter, qos, ...options }: SubscribedFilter, change: number): void {
    this.#quota.count(this.#client, change)
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

// --- shared by several clients ---

/** How well a member can take a message now: the lowest comes first. */
export const ranks = { hasRoom: 0, isThere: 1, isAway: 2 } as const

/** A session that shares a subscription with others. */
export interface Member {
  readonly name: string
  /** How well it can take a message on `topic` now; undefined when it may not have it. */
  rankFor(topic: string): number | undefined
  /** Its subscription to the filter of the group. */
  subscriptionTo(filter: string): SubscribedFilter | undefined
  /** Sends a message at QoS 0. */
  sendNow(carried: Carried, grant: Grant): void
  /** Lets a message above QoS 0 wait for its turn. */
  keep(delivery: Delivery): void
}

/** Users who may share subscriptions with each other, group by group. */
export type SharedGroups = readonly { readonly group: string; readonly users: readonly string[] }[]

/** Shared subscriptions [MQTT 5, 4.8.2], in 3.1.1 as well: each message goes to one member of a group. */
export class ShareGroups {
  readonly #groups = new Map<string, ShareGroup>()
  readonly #bus: Listening
  readonly #shared: SharedGroups

  constructor(bus: Listening, shared: SharedGroups) {
    this.#bus = bus
    this.#shared = shared
  }

  /** `filter` is the whole of it, as the member has subscribed to it. */
  join(filter: string, share: Share, member: Member): void {
    const key = this.#keyOf(filter, share, member)
    const group = this.#groups.get(key) ?? new ShareGroup(filter, share.filter, this.#bus)
    this.#groups.set(key, group)
    group.join(member)
  }

  leave(filter: string, share: Share, member: Member): void {
    const key = this.#keyOf(filter, share, member)
    const group = this.#groups.get(key)
    if (group?.leave(member) === true) this.#groups.delete(key)
  }

  /** A group is one of its user, or else anybody could take the messages of others by joining it. */
  #keyOf(filter: string, { group }: Share, { name }: Member): string {
    const { user } = partsOf(name)
    const isShared = this.#shared.some((one) => one.group === group && one.users.includes(user))
    // No name of a user holds a colon.
    return isShared ? `:${filter}` : `${user}:${filter}`
  }
}

/** Those who share one filter. */
export class ShareGroup {
  readonly #filter: string
  readonly #inner: string
  readonly #bus: Listening
  readonly #listener: BusListener
  readonly #members: Member[] = []
  /** Who comes next, of those who can take a message equally well. */
  #turn = 0

  constructor(filter: string, inner: string, bus: Listening) {
    this.#filter = filter
    this.#inner = inner
    this.#bus = bus
    this.#listener = ({ properties }) => properties && this.#receive(properties)
    bus.on(inner, this.#listener)
  }

  join(member: Member): void {
    this.#members.push(member)
  }

  /** Returns whether nobody is left. */
  leave(member: Member): boolean {
    const at = this.#members.indexOf(member)
    if (at >= 0) this.#members.splice(at, 1)
    if (this.#members.length > 0) return false
    this.#bus.removeListener(this.#inner, this.#listener)
    return true
  }

  /**
   * Gives what `from` has not acknowledged to another member that is there; returns whether there is one.
   */
  passOn({ message }: Delivery, from: Member): boolean {
    const member = this.#choose(message, from)
    if (member === undefined || !this.#isThere(member, message.topic)) return false
    const grant = this.#grantFor(member, message)
    if (grant === undefined || grant.qos === 0) return false
    member.keep({ message, grant, group: this })
    return true
  }

  #receive(carried: Carried): void {
    const { message } = carried
    const member = this.#choose(message)
    const grant = member && this.#grantFor(member, message)
    if (member === undefined || grant === undefined) return
    const isThere = this.#isThere(member, message.topic)
    // A command is for now: nobody is given it tomorrow.
    if (!isThere && (grant.qos === 0 || switchesActuator(message.topic))) return
    carried.isTaken = true
    if (grant.qos === 0) member.sendNow(carried, grant)
    else member.keep({ message: carried.kept(), grant, group: this })
  }

  #grantFor(member: Member, message: GrantedMessage): Grant | undefined {
    const subscription = member.subscriptionTo(this.#filter)
    return subscription && grantOf(subscription, message)
  }

  #isThere(member: Member, topic: string): boolean {
    return member.rankFor(topic) !== ranks.isAway
  }

  /** Who can take a message best, in turn. */
  #choose({ topic }: Pick<Message, 'topic'>, except?: Member): Member | undefined {
    const { length } = this.#members
    let best: Member | undefined
    let bestRank = Number.POSITIVE_INFINITY
    let bestAt = 0
    for (let step = 0; step < length; step++) {
      const at = (this.#turn + step) % length
      const member = this.#members[at]
      const rank = member === except ? undefined : member?.rankFor(topic)
      if (rank === undefined || rank >= bestRank) continue
      best = member
      bestRank = rank
      bestAt = at
      if (rank === ranks.hasRoom) break
    }
    if (best !== undefined) this.#turn = bestAt + 1
    return best
  }
}

type GrantedMessage = Pick<Message, 'topic' | 'qos' | 'retain' | 'client'>
