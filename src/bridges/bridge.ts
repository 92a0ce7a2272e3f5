/**
 * A bridge from the hub's own broker to one that somebody else runs: what is told here goes there, and the other way round.
 * Commands never wait for it, and what came over a bridge, of this hub or of another one, goes over no other.
 */
import type { Logger } from 'pino'
import type { Bus } from '../bus/bus.ts'
import type { LinkMessage } from '../bus/foreign/broker-connection.ts'
import { type BrokerLink, createBrokerLink, type LinkState } from '../bus/foreign/broker-link.ts'
import { Echoes } from '../bus/foreign/echoes.ts'
import type { AlarmClock } from '../core/clock.ts'
import { detached } from '../core/guard.ts'
import type { DeepReadonly } from '../core/json.ts'
import { joinTopic } from '../core/topic.ts'
import type { Config } from '../generated/config.ts'
import type { Journal } from '../store/journal.ts'
import { BridgeQueue } from './bridge-queue.ts'
import { topicThere } from './bridged.ts'
import { type BridgeSettings, nameOf } from './check-bridges.ts'
import { Inward, type InwardOptions } from './inward.ts'
import { Outward } from './outward.ts'

export interface BridgeOptions
  extends Pick<InwardOptions, 'enter' | 'commander' | 'sampledLog' | 'clientId'> {
  readonly settings: BridgeSettings
  /** Where they stand in the configuration. */
  readonly place: string
  readonly limits: DeepReadonly<Pick<Config['limits'], 'json' | 'topic' | 'mqtt' | 'bridges'>>
  readonly bus: Pick<Bus, 'publish' | 'subscribe' | 'retained' | 'retainedOn'>
  readonly journal: Pick<Journal, 'note' | 'noteNew' | 'aheadMs'>
  /** The status has changed. */
  changed(): void
  readonly clock: AlarmClock
  readonly log: Pick<Logger, 'info' | 'warn'>
}

/** How a bridge is, for whoever asks. */
export interface BridgeStatus extends LinkState {
  readonly name: string
  readonly url: string
  /** What waits to go there. */
  readonly waiting: { readonly messages: number; readonly bytes: number }
  /** Since the start: how many messages the other broker has taken, how many it has sent, how many went nowhere. */
  readonly sent: number
  readonly received: number
  readonly lost: number
}

/** Counts are told so often. */
const tellMs = 10_000

export class Bridge {
  readonly name: string
  readonly #options: BridgeOptions
  readonly #clientId: string
  readonly #link: BrokerLink
  readonly #queue: BridgeQueue
  readonly #echoes: Echoes
  readonly #outward: Outward
  readonly #inward: Inward
  readonly #stops: (() => void)[] = []
  #stopTelling: () => void = () => {}
  #areRetainedTold = false
  #lost = 0
  #told = ''

  constructor(options: BridgeOptions) {
    const { settings, limits, journal, clock } = options
    const name = nameOf(settings)
    const clientId = settings.clientId ?? options.clientId
    const lose = (topic: string, reason: string) => this.#lose(topic, reason)
    this.name = name
    this.#options = options
    this.#clientId = clientId
    this.#echoes = new Echoes(clock)
    this.#queue = new BridgeQueue({
      ...{ name, journal, limits: limits.bridges },
      lost: ({ topic }, reason) => lose(topic, reason),
    })
    this.#link = this.#newLink()
    const both = { ...options, name, clientId, link: this.#link, echoes: this.#echoes }
    this.#outward = new Outward({ ...both, limits: limits.bridges, queue: this.#queue, lose })
    const spokenThere = (topic: string) => this.#outward.spokenThere(topic)
    this.#inward = new Inward({ ...both, spokenThere })
  }

  #newLink(): BrokerLink {
    const { settings, place, limits, clock, log } = this.#options
    return createBrokerLink({
      ...{ address: settings, place, clientId: this.#clientId, clock, log },
      filters: settings.in.map((filter) => joinTopic(settings.prefix, filter)),
      subscribing: { qos: settings.qos, nl: true },
      fence: this.#own('fence'),
      will: this.#state(false),
      packetBytes: limits.mqtt.publishBytes,
      heard: (message, isPast) => this.#inward.take(message, isPast),
      caughtUp: ({ underWay }) => this.#caughtUp(underWay),
      changed: ({ state }) => {
        if (state === 'away') this.#away()
        this.#tell()
      },
    })
  }

  get status(): BridgeStatus {
    const { messages, bytes } = this.#queue
    const { url } = this.#options.settings
    const { sent, missed } = this.#outward.counts
    return {
      ...{ name: this.name, url, ...this.#link.state },
      ...{ waiting: { messages, bytes }, sent, received: this.#inward.received },
      lost: this.#lost + missed,
    }
  }

  /** Takes what an earlier hub has not got there any more. */
  restore(number: number, record: Buffer): void {
    this.#queue.restore(number, record)
  }

  /** Listens here: what is told from now on goes there, or waits. */
  listen(): void {
    const { settings, bus } = this.#options
    for (const filter of settings.out) {
      const here = joinTopic(settings.localPrefix, filter)
      this.#stops.push(bus.subscribe(here, (message) => this.#outward.take(message)))
    }
    this.#tellAgain()
  }

  #tellAgain(): void {
    this.#stopTelling = this.#options.clock.after(tellMs, () => {
      this.#tell()
      this.#tellAgain()
    })
  }

  /** Connects, and stays connected. */
  start(): void {
    this.#tell()
    detached(this.#link.open())
  }

  /** What was sent on `topic` is not to arrive any more. */
  recall(topic: string): void {
    const there = topicThere(topic, this.#options.settings)
    if (there !== undefined) this.#link.recall(there)
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop()
    this.#stopTelling()
    this.#outward.close()
    this.#say(false)
    await this.#link.close()
  }

  #caughtUp(underWay: number): void {
    this.#say(true)
    detached(this.#inward.caughtUp())
    if (!this.#areRetainedTold) detached(this.#outward.tellRetained())
    this.#areRetainedTold = true
    this.#outward.caughtUp(underWay)
  }

  #away(): void {
    this.#inward.away()
    this.#echoes.clear()
    this.#queue.startOver()
  }

  // --- what it says of itself ---

  #own(what: 'fence' | 'bridges'): string {
    return joinTopic(this.#options.settings.prefix, `hub/${what}/${this.#clientId}`)
  }

  /** Who has not said what the hub is called there would get one more topic at each start. */
  #state(online: boolean): LinkMessage | undefined {
    if (this.#options.settings.clientId === undefined) return undefined
    const bytes = Buffer.from(JSON.stringify({ online }))
    return { topic: this.#own('bridges'), bytes, qos: 1, retain: true }
  }

  #say(online: boolean): void {
    const state = this.#state(online)
    if (state !== undefined && this.#link.isThere) this.#link.publish(state)
  }

  #tell(): void {
    const told = JSON.stringify(this.status)
    if (told === this.#told) return
    this.#told = told
    this.#options.changed()
  }

  #lose(topic: string, reason: string): void {
    this.#lost++
    const fields = { bridge: this.name, topic, reason }
    const text = 'a message did not go over a bridge'
    this.#options.sampledLog.warn('bridge-messages-lost', fields, text)
  }
}
