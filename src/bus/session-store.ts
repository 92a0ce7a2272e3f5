import { Readable } from 'node:stream'
import type { AedesPublishPacket, Client, PublishPacket, PubrelPacket, Subscription } from 'aedes'
import MemoryPersistence from 'aedes-persistence/asyncPersistence.js'
import type { SampledLog } from '../core/sampled-log.ts'
import { switchesActuator } from '../core/switching.ts'
import type { ClientRights } from './client-rights.ts'
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

  constructor(options: SessionStoreOptions) {
    super()
    this.#options = options
  }

  // --- subscriptions ---

  /** Aedes hands over all filters of a packet, once for each that is granted. */
  override async addSubscriptions(client: Owner, subscriptions: Subscription[]) {
    const { granted, records } = this.#options
    const added = subscriptions.filter((subscription) => granted.delete(subscription))
    const own = await this.#filtersOf(client)
    for (const subscription of added) {
      records.subscribed(client.id, subscription, !own.has(subscription.topic))
    }
    return super.addSubscriptions(client, added)
  }

  override async removeSubscriptions(client: Owner, filters: string[]) {
    const own = await this.#filtersOf(client)
    for (const filter of filters) {
      // Anybody may unsubscribe from what they never subscribed to.
      if (own.has(filter)) this.#options.records.unsubscribed(client.id, filter)
    }
    return super.removeSubscriptions(client, filters)
  }

  override async cleanSubscriptions(client: Owner) {
    for (const filter of await this.#filtersOf(client)) {
      this.#options.records.unsubscribed(client.id, filter)
    }
    return super.cleanSubscriptions(client)
  }

  async #filtersOf(client: Owner): Promise<Set<string>> {
    const subscriptions = await super.subscriptionsByClient(client)
    return new Set(subscriptions.map(({ topic }) => topic))
  }

  /** Takes over the subscriptions of a session of an earlier hub, which has noted them. */
  async restore({ clientId, subscriptions }: StoredSession): Promise<void> {
    if (subscriptions.length > 0) await super.addSubscriptions({ id: clientId }, [...subscriptions])
  }

  /** The kept sessions that a message is to be stored for. A command is not stored for the absent. */
  override async subscriptionsByTopic(topic: string) {
    const subscriptions = await super.subscriptionsByTopic(topic)
    const { sessions, rights } = this.#options
    const isForThere = switchesActuator(topic)
    return subscriptions.filter(
      ({ clientId }) =>
        rights.of(clientId)?.mayRead(topic) &&
        (!isForThere || sessions.get(clientId)?.isClientThere),
    )
  }

  // --- retained values ---

  /** A value past the limits reaches who is there, and the one before stays. */
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
