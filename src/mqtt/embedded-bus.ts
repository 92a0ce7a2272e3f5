/** The bus inside an embedded Aedes, and how messages are carried over it. */
import { setImmediate as turnOver } from 'node:timers/promises'
import type { Aedes } from 'aedes'
import type { Logger } from 'pino'
import type { Bus } from '../bus/bus.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Message, MessageProperties, Receivers } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import { type KeptMessage, keptCopy } from './message-record.ts'
import type { RetainedValues } from './retained.ts'
import type { Published } from './write-packets.ts'

/** A message on its way through the bus: one for all who receive it. */
export class Carried implements Published {
  readonly message: Message
  readonly topic: string
  readonly payload: Buffer
  readonly properties: MessageProperties | undefined
  /** Whether a client receives it, or will. */
  isTaken = false
  #kept: KeptMessage | undefined

  constructor(message: Message) {
    const { topic, payload, properties } = message
    this.message = message
    this.topic = topic
    this.payload = payload.bytes
    this.properties = properties
  }

  get receivers(): Receivers | undefined {
    return this.message.receivers
  }

  /** The same to keep: one copy for all who do. */
  kept(): KeptMessage {
    this.#kept ??= keptCopy(this.message)
    return this.#kept
  }
}

/** What Aedes hands over: what it says of itself carries nothing. */
export interface BusPacket {
  readonly topic: string
  readonly properties?: Carried
}

export type BusListener = (packet: BusPacket) => void

/** The bus, for those who take messages as they are carried: each once, however many filters match. */
export interface Listening {
  on(filter: string, listener: BusListener): unknown
  removeListener(filter: string, listener: BusListener): unknown
}

export interface EmbeddedBusOptions {
  readonly aedes: Aedes
  readonly emitter: Listening
  readonly retained: Pick<RetainedValues, 'matching' | 'on'>
  /** JSON past them is read as other text. */
  readonly jsonLimits: JsonLimits
  readonly log: Logger
}

export interface EmbeddedBus extends Bus {
  /** As `publish`; returns whether a client receives the message. */
  carry(message: Message): boolean
}

export function createEmbeddedBus(options: EmbeddedBusOptions): EmbeddedBus {
  const { aedes, emitter, retained, jsonLimits, log } = options
  // What is kept is bytes only; what they decode to lives as long as somebody reads it.
  const read = (kept: KeptMessage): Message => {
    const { topic, payload, qos, retain, client, properties, receivers } = kept
    // Field by field, as it is done for each retained message.
    const read = new Payload(payload, jsonLimits)
    return { topic, payload: read, qos, retain, client, properties, receivers }
  }
  const carry = (message: Message) => {
    const { topic, payload, qos, retain } = message
    const carried = new Carried(message)
    // Written out: to spread one object into another costs more than all the rest.
    const packet = {
      cmd: 'publish',
      topic,
      payload: payload.bytes,
      qos,
      retain,
      dup: false,
      properties: carried,
    } as const
    aedes.publish(packet, (error) => {
      if (error)
        log.error({ event: 'not-published', err: error, topic }, 'a message was not published')
    })
    return carried.isTaken
  }
  return {
    carry,
    publish: carry,
    refusalOf: () => undefined,
    retainedOn: (topic) => {
      const message = retained.on(topic)
      return message && read(message)
    },
    subscribe: (filter, deliver) => {
      let isOver = false
      const listener: BusListener = ({ properties }) => {
        // Who stops in the middle of a message may still be among those who are told of it.
        if (!isOver && properties !== undefined) deliver(properties.message)
      }
      emitter.on(filter, listener)
      return () => {
        isOver = true
        emitter.removeListener(filter, listener)
      }
    },
    retained: async function* (filter) {
      for (const message of retained.matching(filter)) {
        if (message === undefined) await turnOver()
        else yield read(message)
      }
    },
  }
}

/** What Aedes asks of its persistence, of which everything but retained values is the sessions' own. */
export function createPersistence(store: (message: KeptMessage) => void) {
  return {
    // By its kind Aedes tells whether a persistence is one of today.
    setup: async () => {},
    storeRetained: ({ properties }: { readonly properties?: Carried }) => {
      if (properties !== undefined) store(properties.kept())
      return atOnce(undefined)
    },
    subscriptionsByTopic: () => atOnce([]),
    outgoingEnqueueCombi: () => atOnce(undefined),
  }
}

/** Aedes waits for what its persistence does. Nothing has to be waited for here, and no message is late by it. */
function atOnce<Value>(value: Value) {
  // biome-ignore lint/suspicious/noThenProperty: this is in the place of a promise, on purpose.
  return { then: (done: (value: Value) => void) => done(value) }
}

/** What Aedes has besides what its types tell. */
declare module 'aedes' {
  interface Aedes {
    /** `properties` are handed on as they are: all of the message is in them. */
    publish(packet: CarriedPacket, done: (error?: Error | null) => void): void
    /** By which it would tell other brokers of itself. */
    readonly _heartbeatInterval: NodeJS.Timeout
    readonly _clearWillInterval: NodeJS.Timeout
  }

  interface CarriedPacket {
    readonly cmd: 'publish'
    readonly topic: string
    readonly payload: Buffer
    readonly qos: 0 | 1 | 2
    readonly retain: boolean
    readonly dup: false
    readonly properties: Carried
  }
}
