import { nextTurn } from '../core/clock.ts'
import { FilterTree } from './filter-tree.ts'

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
 * Hands each packet to those who subscribed to its topic, whom it remembers
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
    if (this.#isEmitting) this.#due.push({ packet, done })
    else this.#tellInOrder(packet, done)
    return this
  }

  close(done: () => void): this {
    this.closed = true
    nextTurn(done)
    return this
  }

  /** Of a packet, and then of what was emitted meanwhile. */
  #tellInOrder(packet: Packet, done: Done): void {
    this.#isEmitting = true
    try {
      this.#tell(packet, done)
      for (let due = this.#due.shift(); due !== undefined; due = this.#due.shift()) {
        this.#tell(due.packet, due.done)
      }
    } finally {
      this.#isEmitting = false
    }
  }

  #tell(packet: Packet, done: Done): void {
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
