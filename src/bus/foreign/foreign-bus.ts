/**
 * The bus over a broker that somebody else runs. Everybody learns of a message when the broker sends it, whoever has
 * published it, so that there is one order for all. What the hub tells of itself stays below `$SYS/hub/` here, and stands
 * below `hub/` on the broker, which lets nobody else write to `$SYS`.
 */
import { randomBytes } from 'node:crypto'
import { setImmediate as turnOver } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type AlarmClock, every, steadyMs } from '../../core/clock.ts'
import { HubError, quote } from '../../core/errors.ts'
import { matches, overlaps } from '../../core/filter.ts'
import { tellDefect } from '../../core/guard.ts'
import type { DeepReadonly } from '../../core/json.ts'
import type { Message } from '../../core/message.ts'
import { Payload } from '../../core/payload.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import { switchesActuator } from '../../core/switching.ts'
import { isAtOrBelow, isOfBroker, isTopic } from '../../core/topic.ts'
import type { Trace } from '../../core/trace.ts'
import type { Config } from '../../generated/config.ts'
import { type Bus, busStateTopic, type Unsubscribe } from '../bus.ts'
import { Emitter } from '../emitter.ts'
import type { LinkMessage } from './broker-connection.ts'
import { type BrokerLink, createBrokerLink, type LinkState } from './broker-link.ts'
import { Echoes } from './echoes.ts'
import { Hubs, hubStateTopic } from './hubs.ts'

export interface ForeignBusOptions {
  readonly settings: DeepReadonly<NonNullable<Config['bus']>>
  readonly limits: DeepReadonly<Pick<Config['limits'], 'retained' | 'json' | 'topic' | 'mqtt'>>
  /** Somebody past the hub says this on the broker; returns whether it is to be delivered. */
  overheard(message: Message): boolean
  readonly clock: AlarmClock
  readonly log: Pick<Logger, 'info' | 'warn'>
  readonly sampledLog: SampledLog
  readonly trace: Pick<Trace, 'begins' | 'ends'>
  /** What is told below this topic each of several hubs says to its own clients, and the owner to the broker. */
  readonly toldBelow: string
}

/** How the broker is, for whoever asks. */
export interface BusState extends LinkState {
  readonly url: string
}

/** Where the hub tells of itself: here, and on the broker. */
const own = { here: '$SYS/hub/', there: 'hub/' } as const

/** Whether the hub is there, for everybody on the broker; how the broker is, and who owns, for those who may read of the hub. */
const stateTopics = {
  hub: `${own.there}state`,
  bus: busStateTopic,
  hubs: `${own.here}hubs`,
} as const

/** What nobody should miss is said again so often: a broker may have been started anew without its memory. */
const sayAgainMs = 60_000

/** Home Assistant says here that it has been started: it has forgotten what was not retained. */
const birthTopic = 'homeassistant/status'

/** What switches something, and is followed by nobody, is of no use after so long. */
const usualExpiryMs = 5000

/** A message on its way to those who listen. */
interface ToldMessage {
  readonly topic: string
  readonly message: Message
}

export class ForeignBus implements Bus {
  readonly #options: ForeignBusOptions
  /** The others before the same broker; undefined where this one is alone. */
  readonly hubs: Hubs | undefined
  readonly #stateTopic: string
  readonly #link: BrokerLink
  readonly #emitter: Emitter<ToldMessage>
  readonly #retained = new Map<string, Message>()
  #retainedBytes = 0
  readonly #echoes: Echoes
  /** What the broker has said to be retained, until it has said all. */
  #said = new Set<string>()
  /** What is told below `hub/`, once the broker is there; of what is told no more, that. */
  readonly #mirrored = new Map<string, Message>()
  #stopRepeating: () => void = () => {}

