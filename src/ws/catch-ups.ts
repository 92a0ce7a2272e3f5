/** Last values for those who come: shared by all who may see the same, at the pace of each, in turn with all else. */

import { setImmediate as turnOver } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import type { Bus } from '../bus/bus.ts'
import { nextTurn } from '../core/clock.ts'
import { matches } from '../core/filter.ts'
import { type Message, topicOfError } from '../core/message.ts'
import { filterBelow, isTopic } from '../core/topic.ts'
import type { PastValues } from '../nodes/last-values.ts'
import { toldByHub } from '../nodes/registry/presence.ts'
import {
  type BatchFrame,
  FrameBatch,
  filtersOf,
  frameOf,
  type View,
  viewName,
} from './audiences.ts'

/** Somebody who is to have last values. */
export interface CatchUpReader {
  /** Whether it keeps up with what it was sent. */
  hasRoomNow(): boolean
  /** Resolves when it does; to false when it is gone. */
  hasRoom(): Promise<boolean>
  past(batch: FrameBatch): void
}

/** Whose catch-up it is, what of, and what to do at its end. */
export interface CatchUpOptions {
  readonly view: View
  readonly user: string
  readonly reader: CatchUpReader
  done(): void
}

export interface CatchUps {
  /** Begins to send last values. Once the returned function was called, nothing more is sent, and nobody told. */
  start(options: CatchUpOptions): () => void
}

export interface CatchUpContext {
  readonly bus: Pick<Bus, 'subscribe'>
  readonly values: PastValues
  readonly log: Logger
  /** How large a frame may be. */
  readonly frameBytes: number
}

/** So long all others wait for their turn. */
const sliceMs = 5

/**
 * Who keeps up is served, a user at a time, and who has enough to read gives way until it has read that. So it
 * counts what waits: however many come, and however many of them never read, no more is held than they have room for.
 */
export function createCatchUps(context: CatchUpContext): CatchUps {
  const views = createPastViews(context)
  const ready = createTurns()
  let isWorking = false
  const work = () => {
    isWorking = false
    const untilMs = performance.now() + sliceMs
    while (performance.now() < untilMs) {
      const next = ready.take()
      if (next === undefined) return
      serve(next, untilMs)
    }
    goOn()
  }
  const goOn = () => {
    if (!isWorking) nextTurn(work)
    isWorking = true
  }
  const serve = (catchUp: CatchUp, untilMs: number) => {
    try {
      if (!sendSome(catchUp, untilMs)) catchUp.end()
      else if (catchUp.reader.hasRoomNow()) ready.add(catchUp)
      else waitFor(catchUp, wait(catchUp))
    } catch (error) {
      fail(catchUp, error)
    }
  }
  const wait = async (catchUp: CatchUp) => {
    if (!(await catchUp.reader.hasRoom())) return catchUp.end()
    ready.add(catchUp)
    goOn()
  }
  const waitFor = (catchUp: CatchUp, turn: Promise<void>) => {
    turn.catch((error: unknown) => fail(catchUp, error))
  }
  const fail = ({ view, end }: CatchUp, error: unknown) => {
    context.log.error(
      { event: 'last-values-missing', err: error, base: view.base },
      'last values are missing',
    )
    end()
  }
  return {
    start: ({ view, user, reader, done }) => {
      const past = views.join(view)
      const leave = () => {
        if (catchUp.isOver) return
        catchUp.isOver = true
        views.leave(past)
      }
      const end = () => {
        if (catchUp.isOver) return
        leave()
        done()
      }
      const catchUp: CatchUp = { view: past, user, reader, next: 0, isOver: false, end }
      waitFor(
        catchUp,
        past.opened.then(() => wait(catchUp)),
      )
      return leave
    },
  }
}

/** One who catches up. */
interface CatchUp {
  readonly view: PastView
  readonly user: string
  readonly reader: CatchUpReader
  /** The place of the next topic. */
  next: number
  isOver: boolean
  end(): void
}

/** Sends until its time is over or the reader has enough; returns whether there is more. */
function sendSome(catchUp: CatchUp, untilMs: number): boolean {
  const { view, reader } = catchUp
  do {
    const part = catchUp.isOver ? undefined : view.partAt(catchUp.next)
    if (part === undefined) return false
    catchUp.next = part.end
    if (part.batch.frames.length > 0) reader.past(part.batch)
  } while (performance.now() < untilMs && reader.hasRoomNow())
  return true
}

/** Those who are ready, by user: one with many dashboards leaves others their turn. */
function createTurns() {
  const users = new Map<string, CatchUp[]>()
  return {
    add: (catchUp: CatchUp) => {
      const own = users.get(catchUp.user)
      if (own === undefined) users.set(catchUp.user, [catchUp])
      else own.push(catchUp)
    },
    take: (): CatchUp | undefined => {
      const [first] = users
      if (first === undefined) return undefined
      const [user, own] = first
      const catchUp = own.shift()
      users.delete(user)
      if (own.length > 0) users.set(user, own)
      return catchUp
    },
  }
}

/** Frames of consecutive topics, which many get. */
interface Part {
  readonly batch: FrameBatch
  /** The place of the first topic after them. */
  readonly end: number
  /** Which values they tell, by the version of their block. */
  readonly version: number
  readonly madeAtMs: number
}

type Parts = LRUCache<string, Part>

/** What is kept of parts for those who come soon after, of all views together. */
const mostKeptBytes = 16 * 1024 * 1024

