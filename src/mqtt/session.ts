import { lowerQos, type Message, type Qos, type Receivers } from '../core/message.ts'
import { switchesActuator } from '../core/switching.ts'
import type { Handing } from '../core/trace.ts'
import type { Journal } from '../store/journal.ts'
import type { SendingAs, SessionConnection } from './client-output.ts'
import { type ClientRights, type Clients, partsOf } from './clients.ts'
import type { BusListener, Carried, Listening } from './embedded-bus.ts'
import type { KeptMessage } from './message-record.ts'
import { packetTypes } from './packet.ts'
import { isShare, type SubscribedFilter, shareOf } from './read-packets.ts'
import { Losses, SessionJournal, type StoredSession } from './session-journal.ts'
import { type Delivery, type QueueLimits, type Sending, SessionQueue } from './session-queue.ts'
import {
  type Grant,
  type Member,
  plainGrant,
  ranks,
  type ShareGroups,
  type SubscriptionQuota,
  Subscriptions,
} from './subscriptions.ts'
import { hasExpired, type Published } from './write-packets.ts'

/** A message that is not to arrive any more. */
export interface Recalled {
  readonly topic: string
  readonly qos: Qos
  /** When it was sent, by the clock of the broker. */
  readonly sentAtMs: number
  /** Whether it was for this client, and others only saw it. */
  isFor(name: string): boolean
}

/** A session as it begins, of the client `name`. */
export interface BegunSession {
  readonly name: string
  /** For how long it is kept without its client; 0 is not at all. */
  readonly expirySeconds: number
  /** With what it goes on. */
  readonly stored?: StoredSession
}

/** What all sessions need of the broker. */
export interface SessionContext {
  readonly bus: Listening
  readonly clients: Clients
  readonly groups: ShareGroups
  readonly quota: SubscriptionQuota
  readonly journal: Journal
  readonly limits: QueueLimits
  /** What all queues hold together. */
  readonly usage: { bytes: number }
  /** A live message goes to the client `name`. */
  onHanded(name: string, handing: Handing): void
  /** A message waits in the queue of `session` now. */
  onKept(session: MqttSession): void
  /** A message for the client `name` was given up before it acknowledged it. */
  onDropped(name: string, message: KeptMessage): void
}

/**
 * What a client and the hub owe each other [MQTT-4.1], while the client is there and while it is away: it
 * subscribes in its place, and what is above QoS 0 goes through its queue. So a message is matched once, keeps
 * its place, and is neither lost nor sent twice.
 */
export class MqttSession implements Member {
  readonly name: string
  readonly subscriptions: Subscriptions
  readonly queue: SessionQueue
  readonly losses: Losses
  readonly isKept: boolean
  readonly #context: SessionContext
  readonly #journal: SessionJournal
  readonly #listener: BusListener
  /** Who hears that a message was acknowledged, by its id. */
  readonly #receivers = new Map<number, Receivers>()
  /** The ids of QoS 2 messages of the client whose PUBREL is awaited [MQTT-4.3.3-2]. */
  readonly #incoming = new Set<number>()
  #expirySeconds: number
  #connection: SessionConnection | undefined
  #rights: ClientRights | undefined
  /** Of the clients, when the rights were looked up. */
  #edition: unknown
  /** From the return of the client until it has everything that waited. */
  #isReplay = false