  constructor(options: ForeignBusOptions) {
    const { settings, limits, clock, log } = options
    this.publish = this.publish.bind(this)
    this.refusalOf = this.refusalOf.bind(this)
    this.subscribe = this.subscribe.bind(this)
    this.retained = this.retained.bind(this)
    this.retainedOn = this.retainedOn.bind(this)
    const { hubs } = settings
    const ownName = hubs?.name ?? randomBytes(4).toString('hex')
    const clientId = settings.clientId ?? `clown-hub-${ownName}`
    this.#options = options
    this.#stateTopic = hubs === undefined ? stateTopics.hub : hubStateTopic(hubs.name)
    this.hubs = hubs && this.#openHubs(hubs)
    this.hubs?.onChange((owns) => {
      if (owns) this.#mirrorAll()
    })
    this.hubs?.onState((state) => {
      const payload = Payload.ofValue(state)
      this.#tell({ topic: stateTopics.hubs, payload, qos: 0, retain: true })
    })
    this.#echoes = new Echoes(clock)
    this.#emitter = new Emitter<ToldMessage>(tellDefect, {
      begins: ({ message }) => options.trace.begins(message),
      ends: () => options.trace.ends(),
    })
    this.#link = createBrokerLink({
      address: settings,
      place: 'bus',
      clientId,
      filters: filtersOf(settings),
      subscribing: { qos: 1, nl: false },
      fence: `${own.there}fence/${clientId}`,
      will: this.#hubState(false),
      packetBytes: limits.mqtt.publishBytes,
      heard: (message, isPast) => this.#heard(message, isPast),
      caughtUp: () => this.#caughtUp(),
      changed: (state) => this.#changed(state),
      clock,
      log,
    })
  }

  #openHubs({ name, rank }: HubsSettings): Hubs {
    const { settings, limits, clock, log } = this.#options
    return new Hubs({
      ...{ name, rank, clock, log },
      address: settings,
      // What is asked is longer than what is commanded.
      packetBytes: 2 * limits.mqtt.publishBytes,
      level: () => (this.#link.state.protocol === 'MQTT 5' ? 5 : 4),
      sayOn: (message) => this.#link.publish(message),
      askOn: (message, command) => this.#link.command(message, command),
    })
  }

  /** Connects; resolves when all is there that the broker retains, or it is away. */
  open(): Promise<void> {
    return this.#link.open()
  }

  get state(): BusState {
    return { url: this.#options.settings.url, ...this.#link.state }
  }

  async close(): Promise<void> {
    this.#stopRepeating()
    await this.hubs?.close()
    if (this.#link.isThere) this.#link.publish(this.#hubState(false))
    await this.#link.close()
  }

  /** What was sent on `topic` is not to arrive any more. */
  recall(topic: string): void {
    if (this.hubs === undefined) this.#link.recall(topic)
    else this.hubs.recall(topic)
  }

  #hubState(online: boolean): LinkMessage {
    const bytes = Buffer.from(JSON.stringify({ online }))
    return { topic: this.#stateTopic, bytes, qos: 1, retain: true }
  }

  // --- as every bus ---

  publish(message: Message): void {
    const { topic } = message
    if (isOfBroker(topic)) {
      this.#mirror(message)
      this.#tell(message)
      return
    }
    const refusal = this.refusalOf(topic)
    if (refusal !== undefined) {
      const fields = { topic, reason: refusal.message }
      this.#options.sampledLog.warn(
        'bus-away',
        fields,
        'a message was lost: it cannot be published',
      )
      return
    }
    if (this.hubs?.owns === false && isAtOrBelow(this.#options.toldBelow, topic)) {
      this.#tell(message)
      return
    }
    const isHeard = this.#options.settings.filters.some((filter) => matches(filter, topic))
    if (isHeard) this.#echoes.expect(message)
    this.#send(message)
    if (!isHeard) this.#tell(message)
  }

  refusalOf(topic: string): HubError | undefined {
    if (isAtOrBelow('hub', topic)) {
      const expected = 'expected a topic that is not below hub/, where only the hub tells of itself'
      return new HubError('forbidden', `${expected}, got ${quote(topic)}`)
    }
    if (this.#link.isThere) return undefined
    return this.#isAway(this.#link.state.reason ?? 'it is being connected to')
  }

  #isAway(reason: string): HubError {
    const { url } = this.#options.settings
    return new HubError('bus-away', `expected the broker ${url} to be there, it is not: ${reason}`)
  }

  subscribe(filter: string, deliver: (message: Message) => void): Unsubscribe {
    let isOver = false
    const listener = ({ message }: ToldMessage) => {
      if (!isOver) deliver(message)
    }
    this.#emitter.on(filter, listener)
    return () => {
      isOver = true
      this.#emitter.removeListener(filter, listener)
    }
  }

  async *retained(filter: string): AsyncIterable<Message> {
    let looked = 0
    for (const topic of this.#retained.keys()) {
      const message = matches(filter, topic) ? this.retainedOn(topic) : undefined
      if (message !== undefined) yield message
      if (++looked % topicsPerTurn === 0) await turnOver()
    }
  }

  retainedOn(topic: string): Message | undefined {
    const kept = this.#retained.get(topic)
    if ((kept?.properties?.expiresAtMs ?? Number.POSITIVE_INFINITY) <= steadyMs()) {
      this.#forget(topic)
      return undefined
    }
    // What it decodes to lives as long as somebody reads it.
    return kept && { ...kept, payload: new Payload(kept.payload.bytes, this.#options.limits.json) }
  }

  // --- to the broker ---

  #send({ topic, payload, qos, retain, properties, receivers }: Message): void {
    const message = { topic, bytes: payload.bytes, qos, retain, properties }
    if (receivers === undefined && !switchesActuator(topic)) {
      this.#link.publish(message)
      return
    }
    const { withinMs = usualExpiryMs } = receivers ?? {}
    const link = this.hubs ?? this.#link
    link.command(message, {
      expirySeconds: Math.max(1, Math.ceil(withinMs / 1000)),
      refused: (reason) => {
        const sentence = `expected the broker to take ${quote(topic)}, it does not: ${reason}`
        receivers?.untaken(new HubError('forbidden', sentence))
      },
      unsent: (reason) => receivers?.untaken(this.#isAway(reason)),
    })
  }

  #mirror(message: Message): void {
    const { topic, payload, retain } = message
    if (!topic.startsWith(own.here)) return
    if (retain) this.#mirrored.set(topic, message)
    if (!this.#link.isThere) return
    if (this.hubs === undefined) this.#link.publish(mirrored(message))
    else this.hubs.say(mirrored(message))
    if (payload.bytes.length === 0) this.#mirrored.delete(topic)
  }

  #changed(state: LinkState): void {
    const value = { url: this.#options.settings.url, ...state }
    const payload = Payload.ofValue(value)
    this.#tell({ topic: stateTopics.bus, payload, qos: 0, retain: true })
    if (state.state === 'connected') return
    this.hubs?.reading(false)
    this.#stopRepeating()
    this.#echoes.clear()
    this.#said = new Set()
  }

  // --- from the broker ---

  #heard(heard: LinkMessage, isPast: boolean): void {
    const { topic, bytes } = heard
    if (topic === birthTopic && this.#link.isThere) this.#link.publish(this.#hubState(true))
    if (this.hubs !== undefined && isAtOrBelow('hub', topic)) this.#heardHub(heard, this.hubs)
    // What the hub has told is nobody else's, and comes back from here.
    if (isOfBroker(topic) || isAtOrBelow('hub', topic)) return
    const mine = isPast ? undefined : this.#echoes.take(topic, bytes)
    if (mine !== undefined) this.#tell(mine)
    else if (this.#isFit(heard)) this.#hearOthers(heard, isPast)
  }

  /** What the owner tells of commands all tell their clients, and hold it to be true once they own themselves. */
  #heardHub({ topic, bytes, retain }: LinkMessage, hubs: Hubs): void {
    hubs.heard({ topic, bytes, qos: 1, retain })
    if (hubs.owns || !isAtOrBelow(`${own.there}commands`, topic)) return
    const here = own.here + topic.slice(own.there.length)
    const payload = new Payload(bytes, this.#options.limits.json)
    const message: Message = { topic: here, payload, qos: 0, retain }
    this.#mirrored.delete(here)
    this.#tell(message)
  }

  #hearOthers({ topic, bytes, qos, retain, properties }: LinkMessage, isPast: boolean): void {
    const payload = new Payload(bytes, this.#options.limits.json)
    if (isPast) {
      this.#said.add(topic)
      if (this.#retained.get(topic)?.payload.bytes.equals(bytes)) return
      this.#tell({ topic, payload, qos, retain: true, properties, isPast: true })
      return
    }
    // By MQTT 3.1.1 nobody says of what comes now whether it is retained: who says nothing takes a value away.
    const isTakenAway = bytes.length === 0 && this.#retained.has(topic)
    const message = { topic, payload, qos, retain: retain || isTakenAway, properties }
    if (this.#options.overheard(message)) this.#tell(message)
  }

  #isFit({ topic, bytes }: LinkMessage): boolean {
    const { limits, sampledLog } = this.#options
    if (isTopic(topic, limits.topic) && bytes.length <= limits.mqtt.publishBytes) return true
    const fields = { topic: quote(topic), bytes: bytes.length }
    sampledLog.warn('bus-messages-refused', fields, 'a message on the broker is past the limits')
    return false
  }

  /** What was retained before, and is not any more, was taken away meanwhile, or lost by the broker. */
  #caughtUp(): void {
    for (const topic of this.#retained.keys()) {
      if (!isOfBroker(topic) && !this.#said.has(topic)) this.#forget(topic)
    }
    this.#said = new Set()
    this.#mirrorAll()
    this.#link.publish(this.#hubState(true))
    this.#stopRepeating = every(sayAgainMs, () => this.#link.publish(this.#hubState(true)))
    this.hubs?.reading(true)
  }

  #mirrorAll(): void {
    for (const message of [...this.#mirrored.values()]) this.#mirror(message)
  }

  #tell(message: Message): void {
    if (message.retain) this.#keep(message)
    this.#emitter.emit({ topic: message.topic, message })
  }

  // --- what is retained ---

  #keep({ topic, payload: { bytes }, qos, properties }: Message): void {
    this.#forget(topic)
    if (bytes.length === 0) return
    const { topics, valueBytes, totalBytes } = this.#options.limits.retained
    const isOwn = isOfBroker(topic)
    const needed = bytes.length + Buffer.byteLength(topic)
    const isTooMuch = this.#retained.size >= topics || this.#retainedBytes + needed > totalBytes
    if (!isOwn && (isTooMuch || bytes.length > valueBytes)) {
      const fields = { topic, bytes: bytes.length }
      this.#options.sampledLog.warn(
        'retained-refused',
        fields,
        'a retained value is not remembered',
      )
      return
    }
    this.#retainedBytes += needed
    // Bytes of its own: those that came are a part of all that came with them.
    const payload = new Payload(Buffer.from(bytes))
    this.#retained.set(topic, { topic, payload, qos, retain: true, properties })
  }

  #forget(topic: string): void {
    const kept = this.#retained.get(topic)
    if (kept === undefined) return
    this.#retainedBytes -= kept.payload.bytes.length + Buffer.byteLength(topic)
    this.#retained.delete(topic)
  }
}

/** How many topics are looked at before others have their turn. */
const topicsPerTurn = 256

function mirrored({ topic, payload, retain }: Message): LinkMessage {
  const there = own.there + topic.slice(own.here.length)
  return { topic: there, bytes: payload.bytes, qos: 0, retain }
}

type Settings = ForeignBusOptions['settings']
type HubsSettings = NonNullable<Settings['hubs']>

/** What hubs tell each other is heard as well, and once: where two filters fit, a broker may send it twice. */
function filtersOf({ filters, hubs }: Settings): readonly string[] {
  const isHeard = filters.some((filter) => overlaps(filter, 'hub/#'))
  return hubs === undefined || isHeard ? filters : [...filters, 'hub/#']
}
