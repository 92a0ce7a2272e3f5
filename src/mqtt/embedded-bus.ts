/** The bus inside an embedded Aedes, and how messages are carried over it. */
import { setImmediate as turnOver } from 'node:timers/promises'
import type { Aedes } from 'aedes'
import type { Logger } from 'pino'
import type { Bus } from '../bus/bus.ts'
import { nextTurn } from '../core/clock.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Message, MessageProperties, Receivers } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import { FilterTree } from './filter-tree.ts'
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
  const read = ({ payload, ...message }: KeptMessage): Message => ({
    ...message,
    payload: new Payload(payload, jsonLimits),
  })
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
      if (error) log.error({ err: error, topic }, 'a message was not published')
    })
    return carried.isTaken
  }
  return {
    carry,
    publish: carry,
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

// --- who listens ---

/** What Aedes hands over; besides the topic it is the business of those who listen. */
export interface Emitted {
  readonly topic: string
}

export type Listener<Packet extends Emitted> = (packet: Packet, done: () => void) => void

type Done = (error?: Error) => void

/** Is told when a packet is handed over, and when all have been told of it. */
export interface EmitterWatch<Packet> {
  begins(packet: Packet): void
  ends(): void
}

interface Due<Packet> {
  readonly packet: Packet
  readonly done: Done
}

/** So many topics and so many listeners are remembered (some 1 MiB), and then all are forgotten. */
const remembered = { topics: 10_000, listeners: 100_000 }

/**
 * The emitter inside Aedes: hands each packet to those who subscribed to its topic, whom it remembers
 * until somebody subscribes or unsubscribes. It waits for nobody; what is emitted meanwhile follows when
 * all have been told, so that all are told in one order.
 */
export class Emitter<Packet extends Emitted> {
  /** How many packets are being handed over. */
  current = 0
  closed = false
  readonly #tree = new FilterTree<Listener<Packet>>()
  readonly #onError: (error: unknown) => void
  readonly #watch: EmitterWatch<Packet> | undefined
  readonly #known = new Map<string, readonly Listener<Packet>[]>()
  #knownListeners = 0
  readonly #due: Due<Packet>[] = []
  #isEmitting = false

  /** A listener threw: `onError` is told, and the others are told of their packet all the same. */
  constructor(onError: (error: unknown) => void, watch?: EmitterWatch<Packet>) {
    this.#onError = onError
    this.#watch = watch
  }

  on(filter: string, listener: Listener<Packet>, done?: () => void): this {
    this.#tree.add(filter, listener)
    this.#forget()
    if (done !== undefined) nextTurn(done)
    return this
  }

  removeListener(filter: string, listener: Listener<Packet>, done?: () => void): this {
    this.#tree.remove(filter, listener)
    this.#forget()
    if (done !== undefined) nextTurn(done)
    return this
  }

  /** Calls `done` when all have been told. */
  emit(packet: Packet, done: Done = ignore): this {
    if (this.closed) {
      done(new Error('expected an open emitter, got a closed one'))
      return this
    }
    this.#due.push({ packet, done })
    if (!this.#isEmitting) this.#emitAll()
    return this
  }

  close(done: () => void): this {
    this.closed = true
    nextTurn(done)
    return this
  }

  #emitAll(): void {
    this.#isEmitting = true
    try {
      for (let due = this.#due.shift(); due !== undefined; due = this.#due.shift()) this.#tell(due)
    } finally {
      this.#isEmitting = false
    }
  }

  #tell({ packet, done }: Due<Packet>): void {
    this.current = 1
    this.#watch?.begins(packet)
    for (const listener of this.#listenersOf(packet.topic)) {
      try {
        listener.call(this, packet, ignore)
      } catch (error) {
        this.#onError(error)
      }
    }
    this.current = 0
    this.#watch?.ends()
    done()
  }

  #listenersOf(topic: string): readonly Listener<Packet>[] {
    const known = this.#known.get(topic)
    if (known !== undefined) return known
    // Who has several filters is told once.
    const found = [...new Set(this.#tree.match(topic))]
    if (this.#known.size >= remembered.topics || this.#knownListeners > remembered.listeners) {
      this.#forget()
    }
    this.#known.set(topic, found)
    this.#knownListeners += found.length
    return found
  }

  #forget(): void {
    this.#known.clear()
    this.#knownListeners = 0
  }
}

function ignore(): void {}

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