/** What holds for those with one view is there as long as one of them catches up. */
function createPastViews(context: CatchUpContext) {
  const views = new Map<string, PastView>()
  let lastId = 0
  const parts: Parts = new LRUCache({
    maxSize: mostKeptBytes,
    maxEntrySize: mostKeptBytes,
    sizeCalculation: ({ batch }) => batch.bytes.length + 64,
  })
  return {
    join: (view: View): PastView => {
      const name = viewName(view)
      const past = views.get(name) ?? new PastView({ name, id: ++lastId, view, context, parts })
      views.set(name, past)
      past.readers++
      return past
    },
    leave: (past: PastView) => {
      past.readers--
      if (past.readers > 0) return
      views.delete(past.name)
      past.close()
      if (views.size === 0) parts.clear()
    },
  }
}

/** Values of so many topics are told anew when one of them changes. */
const topicsPerBlock = 64

/** About so many characters go at once: a reader that keeps up must not look like one that does not. */
const partLength = 65_536

/** A value may expire, and nobody hears of that. */
const freshMs = 1000

interface PastViewOptions {
  readonly name: string
  /** Its own: one that comes later knows nothing of what changed before. */
  readonly id: number
  readonly view: View
  readonly context: CatchUpContext
  readonly parts: Parts
}

/** The topics that those with one view may read, in an order that stays, and the frames that tell their values. */
class PastView {
  readonly name: string
  readonly base: string
  /** Resolves when all topics are known. */
  readonly opened: Promise<void>
  /** How many catch up on it. */
  readers = 0
  readonly #options: PastViewOptions
  readonly #topics: string[] = []
  readonly #places = new Map<string, number>()
  /** By block of topics: how often one of its values has changed. */
  readonly #versions: number[] = []
  readonly #filters: readonly string[]
  readonly #unsubscribe: () => void

  constructor(options: PastViewOptions) {
    const { name, view, context } = options
    this.name = name
    this.base = view.base
    this.#options = options
    this.#filters = filtersOf(view)
    this.#unsubscribe = context.bus.subscribe(filterBelow(view.base), (message) =>
      this.#changed(message),
    )
    this.opened = this.#open()
  }

  /** The frames from a place on; undefined after the last. */
  partAt(start: number): Part | undefined {
    if (start >= this.#topics.length) return undefined
    const { parts, id } = this.#options
    const key = `${id} ${start}`
    const version = this.#versions[blockOf(start)] ?? 0
    const nowMs = performance.now()
    const kept = parts.get(key)
    if (kept?.version === version && nowMs - kept.madeAtMs < freshMs) return kept
    const part = { ...this.#madeAt(start), version, madeAtMs: nowMs }
    parts.set(key, part)
    return part
  }

  close(): void {
    this.#unsubscribe()
  }

  async #open(): Promise<void> {
    const { context, view } = this.#options
    const topics = new Set(this.#filters.filter((filter) => isTopic(filter)))
    // Who asks for single topics only need not look through all.
    if (topics.size < this.#filters.length) {
      for await (const topic of context.values.topicsBelow(view.base)) topics.add(topic)
    }
    for (const topic of await sortedInTurns([...topics])) this.#add(topic)
  }

  #add(topic: string): void {
    const { rights } = this.#options.view
    if (this.#places.has(topic) || toldByHub(topic) !== undefined || !rights.mayRead(topic)) return
    if (!this.#filters.some((filter) => matches(filter, topic))) return
    this.#places.set(topic, this.#topics.length)
    this.#topics.push(topic)
  }

  /** Whoever catches up has it live as well; those who come later have it from here. */
  #changed({ topic }: Message): void {
    if (!this.#outdate(topic)) this.#add(topic)
    const about = topicOfError(topic)
    if (about !== undefined) this.#outdate(about)
  }

  #outdate(topic: string): boolean {
    const place = this.#places.get(topic)
    if (place === undefined) return false
    const block = blockOf(place)
    this.#versions[block] = (this.#versions[block] ?? 0) + 1
    return true
  }

  #madeAt(start: number): Pick<Part, 'batch' | 'end'> {
    const blockEnd = Math.min((blockOf(start) + 1) * topicsPerBlock, this.#topics.length)
    const frames: BatchFrame[] = []
    let length = 0
    let end = start
    for (const topic of this.#topics.slice(start, blockEnd)) {
      if (length >= partLength) break
      end++
      for (const frame of this.#framesOf(topic)) {
        frames.push(frame)
        length += frame.text.length
      }
    }
    return { batch: new FrameBatch(frames, this.#options.view.dialect.isStream), end }
  }

  *#framesOf(of: string): Generator<BatchFrame, void, void> {
    const { view, context } = this.#options
    for (const message of context.values.on(of)) {
      const { topic } = message
      if (!view.rights.mayRead(topic)) continue
      const options = view.shows?.ages ? context.values.ageOf(topic) : undefined
      const frame = frameOf(view, { message, options }, context.frameBytes)
      // Of whatever shape: a newer one takes its place.
      if (frame !== undefined) yield { text: frame.text, topic }
    }
  }
}

/** So many are sorted before others have their turn: some milliseconds. */
const sortedAtOnce = 2048

async function sortedInTurns(texts: string[]): Promise<string[]> {
  if (texts.length <= sortedAtOnce) return texts.sort()
  const half = Math.ceil(texts.length / 2)
  const lower = await sortedInTurns(texts.slice(0, half))
  await turnOver()
  const upper = await sortedInTurns(texts.slice(half))
  await turnOver()
  return merged(lower, upper)
}

function merged(lower: readonly string[], upper: readonly string[]): string[] {
  const all: string[] = []
  let from = 0
  for (const text of lower) {
    for (let next = upper[from]; next !== undefined && next < text; next = upper[++from]) {
      all.push(next)
    }
    all.push(text)
  }
  return all.concat(upper.slice(from))
}

function blockOf(place: number): number {
  return Math.floor(place / topicsPerBlock)
}
