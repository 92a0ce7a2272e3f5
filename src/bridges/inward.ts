import type { Sender } from '../access/sender.ts'
import type { Bus } from '../bus/bus.ts'
import type { LinkMessage } from '../bus/foreign/broker-connection.ts'
import type { LinkState } from '../bus/foreign/broker-link.ts'
import type { Echoes } from '../bus/foreign/echoes.ts'
import { HubError, quote } from '../core/errors.ts'
import type { DeepReadonly } from '../core/json.ts'
import { errorOn, lowerQos, type Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { isTopic, joinTopic } from '../core/topic.ts'
import type { Config } from '../generated/config.ts'
import { anyMark, has, isBridged, marked, markOf, switches, topicHere } from './bridged.ts'
import type { BridgeSettings } from './check-bridges.ts'

export interface InwardOptions {
  readonly settings: BridgeSettings
  readonly name: string
  readonly clientId: string
  readonly bus: Pick<Bus, 'publish' | 'retained' | 'retainedOn'>
  readonly link: { readonly state: Pick<LinkState, 'protocol'> }
  readonly limits: DeepReadonly<Pick<Config['limits'], 'json' | 'topic' | 'mqtt'>>
  readonly echoes: Pick<Echoes, 'take'>
  /** As `MessagePath.enter`. */
  enter(message: Message, sender: Sender): Message | undefined
  /** Whose rights those have who command devices from there. */
  commander(): Sender
  /** Somebody there has spoken on `topic`. */
  spokenThere(topic: string): void
  readonly sampledLog: SampledLog
}

/** What the other broker tells, on its way here. */
export class Inward {
  readonly #options: InwardOptions
  readonly #sender: Sender
  readonly #mark: Buffer
  /** On what this hub has sent there. */
  readonly #returned: Buffer
  /** What the other broker has said to be retained, until it has said all. */
  #said = new Set<string>()
  #received = 0

  constructor(options: InwardOptions) {
    this.#options = options
    this.#sender = broughtBy(options.name)
    this.#mark = markOf('bridged-from', options.name)
    this.#returned = markOf('bridged-by', options.clientId)
  }

  /** How many messages came. */
  get received(): number {
    return this.#received
  }

  /** The other broker tells a message; `isPast`: it was retained before this connection. */
  take(heard: LinkMessage, isPast: boolean): void {
    const { settings, echoes, limits } = this.#options
    const topic = topicHere(heard.topic, settings)
    if (topic === undefined || this.#hasComeFarEnough(heard)) return
    const { bytes, retain } = heard
    if (!isPast && echoes.take(heard.topic, bytes) !== undefined) return
    if (!isTopic(topic, limits.topic) || bytes.length > limits.mqtt.publishBytes) {
      this.#turnAway(topic, `expected it to keep to the limits, it has ${bytes.length} bytes`)
      return
    }
    this.#received++
    const message = {
      ...{ topic, payload: new Payload(bytes, limits.json) },
      properties: marked(heard.properties, this.#mark),
      qos: lowerQos(heard.qos, settings.qos),
      retain: retain || this.#isKept(topic),
    }
    if (isPast) this.#remember(message)
    else this.#enter(message)
  }

  /** It has come back, or another hub has it from a bridge. */
  #hasComeFarEnough(heard: LinkMessage): boolean {
    return has(heard, this.#returned) || has(heard, anyMark.from)
  }

  #turnAway(topic: string, reason: string): void {
    const fields = { bridge: this.#options.name, topic: quote(topic), reason }
    const text = 'a message that came over a bridge was refused'
    this.#options.sampledLog.warn('bridge-messages-refused', fields, text)
  }

  /** By MQTT 3.1.1 nobody says of what comes now whether it is retained: what was, is. */
  #isKept(topic: string): boolean {
    const { link, bus } = this.#options
    if (link.state.protocol === 'MQTT 5') return false
    const kept = bus.retainedOn(topic)
    return kept !== undefined && isBridged(kept)
  }

  #enter(message: Message): void {
    const { bus, enter, commander, spokenThere } = this.#options
    const { topic } = message
    spokenThere(topic)
    try {
      const entered = enter(message, switches(topic) ? commander() : this.#sender)
      if (entered !== undefined) bus.publish(entered)
    } catch (error) {
      if (!(error instanceof HubError)) throw error
      this.#turnAway(topic, error.message)
      if (error.code !== 'forbidden' && switches(topic)) bus.publish(errorOn(topic, error))
    }
  }

  /** What was retained there before: nobody knows since when, and what is told here is newer. */
  #remember(message: Message): void {
    const { bus, spokenThere } = this.#options
    const { topic, payload } = message
    if (switches(topic)) return
    this.#said.add(topic)
    const kept = bus.retainedOn(topic)
    if (kept !== undefined && !isBridged(kept)) return
    spokenThere(topic)
    if (kept?.payload.bytes.equals(payload.bytes)) return
    bus.publish({ ...message, isPast: true })
  }

  /** All that is retained there was heard. What came over this bridge, and is not a part of it, was taken away meanwhile. */
  async caughtUp(): Promise<void> {
    const { settings, bus } = this.#options
    const said = this.#said
    this.#said = new Set()
    for (const filter of settings.in) {
      for await (const message of bus.retained(joinTopic(settings.localPrefix, filter))) {
        if (said.has(message.topic) || !has(message, this.#mark)) continue
        bus.publish({ ...message, payload: new Payload(Buffer.alloc(0)), isPast: true })
      }
    }
  }

  away(): void {
    this.#said = new Set()
  }
}

/** Who brings what is no command: the configuration has said what may come. */
function broughtBy(name: string): Sender {
  const allowed = { allowed: true, reason: `the bridge ${name} brings it` }
  return {
    ...{ user: `bridge ${name}`, address: '', way: 'bridge' },
    rights: { mayPublish: () => allowed },
  }
}
