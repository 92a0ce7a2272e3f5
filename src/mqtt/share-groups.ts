import type { Message } from '../core/message.ts'
import { switchesActuator } from '../core/switching.ts'
import { partsOf } from './clients.ts'
import type { BusListener, Carried, Listening } from './embedded-bus.ts'
import type { Share, SubscribedFilter } from './read-packets.ts'
import type { Delivery } from './session-queue.ts'
import { type Grant, grantOf } from './subscriptions.ts'

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