  constructor({ name, expirySeconds, stored }: BegunSession, context: SessionContext) {
    this.name = name
    this.isKept = expirySeconds > 0
    this.#expirySeconds = expirySeconds
    this.#context = context
    const journal = this.isKept ? context.journal : undefined
    this.#journal = new SessionJournal(journal, name, stored?.messages)
    this.subscriptions = new Subscriptions(context.quota, partsOf(name))
    this.losses = new Losses(name, this.#journal)
    const onDropped = (message: KeptMessage) => {
      this.losses.add()
      context.onDropped(name, message)
    }
    const { limits, usage } = context
    this.queue = new SessionQueue({ limits, usage, onDropped, journal: this.#journal }, this.isKept)
    this.#listener = ({ properties }) => properties && this.#receive(properties)
  }

  get connection(): SessionConnection | undefined {
    return this.#connection
  }

  /** For how long it is kept without its client. */
  get expirySeconds(): number {
    return this.#expirySeconds
  }

  /** What the client may do, as of now; undefined when its user is gone. */
  get rights(): ClientRights | undefined {
    const { clients } = this.#context
    if (this.#edition !== clients.edition) {
      this.#edition = clients.edition
      this.#rights = clients.rightsOf(this.name)
    }
    return this.#rights
  }

  // --- the client comes and goes ---

  /** The client is here; what waits for it goes out by `flow`, when it has its CONNACK. */
  attach(connection: SessionConnection, expirySeconds: number): void {
    this.#connection = connection
    this.setExpiry(expirySeconds)
    this.queue.resume(connection.receiveMaximum)
    this.#isReplay = true
  }

  /** The client wants it to be kept for so long. */
  setExpiry(seconds: number): void {
    this.#expirySeconds = seconds
    this.#journal.here(seconds)
  }

  /** `connection` has ended; returns whether the client is gone with it. */
  detach(connection: SessionConnection): boolean {
    if (this.#connection !== connection) return false
    this.#connection = undefined
    this.#receivers.clear()
    this.#journal.away(0, this.#expirySeconds)
    for (const delivery of this.queue.takeShared()) {
      const isTaken = delivery.group?.passOn(delivery, this) === true
      if (!isTaken && this.isKept) this.queue.add(delivery)
    }
    // A command that was not acknowledged is not given tomorrow for today's button.
    this.queue.leave(({ topic }) => !switchesActuator(topic))
    return true
  }

  /** Takes over what an earlier hub has noted. A client that was there to its end is away from now on. */
  restore(stored: StoredSession): void {
    const { awayMs, messages, lastId, unreleased, subscriptions } = stored
    this.losses.restore(stored.dropped)
    if (awayMs === 0) this.#journal.away(0, this.#expirySeconds)
    for (const id of unreleased) this.#incoming.add(id)
    for (const subscription of subscriptions) {
      this.subscriptions.set(subscription)
      this.#listen(subscription.filter)
    }
    this.queue.restore(messages, lastId)
  }

  /** Forgets everything: the session is over. */
  end(): void {
    for (const { filter } of this.subscriptions.all()) this.unsubscribe(filter)
    for (const id of this.#incoming) this.released(id)
    this.queue.clear()
    this.losses.forget()
    this.#journal.ended()
  }

  // --- what the client subscribes to ---

  /** In place of the one to the same filter; returns whether there was none. */
  subscribe(subscription: SubscribedFilter): boolean {
    const { filter } = subscription
    const isNew = this.subscriptions.set(subscription)
    this.#journal.subscribed(subscription, isNew)
    if (isNew) this.#listen(filter)
    this.#tellLosses()
    return isNew
  }

  /** Returns whether there was such a subscription. */
  unsubscribe(filter: string): boolean {
    if (!this.subscriptions.delete(filter)) return false
    this.#journal.unsubscribed(filter)
    const share = shareOf(filter)
    if (share === undefined) this.#context.bus.removeListener(filter, this.#listener)
    else this.#context.groups.leave(filter, share, this)
    return true
  }

  #listen(filter: string): void {
    const share = shareOf(filter)
    if (share === undefined) this.#context.bus.on(filter, this.#listener)
    else if (isShare(share)) this.#context.groups.join(filter, share, this)
  }

  // --- messages for the client ---

  /** A live message, once however many subscriptions match it. */
  #receive(carried: Carried): void {
    const { message } = carried
    const grant = this.subscriptions.grantFor(message, this.name)
    if (grant === undefined || !this.mayHave(message)) return
    if (grant.qos === 0) {
      if (this.#connection === undefined) return
      carried.isTaken = true
      this.sendNow(carried, grant)
      return
    }
    if (this.#connection === undefined && !this.#mayWait(message)) return
    carried.isTaken = true
    message.receivers?.owes(this.name)
    if (this.isKept || !this.#pass(carried, grant)) this.keep({ message: carried.kept(), grant })
    else this.#handed()
  }

  /** A command is not stored for the absent. */
  #mayWait({ topic }: Pick<Message, 'topic'>): boolean {
    return this.isKept && !switchesActuator(topic)
  }

  /** Whether the client may have a message now. */
  mayHave({ topic, client }: Pick<Message, 'topic' | 'client'>): boolean {
    // As Mosquitto has it: two brokers that pass everything on would else do so for ever.
    if (client === this.name && this.#connection?.isBridge === true) return false
    return this.rights?.mayRead(topic) === true
  }

  sendNow(carried: Carried, grant: Grant): void {
    this.#handed()
    this.#connection?.send(carried, grant, atMostOnce)
  }

  #handed(): void {
    const connection = this.#connection
    const isBehind = connection?.isBehind === true
    this.#context.onHanded(this.name, isBehind ? 'behind' : connection ? 'sent' : 'waits')
  }

  /** Sends what is not kept past the queue; returns false when it has to wait for its turn. */
  #pass(message: Published, grant: Grant): boolean {
    const connection = this.#connection
    if (connection === undefined || !this.queue.hasRoom) return false
    const id = this.queue.pass(grant.qos)
    const isSent = connection.send(message, grant, { id, isAgain: false, isKept: this.isKept })
    if (isSent) this.#expect(id, message)
    else this.queue.giveUp(id)
    return true
  }

  #expect(id: number, { receivers }: Published): void {
    if (receivers !== undefined) this.#receivers.set(id, receivers)
  }

  /** Lets a message wait for its turn, and for the client if it is away. */
  keep(delivery: Delivery): void {
    this.#handed()
    this.queue.add(delivery)
    this.flow()
    this.#context.onKept(this)
  }

  /** Sends a retained value, once; returns whether it could be sent now. */
  sendRetained(message: KeptMessage, grant: Grant): boolean {
    if (grant.qos > 0) return this.#pass(message, grant)
    this.#connection?.send(message, grant, atMostOnce)
    return true
  }

  /**
   * A message is not to arrive any more: here it does not wait for its turn, and if nothing at all has come of the
   * client since, it may wait in the buffer of a dead wire, which is reset. A client that will not acknowledge it
   * may only have nothing to say, unless it is the one that it was for.
   */
  recall({ topic, qos, sentAtMs, isFor }: Recalled): void {
    this.queue.recall(topic)
    const connection = this.#connection
    if (connection === undefined || connection.lastByteAtMs > sentAtMs) return
    const taken = this.subscriptions.qosOn(topic)
    if (taken === undefined) return
    if (lowerQos(taken, qos) > 0 || isFor(this.name)) connection.reset()
  }

  #tellLosses(): void {
    const message = this.#connection && this.losses.takeFor(this.subscriptions.all())
    if (message !== undefined) this.#connection?.send(message, plainGrant(0, false), atMostOnce)
  }

  /** Sends what may be sent now. */
  flow(): void {
    const connection = this.#connection
    if (this.#isReplay) this.#tellLosses()
    // It may end by what it is sent.
    while (connection !== undefined && connection === this.#connection) {
      if (this.#isReplay && !connection.hasReplayRoom()) return
      const next = this.queue.next()
      if (next === undefined) {
        this.#isReplay = false
        return
      }
      this.#send(connection, next)
    }
  }

  #send(connection: SessionConnection, { id, delivery, isAgain }: Sending): void {
    if (delivery === undefined) {
      connection.sendRelease(id)
      return
    }
    const { message, grant } = delivery
    const isWanted = this.mayHave(message) && !hasExpired(message)
    const as = { id, isAgain, isKept: this.isKept }
    const told = isWanted && connection.hasProperties ? this.losses.tellWith(message) : message
    if (isWanted && connection.send(told, grant, as)) this.#expect(id, message)
    else this.queue.giveUp(id)
  }

  /**
   * The client has said PUBACK, PUBREC or PUBCOMP. Returns whether that was awaited.
   *
   * @throws PacketFault
   */
  acknowledged(type: number, id: number, isRefused: boolean): boolean {
    const isAwaited = this.queue.acknowledged(type, id, isRefused)
    if (this.#receivers.size > 0 && isAwaited) {
      if (!isRefused) this.#receivers.get(id)?.has(this.name)
      this.#receivers.delete(id)
    }
    // [MQTT-4.3.3-4] PUBREL follows, also to what nobody remembers.
    if (type === packetTypes.pubrec && !isRefused) this.#connection?.sendRelease(id)
    this.flow()
    return isAwaited
  }

  // --- as a member of groups ---

  rankFor(topic: string): number | undefined {
    if (this.rights?.mayRead(topic) !== true) return undefined
    const connection = this.#connection
    if (connection === undefined) return this.isKept ? ranks.isAway : undefined
    return this.queue.hasRoom && !connection.isBehind ? ranks.hasRoom : ranks.isThere
  }

  subscriptionTo(filter: string): SubscribedFilter | undefined {
    return this.subscriptions.get(filter)
  }

  // --- QoS 2 messages of the client ---

  /** How many have not been released. */
  get openMessages(): number {
    return this.#incoming.size
  }

  /** Whether a message came before. */
  hasOpen(id: number): boolean {
    return this.#incoming.has(id)
  }

  arrived(id: number): void {
    this.#incoming.add(id)
    this.#journal.unreleased(id)
  }

  /** PUBREL came; returns whether its message had. */
  released(id: number): boolean {
    if (!this.#incoming.delete(id)) return false
    this.#journal.released(id)
    return true
  }
}

const atMostOnce: SendingAs = { id: 0, isAgain: false, isKept: false }
