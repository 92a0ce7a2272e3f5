import { Readable } from 'node:stream'
import type { AedesPublishPacket, Client, PublishPacket, PubrelPacket, Subscription } from 'aedes'
import MemoryPersistence from 'aedes-persistence/asyncPersistence.js'
import type { SampledLog } from '../core/sampled-log.ts'
import { switchesActuator } from '../core/topic.ts'
import type { ClientRights } from './client-rights.ts'
import { KeptSubscriptions } from './kept-subscriptions.ts'
import { ownCopy } from './own-copy.ts'
import { lowerQos, type Qos } from './qos.ts'
import type { RetainedValues } from './retained-values.ts'
import type { SessionRecords, StoredSession } from './session-records.ts'
import type { Sessions } from './sessions.ts'

export interface SessionStoreOptions {
  readonly sessions: Pick<Sessions, 'get' | 'keep'>
  readonly retained: RetainedValues
  /** The subscriptions that clients may have. */
  readonly granted: WeakSet<Subscription>
  readonly sampledLog: SampledLog
  readonly records: Pick<SessionRecords, 'subscribed' | 'unsubscribed'>
  /** Nothing is kept for a client that it may not read. */
  readonly rights: Pick<ClientRights, 'of'>
}

/** A kept session that a message is for, and the QoS of its subscription. */
interface Subscriber {
  readonly clientId: string
  readonly qos: Qos
}

/** Of whom something is kept; Aedes hands over whole clients, and fragments of them. */
type Owner = Pick<Client, 'id'>

/**
 * Tells the sessions what Aedes wants to be kept, and keeps the subscriptions. Aedes asks for nothing
 * back: what waits for a client, and what is retained, goes out without it.
 */
export class SessionStore extends MemoryPersistence {
  readonly #options: SessionStoreOptions
  readonly #subscriptions = new KeptSubscriptions()
  /** How many filters of a packet have been looked at. */
  readonly #lookedAt = new WeakMap<readonly Subscription[], number>()

  constructor(options: SessionStoreOptions) {
    super()
    this.#options = options
  }

  // --- subscriptions ---

  /**
   * Aedes hands over all filters of a packet, once for each that is granted and in their order: what was
   * looked at before is not looked at again.
   */
  override async addSubscriptions({ id }: Owner, subscriptions: Subscription[]) {
    const { granted } = this.#options
    const isGranted = (at: number) => {
      const subscription = subscriptions[at]
      return subscription !== undefined && granted.delete(subscription) ? subscription : undefined
    }
    let at = this.#lookedAt.get(subscriptions) ?? 0
    let next = isGranted(at)
    while (next === undefined && at < subscriptions.length) next = isGranted(++at)
    for (; next !== undefined; next = isGranted(++at)) this.#subscribe(id, next)
    if (at < subscriptions.length) this.#lookedAt.set(subscriptions, at)
    else this.#lookedAt.delete(subscriptions)
  }

  #subscribe(clientId: string, subscription: Subscription): void {
    const isNew = this.#subscriptions.add({ ...subscription, clientId })
    this.#options.records.subscribed(clientId, subscription, isNew)
  }

  override async removeSubscriptions({ id }: Owner, filters: string[]) {
    for (const filter of filters) {
      // Anybody may unsubscribe from what they never subscribed to.
      if (this.#subscriptions.remove(id, filter)) this.#options.records.unsubscribed(id, filter)
    }
  }

  override async cleanSubscriptions({ id }: Owner) {
    const own = this.#subscriptions.of(id)
    await this.removeSubscriptions(
      { id },
      own.map(({ topic }) => topic),
    )
  }

  override async subscriptionsByClient({ id }: Owner) {
    return this.#subscriptions.of(id).map(({ clientId, ...subscription }) => subscription)
  }

  override getClientList(filter: string): Readable {
    return Readable.from(this.#subscriptions.clientsOf(filter))
  }

  override async countOffline() {
    return this.#subscriptions.counts
  }

  /** Takes over the subscriptions of a session of an earlier hub, which has noted them. */
  restore({ clientId, subscriptions }: StoredSession): void {
    for (const { topic, qos } of subscriptions) this.#subscriptions.add({ clientId, topic, qos })
  }

  /** The kept sessions that a message is to be stored for. A command is not stored for the absent. */
  override async subscriptionsByTopic(topic: string) {
    const subscriptions = this.#subscriptions.matching(topic)
    const { sessions, rights } = this.#options
    const isForThere = switchesActuator(topic)
    return subscriptions.filter(
      ({ clientId }) =>
        rights.of(clientId)?.mayRead(topic) &&
        (!isForThere || sessions.get(clientId)?.isClientThere),
    )
  }

  // --- retained values ---

  /** A value past the limits reaches who is there, and nobody else. */
  override async storeRetained(packet: AedesPublishPacket) {
    const { retained, sampledLog } = this.#options
    if (retained.store(packet)) return
    const fields = { topic: packet.topic, bytes: packet.payload.length }
    sampledLog.warn('retained-refused', fields, 'a value was not retained')
  }

  override createRetainedStreamCombi(): Readable {
    return Readable.from([])
  }

  // --- messages to clients ---

  override async outgoingEnqueueCombi(
    subscribers: readonly Subscriber[],
    packet: AedesPublishPacket,
  ) {
    if (subscribers.length === 0) return
    // [MQTT-3.3.5-1] Of several subscriptions of a client the highest QoS counts.
    const qosOf = new Map<string, Qos>()
    for (const { clientId, qos } of subscribers) {
      if (qos > (qosOf.get(clientId) ?? 0)) qosOf.set(clientId, qos)
    }
    const copy = ownCopy(packet)
    for (const [clientId, granted] of qosOf) {
      const qos = lowerQos(granted, packet.qos)
      // [MQTT-3.3.1-9] Only values from before a subscription carry the retain flag.
      this.#options.sessions.keep(clientId, { ...copy, qos, retain: false })
    }
  }

  /** PUBREC came. */
  override async outgoingUpdate({ id }: Owner, { messageId = 0 }: PubrelPacket) {
    this.#options.sessions.get(id)?.outgoing.arrived(messageId)
  }

  /** PUBACK or PUBCOMP came. */
  override async outgoingClearMessageId({ id }: Owner, { messageId = 0 }: { messageId?: number }) {
    this.#options.sessions.get(id)?.outgoing.acknowledged(messageId)
  }

  override outgoingStream(): Readable {
    return Readable.from([])
  }

  // --- messages from clients at QoS 2 ---

  /**
   * Aedes asks, and rejection says that it is new. It is noted at once: Aedes deals with what came
   * together side by side, and would ask again for a duplicate before it stores the first.
   */
  override async incomingGetPacket({ id }: Owner, packet: PublishPacket | PubrelPacket) {
    const { cmd, messageId = 0 } = packet
    if (cmd === 'pubrel' || this.#options.sessions.get(id)?.incoming.arrived(messageId))
      return packet
    throw new Error('expected a message that came before')
  }

  override async incomingStorePacket() {}

  override async incomingDelPacket({ id }: Owner, { messageId = 0 }: PubrelPacket) {
    this.#options.sessions.get(id)?.incoming.released(messageId)
  }
}
