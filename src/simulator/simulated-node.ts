import { quote } from '../core/errors.ts'
import type { Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import type { Deed, Occasion, Order, Speech, Utterance } from './convention.ts'
import type { Course, NodePart, Random, Values } from './parts.ts'

/** Calls `tick` every `intervalMs` until the returned function is called. */
type Every = (intervalMs: number, tick: () => void) => () => void

export interface SimulatedNodeSurroundings {
  readonly parts: readonly NodePart[]
  readonly speech: Speech
  /** How often each part that changes by itself reports, until it is told otherwise. */
  readonly publishIntervalMs: number
  /** How often somebody comes by who switches something by hand; never unless given. */
  readonly byHandIntervalMs?: number | undefined
  readonly publish: (message: Message) => void
  readonly every: Every
  /** The hour of the day, 0 to 24. */
  readonly hour: () => number
  readonly random: Random
  /** Hears in one sentence why a message was not obeyed; its sender hears nothing. */
  readonly onDropped: (sentence: string) => void
  readonly faults?: NodeFaults
}

/** What a simulated node does wrong on purpose. */
export interface NodeFaults {
  /** It hears whatever it is told so much later. */
  readonly lateMs?: number | undefined
  /** It takes a command at once, and does it so much later. */
  readonly slowMs?: number | undefined
  /** It hears nothing; what it measures it reports as ever. */
  readonly isDeaf?: boolean
  /** It does and tells something else than it was asked for. */
  readonly isLying?: boolean
  /** It refuses what it is asked, where its convention has a word for that; else it does nothing. */
  readonly isRefusing?: boolean
  /** It tells each state that a command led to twice. */
  readonly isTwice?: boolean
  /** It goes back and forth before it settles in the state it was asked for. */
  readonly isFlapping?: boolean
  /** So much after it came it does nothing and says nothing any more, though it stays connected. */
  readonly frozenAfterMs?: number | undefined
}

/** A pause in which a hub can act on a state before the next one comes. */
const flapIntervalMs = 100

/** How often a flapping part goes back. */
const flaps = 2

/** From one place of a blind to the next. */
const stepIntervalMs = 500

/**
 * A hardware node: parts that report by themselves, and parts that obey and then report, in the words of a convention. It
 * knows no connection: messages come in by `receive` and go out by `publish`.
 */
export class SimulatedNode {
  readonly #around: SimulatedNodeSurroundings
  readonly #faults: NodeFaults
  readonly #stopReporting = new Map<NodePart, () => void>()
  /** What was put off, by the functions that call it off. */
  readonly #putOff = new Set<() => void>()
  /** Call off the rest of the way to the state that was asked for last. */
  readonly #stopWalking = new Map<NodePart, () => void>()
  #hasBooted = false
  #isFrozen = false

  constructor(surroundings: SimulatedNodeSurroundings) {
    this.#around = surroundings
    this.#faults = surroundings.faults ?? {}
  }

  /** Says who it is and how every part is; call it on each new connection. The first call starts the reports. */
  announce(): void {
    if (this.#isFrozen) return
    const { speech, parts, publishIntervalMs } = this.#around
    this.#say(speech.greet(!this.#hasBooted))
    for (const part of parts) this.#report(part, 'asked')
    if (this.#hasBooted) return
    this.#hasBooted = true
    for (const part of parts) if (part.isLive) this.#reportEvery(publishIntervalMs, part)
    const { byHandIntervalMs, every } = this.#around
    if (byHandIntervalMs !== undefined)
      this.#putOff.add(every(byHandIntervalMs, () => this.#byHand()))
    const { frozenAfterMs } = this.#faults
    if (frozenAfterMs !== undefined) this.#after(frozenAfterMs, () => this.#freeze())
  }

  /** Obeys the message if it is a command to this node; never throws, whatever the bytes. */
  receive(topic: string, payload: Payload): void {
    const { isDeaf = false, lateMs } = this.#faults
    if (isDeaf || this.#isFrozen) return
    const obey = () => this.#do(this.#around.speech.hear(topic, payload), payload)
    if (lateMs === undefined) obey()
    else this.#after(lateMs, obey)
  }

  /** Ends the reports. */
  close(): void {
    for (const stop of [...this.#stopReporting.values(), ...this.#putOff]) stop()
  }

  /** Somebody who comes by switches something: nobody has asked the node for that. */
  #byHand(): void {
    const { parts, random } = this.#around
    const touched = parts.flatMap((part) => {
      const course = part.course(part.byHand() ?? {})
      return course === undefined ? [] : [{ part, way: course.way }]
    })
    const [one] = touched.slice(Math.floor(random() * touched.length))
    if (one !== undefined) this.#start(one.part, one.way)
  }

  #freeze(): void {
    this.#isFrozen = true
    this.close()
  }

  /** Calls `act` once, unless the returned function is called before that. */
  #after(delayMs: number, act: () => void): () => void {
    const callOff = () => {
      stop()
      this.#putOff.delete(callOff)
    }
    const stop = this.#around.every(delayMs, () => {
      callOff()
      act()
    })
    this.#putOff.add(callOff)
    return callOff
  }

  #do({ says = [], tells = [], takes, paces, drops }: Deed, payload: Payload): void {
    this.#say(says)
    for (const part of tells) this.#report(part, 'asked')
    if (paces !== undefined) this.#reportEvery(paces.intervalMs, paces.part)
    if (takes !== undefined) this.#take(takes, payload)
    if (drops !== undefined) this.#around.onDropped(drops)
  }

  #take({ part, asked, accepted = [], refused = [] }: Order, payload: Payload): void {
    const { isRefusing = false, slowMs } = this.#faults
    const course = part.course(asked)
    if (course === undefined || isRefusing) {
      this.#say(refused)
      const got = isRefusing ? 'a node that refuses' : quote(payload.jsonText)
      this.#around.onDropped(`expected ${part.expected} of ${part.name}, got ${got}`)
      return
    }
    this.#say(accepted)
    const start = () => this.#start(part, this.#stopsOn(course))
    if (slowMs === undefined) start()
    else this.#after(slowMs, start)
  }

  #start(part: NodePart, stops: readonly Values[]): void {
    this.#stopWalking.get(part)?.()
    this.#walk(part, stops)
  }

  /** The states that are told one after the other. */
  #stopsOn({ way, otherWay }: Course): readonly Values[] {
    const { isLying = false, isFlapping = false } = this.#faults
    const taken = isLying ? otherWay : way
    const back = (isLying ? way : otherWay).slice(-1)
    return isFlapping
      ? [...taken, ...new Array(flaps).fill([...back, ...taken.slice(-1)]).flat()]
      : taken
  }

  /** Takes each of `stops` and tells it, one after the other. */
  #walk(part: NodePart, stops: readonly Values[]): void {
    const [values = part.values, ...later] = stops
    part.take(values)
    this.#report(part, 'obeyed')
    if (this.#faults.isTwice === true) this.#report(part, 'obeyed')
    if (later.length === 0) return
    const pauseMs = part.kind === 'cover' ? stepIntervalMs : flapIntervalMs
    this.#stopWalking.set(
      part,
      this.#after(pauseMs, () => this.#walk(part, later)),
    )
  }

  #reportEvery(intervalMs: number, part: NodePart): void {
    const { hour, random, every } = this.#around
    this.#stopReporting.get(part)?.()
    const stop = every(intervalMs, () => {
      part.pass({ seconds: intervalMs / 1000, hour: hour(), random })
      this.#report(part, 'time')
    })
    this.#stopReporting.set(part, stop)
  }

  #report(part: NodePart, occasion: Occasion): void {
    this.#say(this.#around.speech.report(part, occasion))
  }

  #say(all: readonly Utterance[]): void {
    for (const said of all) this.#around.publish(messageSaid(said))
  }
}

export function messageSaid({ topic, payload, qos = 0, retain = false }: Utterance): Message {
  return { topic, payload: new Payload(Buffer.from(payload)), qos, retain }
}
