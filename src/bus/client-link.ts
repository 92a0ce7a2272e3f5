import type { Aedes, AedesPublishPacket, Client, Deliver, Subscription } from 'aedes'
import type { MqttGuard } from './guard/mqtt-guard.ts'
import { writePublish } from './guard/written-packets.ts'
import type { LiveFrame } from './live-frame.ts'
import { type OwnMessage, toBytes } from './own-copy.ts'
import { lowerQos, type Qos } from './qos.ts'
import { RetainedReplay } from './retained-replay.ts'
import type { RetainedValues } from './retained-values.ts'
import type { Link, Session } from './session.ts'
import type { Entrant, Sessions } from './sessions.ts'
import type { SubscriptionQuota } from './subscription-quota.ts'

export interface ClientLinkOptions {
  readonly aedes: Aedes
  readonly sessions: Sessions
  readonly retained: RetainedValues
  readonly guard: MqttGuard
  readonly client: Client
  readonly liveFrame: LiveFrame
  readonly quota: Pick<SubscriptionQuota, 'patternsFor'>
}

/**
 * Stands between a client of Aedes and its session, and delivers in place of Aedes: which would print a
 * message anew for each receiver, wait for each of them, and send a kept message beside its queue and
 * once more from it, at the QoS of one subscription among several, with an id that may be under way.
 */
export class ClientLink implements Link {
  readonly #options: ClientLinkOptions
  readonly #retainedReplay: RetainedReplay
  #session: Session | undefined
  /** The number that the broker gave the last message that came by here. */
  #last = 0

  constructor(options: ClientLinkOptions) {
    const { client, retained } = options
    this.#options = options
    this.#retainedReplay = new RetainedReplay(retained, this)
    const deliver: Deliver = (packet, done) => {
      this.#deliver(packet)
      done()
    }
    Object.assign(client, { deliver0: deliver, deliverQoS: deliver })
  }

  /** CONNACK goes out; answers whether it is to say that there is a session. */
  accept({ clean }: Pick<Entrant, 'clean'>): boolean {
    const { client, sessions } = this.#options
    const { session, isPresent } = sessions.accept({ clientId: client.id, clean }, this)
    this.#session = session
    return isPresent
  }

  get hasSubscriptions(): boolean {
    return Object.keys(this.#options.client.subscriptions).length > 0
  }

  /** Sends what is retained on what the client has just subscribed to; those refused have 128 for a QoS. */
  sendRetainedOn(subscriptions: readonly Subscription[]): void {
    const granted = subscriptions.filter(({ qos }) => Number(qos) < 128)
    this.#retainedReplay.add(granted.map(({ topic }) => topic))
  }

  // --- for the session ---

  mayHave(message: AedesPublishPacket): boolean {
    const { aedes, client } = this.#options
    return !this.isOwn(message) && Boolean(aedes.authorizeForward(client, message))
  }

  /** As Mosquitto has it: two brokers that pass everything on would else do so for ever. */
  isOwn({ clientId }: AedesPublishPacket): boolean {
    const { guard, client } = this.#options
    return guard.isBridge && clientId === client.id
  }

  write(packet: Buffer, isReplay: boolean): boolean {
    if (isReplay) this.#options.guard.expectReplay()
    return this.#options.guard.write(packet)
  }

  /** Aedes ends the connection of a client that does not read for 10 s; waiting for the disk is no fault. */
  onceDrained(done: () => void): void {
    const { client, guard } = this.#options
    if (guard.socket.writableNeedDrain) client.waitForDrain(done)
    else guard.once('drain', done)
  }

  // --- for what is retained ---

  qosOf(filter: string): Qos | undefined {
    const { closed, subscriptions } = this.#options.client
    return closed ? undefined : subscriptions[filter]?.qos
  }

  sendRetained(message: OwnMessage, granted: Qos): boolean {
    return !this.mayHave(message) || this.#write(message, lowerQos(message.qos, granted))
  }

  // --- for Aedes ---

  /** Delivers a live message, once however many subscriptions match it: they come one after another. */
  #deliver(packet: AedesPublishPacket): void {
    if (packet.brokerCounter === this.#last) return
    this.#last = packet.brokerCounter
    if (!this.mayHave(packet)) return
    const { guard, liveFrame } = this.#options
    const qos = packet.qos === 0 ? 0 : this.#grantedQos(packet)
    if (qos === 0) guard.writeLive(liveFrame(packet))
    // What is kept goes out of the queue.
    else if (this.#session?.isKept === false) this.#write(packet, qos)
  }

  #write({ topic, payload, retain }: AedesPublishPacket, qos: Qos): boolean {
    const id = qos === 0 ? undefined : this.#session?.outgoing.takeId()
    const packet = { topic, payload: toBytes(payload), qos, retain, dup: false }
    return this.#options.guard.write(writePublish(packet, id))
  }

  /** [MQTT-3.3.5-1] The highest QoS of all subscriptions that match, and at most that of the message. */
  #grantedQos({ topic, qos }: AedesPublishPacket): Qos {
    const { client, quota } = this.#options
    const { subscriptions } = client
    const qosOf = (filter: string) => lowerQos(subscriptions[filter]?.qos ?? 0, qos)
    let granted = qosOf(topic)
    if (granted === qos) return qos
    for (const filter of quota.patternsFor(client.id, topic)) {
      const own = qosOf(filter)
      if (own > granted) granted = own
    }
    return granted
  }
}
