import { Readable } from 'node:stream'
import type { AedesPublishPacket, Client, PubrelPacket, Subscription } from 'aedes'
import MemoryPersistence from 'aedes-persistence/asyncPersistence.js'
import type { SampledLog } from '../core/sampled-log.ts'
import { isCommand } from '../core/topic.ts'
import { OutgoingQueue, type QueueLimits } from './outgoing-queue.ts'
import { createRetainedQuota, type RetainedLimits, type RetainedQuota } from './retained-quota.ts'

export interface SessionStoreOptions {
  readonly limits: { readonly sessions: QueueLimits; readonly retained: RetainedLimits }
  readonly sampledLog: SampledLog
  /** The subscriptions that clients may have. */
  readonly granted: WeakSet<Subscription>
}

/** A kept session that a message is for, and the QoS of its subscription. */
interface Subscriber {
  readonly clientId: string
  readonly qos: 0 | 1 | 2
}

/** Of whom something is kept; Aedes hands over whole clients, and fragments of them. */
type Owner = Pick<Client, 'id'>

/** What Aedes keeps of sessions and retained values, in memory, bounded, with its lapses mended. */
export class SessionStore extends MemoryPersistence {
  readonly #options: SessionStoreOptions
  readonly #retainedQuota: RetainedQuota
  readonly #queues = new Map<string, OutgoingQueue>()

  constructor(options: SessionStoreOptions) {
    super()
    this.#options = options
    this.#retainedQuota = createRetainedQuota(options.limits.retained)
  }

  /** The id of the next message to a client, which none under way to it may have [MQTT-2.3.1-2]. */
  nextIdOf(clientId: string): number {
    return this.#queues.get(clientId)?.nextId ?? 1
  }

  /** Forgets all that is kept of a session. */
  async endSession(clientId: string): Promise<void> {
    await this.cleanSubscriptions({ id: clientId })
    await this.cleanIncoming({ id: clientId })
  }

  /** Aedes hands over all filters of a packet, once for each that is granted. */
  override async addSubscriptions(client: Owner, subscriptions: Subscription[]) {
    const { granted } = this.#options
    return super.addSubscriptions(
      client,
      subscriptions.filter((subscription) => granted.delete(subscription)),
    )
  }

  override async cleanSubscriptions(client: Owner) {
    this.#queues.delete(client.id)
    return super.cleanSubscriptions(client)
  }

  /** A value past the limits reaches who is there, and the one before stays. */
  override async storeRetained(packet: AedesPublishPacket) {
    if (this.#retainedQuota.take(packet.topic, packet.payload.length)) {
      return super.storeRetained(packet)
    }
    const fields = { topic: packet.topic, bytes: packet.payload.length }
    this.#options.sampledLog.warn('retained-refused', fields, 'a value was not retained')
  }

  /** The kept sessions that a message is to be stored for. A command is not stored for the absent. */
  override async subscriptionsByTopic(topic: string) {
    const subscriptions = await super.subscriptionsByTopic(topic)
    if (!isCommand(topic)) return subscriptions
    return subscriptions.filter(({ clientId }) => this.broker.clients[clientId] !== undefined)
  }

  override async outgoingEnqueueCombi(
    subscriptions: readonly Subscriber[],
    packet: AedesPublishPacket,
  ) {
    for (const subscriber of subscriptions) this.#enqueue(subscriber, packet)
  }

  override async outgoingUpdate({ id }: Owner, packet: AedesPublishPacket | PubrelPacket) {
    const queue = this.#queues.get(id)
    if (packet.cmd === 'publish') queue?.sent(packet)
    else queue?.received(packet)
  }

  /** Aedes clears what it did not send, too: a message without an id, of which there may be many. */
  override async outgoingClearMessageId({ id }: Owner, { messageId }: { messageId?: number }) {
    const queue = this.#queues.get(id)
    if (queue === undefined || messageId === undefined) return undefined
    const packet = queue.acknowledged(messageId)
    if (queue.isEmpty) this.#queues.delete(id)
    return packet
  }

  /** What waits for a client that comes back. */
  override outgoingStream({ id }: Owner): Readable {
    return Readable.from(this.#resumed(id))
  }

  *#resumed(clientId: string) {
    const queue = this.#queues.get(clientId)
    for (const packet of queue?.packets() ?? []) {
      // A PUBLISH has an id since it was sent the first time.
      if (packet.cmd !== 'publish' || packet.messageId === undefined) yield packet
      // A command that was not acknowledged then is not given tomorrow for today's button.
      else if (isCommand(packet.topic)) queue?.acknowledged(packet.messageId)
      // [MQTT-3.3.1-1]
      else yield { ...packet, dup: true }
    }
  }

  #enqueue({ clientId, qos }: Subscriber, packet: AedesPublishPacket): void {
    const queue = this.#queues.get(clientId) ?? new OutgoingQueue(this.#options.limits.sessions)
    this.#queues.set(clientId, queue)
    // [MQTT-3.3.1-9] Only values from before a subscription carry the retain flag.
    const kept = { ...packet, qos: qos < packet.qos ? qos : packet.qos, retain: false }
    const dropped = queue.add(kept)
    for (let count = 0; count < dropped; count++) {
      const fields = { client: clientId }
      this.#options.sampledLog.warn('mqtt-messages-dropped', fields, 'a kept message was dropped')
    }
  }
}
