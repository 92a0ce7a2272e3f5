import type { Logger } from 'pino'
import type { Rights } from '../access/rights.ts'
import type { Bus } from '../bus/bus.ts'
import type { EndOfTick } from '../core/callbacks.ts'
import type { Message } from '../core/message.ts'
import { filterBelow, relativeTopic } from '../core/topic.ts'
import type { Dialect } from '../dialects/dialect.ts'
import { shapeOf } from '../nodes/clown-model.ts'
import { Batch, type LiveFrame } from './batch.ts'
import { fittingFrame } from './fitting-frame.ts'

/** A session as its audience sees it. */
export interface Member {
  deliver(batch: Batch): void
}

/** What a session wants to see, and may. */
export interface View {
  readonly dialect: Pick<Dialect, 'name' | 'encode'>
  readonly base: string
  readonly rights: Pick<Rights, 'key' | 'mayRead' | 'readsAll'>
}

export interface AudienceContext {
  readonly bus: Pick<Bus, 'subscribe'>
  readonly endOfTick: EndOfTick
  readonly log: Logger
  /** How large a frame may be. */
  readonly frameBytes: number
}

/** So many characters go at once: a reader that keeps up must not look like one that does not. */
const mostCollected = 65_536

/** Sessions that receive the same frames. It ends when the last one has left. */
export class Audience {
  readonly #context: AudienceContext
  readonly #view: View
  readonly #readsAll: boolean
  readonly #members = new Set<Member>()
  readonly #unsubscribe: () => void
  #frames: LiveFrame[] = []
  #collected = 0
  /** How many of the collected frames those have who did not wait for the end of the turn. */
  #taken = new Map<Member, number>()

  constructor(context: AudienceContext, view: View) {
    const filter = filterBelow(view.base)
    this.#context = context
    this.#view = view
    this.#readsAll = view.rights.readsAll(filter)
    this.#unsubscribe = context.bus.subscribe(filter, (message) => this.#collect(message))
  }

  get isEmpty(): boolean {
    return this.#members.size === 0
  }

  add(member: Member): void {
    this.#members.add(member)
    this.#noteTaken(member)
  }

  remove(member: Member): void {
    this.settle(member)
    this.#taken.delete(member)
    this.#members.delete(member)
    if (this.isEmpty) this.#unsubscribe()
  }

  /** Hands over what was collected to one member. */
  settle(member: Member): void {
    const start = this.#taken.get(member) ?? 0
    if (start === this.#frames.length) return
    this.#noteTaken(member)
    this.#tell(member, new Batch(this.#frames.slice(start)))
  }

  /** Hands over what was collected: the same to all but those who have some of it. */
  flush(): void {
    const frames = this.#frames
    const taken = this.#taken
    this.#frames = []
    this.#collected = 0
    if (taken.size > 0) this.#taken = new Map()
    const batch = new Batch(frames)
    for (const member of this.#members) {
      const start = taken.get(member) ?? 0
      if (start === 0) this.#tell(member, batch)
      else if (start < frames.length) this.#tell(member, new Batch(frames.slice(start)))
    }
  }

  #collect({ topic, payload }: Message): void {
    const { base, dialect, rights } = this.#view
    if (!this.#readsAll && !rights.mayRead(topic)) return
    const relative = relativeTopic(base, topic)
    if (relative === undefined) return
    const message = { topic: relative, payload }
    const text = fittingFrame(dialect, message, this.#context.frameBytes)
    if (this.#frames.length === 0) this.#context.endOfTick.add(this)
    // Only of a report does the latest value tell all; commands, answers and notifications are events.
    this.#frames.push({ text, topic: shapeOf(topic) === 'report' ? topic : undefined })
    this.#collected += text.length
    if (this.#collected > mostCollected) this.flush()
  }

  #noteTaken(member: Member): void {
    if (this.#frames.length > 0) this.#taken.set(member, this.#frames.length)
  }

  #tell(member: Member, batch: Batch): void {
    if (batch.frames.length === 0) return
    try {
      member.deliver(batch)
    } catch (error) {
      // What one member cannot take, the others still get.
      this.#context.log.error(
        { err: error, base: this.#view.base },
        'a member of an audience failed',
      )
    }
  }
}
