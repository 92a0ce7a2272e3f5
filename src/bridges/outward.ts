import type { Bus } from '../bus/bus.ts'
import type { LinkMessage } from '../bus/foreign/broker-connection.ts'
import type { BrokerLink } from '../bus/foreign/broker-link.ts'
import type { Echoes } from '../bus/foreign/echoes.ts'
import { afterwards } from '../core/clock.ts'
import { HubError, quote } from '../core/errors.ts'
import { matches } from '../core/filter.ts'
import { errorOn, lowerQos, type Message } from '../core/message.ts'
import { ownBytes, Payload } from '../core/payload.ts'
import { isCommand, joinTopic } from '../core/topic.ts'
import type { BridgeQueue, KindOfWaiting, Waiting } from './bridge-queue.ts'
import { isBridged, marked, markOf, switches, topicThere } from './bridged.ts'
import type { BridgeSettings } from './check-bridges.ts'

export interface OutwardOptions {
  readonly settings: BridgeSettings
  readonly name: string
  readonly clientId: string
  readonly bus: Pick<Bus, 'publish' | 'retained'>
  readonly link: Pick<BrokerLink, 'state' | 'isThere' | 'publish' | 'command'>
  readonly queue: BridgeQueue
  readonly limits: { readonly messages: number; readonly bytes: number }
  readonly echoes: Pick<Echoes, 'expect'>
  /** A message went nowhere. */
  lose(topic: string, reason: string): void
}

/** So many messages are under way at once; the other broker may want less. */
const mostUnderWay = 100

/** What switches something, and is followed by nobody, is of no use after so long. */
const usualExpiryMs = 5000

/** Of so many topics is known that they are told here; past it that is learned anew. */
const mostTopics = 100_000

/** What is told here, on its way to the other broker. */
export class Outward {
  readonly #options: OutwardOptions
  readonly #mark: Buffer
  /** What is taken from there. */
  readonly #taken: readonly string[]
  /** Topics on which somebody here has spoken last: who commands a device of those means nobody there. */
  readonly #here = new Set<string>()
  #mostUnderWay = mostUnderWay
  #isPumping = false
  #haveRoom: () => void = () => {}
  #isClosed = false
  #sent = 0
  #missed = 0

  constructor(options: OutwardOptions) {
    const { settings, clientId } = options
    this.#options = options
    this.#mark = markOf('bridged-by', clientId)
    this.#taken = settings.in.map((filter) => joinTopic(settings.prefix, filter))
  }

  /** How many messages the other broker has taken, and how many at QoS 0 there was no connection for. */
  get counts(): { readonly sent: number; readonly missed: number } {
    return { sent: this.#sent, missed: this.#missed }
  }

  /** Somebody there has spoken on `topic`. */
  spokenThere(topic: string): void {
    this.#here.delete(topic)
  }

  /** A message is told here. */
  take(message: Message): void {
    const topic = topicThere(message.topic, this.#options.settings)
    if (topic === undefined || isBridged(message)) return
    if (switches(message.topic)) this.#command(topic, message)
    else {
      if (this.#here.size >= mostTopics) this.#here.clear()
      this.#here.add(message.topic)
      this.#queueUp(topic, message)
    }
  }

  #queueUp(topic: string, message: Message): void {
    const kind = kindOf(message)
    if (kind === 'passing' && !this.#options.link.isThere) {
      this.#missed++
      return
    }
    this.#options.queue.add(this.#outgoing(topic, message), kind)
    this.#pump()
  }

  /** A value goes at QoS 1, so that after a break the last one is there. */
  #outgoing(topic: string, { payload, qos, retain, properties }: Message): LinkMessage {
    const { settings } = this.#options
    return {
      topic,
      bytes: ownBytes(payload.bytes),
      qos: lowerQos(retain && qos === 0 ? 1 : qos, settings.qos),
      retain,
      properties: marked(properties, this.#mark),
    }
  }

  /** The broker is there, and takes so many messages at once. */
  caughtUp(underWay: number): void {
    this.#mostUnderWay = Math.min(underWay, mostUnderWay)
    this.#pump()
  }

  /** Sends what waits, as much as may be under way at once. */
  #pump(): void {
    // What ends at once would go deeper and deeper.
    if (this.#isPumping) return
    this.#isPumping = true
    const { link, queue } = this.#options
    while (link.isThere && queue.underWay < this.#mostUnderWay) {
      const next = queue.take()
      if (next === undefined) break
      this.#expectEcho(next.message)
      link.publish(next.message, (refusal) => this.#ended(next, refusal))
    }
    this.#isPumping = false
  }

  /** By MQTT 3.1.1 a broker sends back what it was sent. */
  #expectEcho({ topic, bytes, qos, retain }: LinkMessage): void {
    const { link, echoes } = this.#options
    if (link.state.protocol === 'MQTT 5') return
    if (!this.#taken.some((filter) => matches(filter, topic))) return
    echoes.expect({ topic, payload: new Payload(bytes), qos, retain })
  }

  #ended(entry: Waiting, refusal: string | undefined): void {
    const { queue, lose } = this.#options
    queue.done(entry)
    if (refusal === undefined) this.#sent++
    else lose(entry.message.topic, refusal)
    if (this.#hasRoom) this.#haveRoom()
    this.#pump()
  }

  // --- commands ---

  #command(topic: string, message: Message): void {
    const { link } = this.#options
    if (isCommand(message.topic) && this.#here.has(message.topic.slice(0, -'/set'.length))) return
    if (!link.isThere) {
      this.#refuse(message, link.state.reason ?? 'it is being connected to')
      return
    }
    const { withinMs = usualExpiryMs } = message.receivers ?? {}
    const command = { ...this.#outgoing(topic, message), retain: false }
    this.#expectEcho(command)
    this.#sent++
    link.command(command, {
      expirySeconds: Math.max(1, Math.ceil(withinMs / 1000)),
      refused: (reason) => this.#refuse(message, reason),
      unsent: (reason) => this.#refuse(message, reason),
    })
  }

  /** Who waits for it is told; else it is told beside its topic. */
  #refuse({ topic, receivers }: Message, reason: string): void {
    const { bus, settings, name, lose } = this.#options
    const sentence = `expected the bridge ${name} to take ${quote(topic)} to ${settings.url}`
    const error = new HubError('bridge-away', `${sentence}, it does not: ${reason}`)
    lose(topic, reason)
    if (receivers === undefined) bus.publish(errorOn(topic, error))
    else afterwards(() => receivers.untaken(error))
  }

  // --- what is retained ---

  /** What is retained here goes there once, as fast as it is taken. */
  async tellRetained(): Promise<void> {
    const { settings, bus, queue } = this.#options
    for (const filter of settings.out) {
      for await (const message of bus.retained(joinTopic(settings.localPrefix, filter))) {
        const topic = topicThere(message.topic, settings)
        if (topic === undefined || isBridged(message) || switches(message.topic)) continue
        while (!this.#hasRoom && !this.#isClosed) await this.#room()
        queue.add(this.#outgoing(topic, message), 'value')
        this.#pump()
      }
    }
  }

  get #hasRoom(): boolean {
    const { queue, limits } = this.#options
    return queue.messages < limits.messages / 2 && queue.bytes < limits.bytes / 2
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#haveRoom = resolve
    })
  }

  close(): void {
    this.#isClosed = true
    this.#haveRoom()
  }
}

function kindOf({ qos, retain, payload }: Message): KindOfWaiting {
  if (qos > 0) return 'promised'
  if (!retain) return 'passing'
  // What takes a value away is known nowhere else.
  return payload.bytes.length === 0 ? 'promised' : 'value'
}
