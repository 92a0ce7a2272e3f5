/** What was said of late below a base, for those whose connection was lost and who are back soon. */
import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Bus } from '../bus/bus.ts'
import type { ByteShare, NewShare } from '../core/byte-budget.ts'
import type { Clock } from '../core/clock.ts'
import { matches } from '../core/filter.ts'
import type { JsonLimits } from '../core/json.ts'
import type { Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { filterBelow } from '../core/topic.ts'
import { type Presence, toldByHub } from '../nodes/registry/presence.ts'
import {
  type BatchFrame,
  FrameBatch,
  filtersOf,
  frameOf,
  isToldBesides,
  type View,
  viewName,
} from './audiences.ts'

export interface RecoveryContext {
  readonly bus: Pick<Bus, 'subscribe'>
  readonly presence: Presence
  readonly limits: RecoveryLimits
  /** Of what is kept for all bases together. */
  readonly newRecoveryShare: NewShare
  readonly clock: Pick<Clock, 'nowMs'>
  readonly jsonLimits: JsonLimits
  readonly sampledLog: SampledLog
  /** How large a frame may be. */
  readonly frameBytes: number
}

export interface RecoveryLimits {
  /** What is kept of one base. */
  readonly recoveryBytes: number
  readonly recoverySeconds: number
}

export interface Recovery {
  /** What is said below `base` from now on, kept until it is closed as often as it was opened, and a while longer. */
  open(base: string): RecoveryLog
  close(): void
}

/** The messages below one base, numbered. */
export interface RecoveryLog {
  /** The position of the latest message. */
  readonly position: string
  /** The position of a message that is on its way: the latest one, also when it was not noted yet. */
  note(message: Message): string
  /** The place of the first message after a position; or how many are missing, undefined when nobody can tell. */
  placeAfter(position: string): Place | { readonly missed: number | undefined }
  /** What `view` has to be told from a place on; undefined when it is not kept any more. */
  partAt(place: Place, view: View): RecoveredPart | undefined
  close(): void
}

/** The number of a message. */
type Place = number

export interface RecoveredPart {
  readonly batch: FrameBatch
  /** The first place after it. */
  readonly end: Place
  /** Whether nothing came after it so far. */
  readonly isLast: boolean
}

/** Bases that nobody watches are numbered on: so many, so that who is back after long can be told what is missing. */
const mostIdle = 64

/** What is kept of frames for those who come back together. */
const mostKeptBytes = 4 * 1024 * 1024

export function createRecovery(context: RecoveryContext): Recovery {
  const logs = new Map<string, { readonly log: BaseLog; openings: number }>()
  const idle = new Set<string>()
  const parts: Parts = new LRUCache({
    maxSize: mostKeptBytes,
    sizeCalculation: ({ batch }) => batch.bytes.length + 64,
  })
  const leave = (base: string) => {
    const opened = logs.get(base)
    if (opened === undefined || --opened.openings > 0) return
    idle.add(base)
    for (const longest of idle) {
      if (idle.size <= mostIdle) break
      idle.delete(longest)
      logs.get(longest)?.log.end()
      logs.delete(longest)
    }
  }
  return {
    open: (base) => {
      const opened = logs.get(base) ?? {
        log: new BaseLog(base, { ...context, parts }),
        openings: 0,
      }
      logs.set(base, opened)
      opened.openings++
      idle.delete(base)
      return opened.log.opened(() => leave(base))
    },
    close: () => {
      for (const { log } of logs.values()) log.end()
      logs.clear()
    },
  }
}

type Parts = LRUCache<string, RecoveredPart>

/** A message without what its payload decodes to: its bytes are a text of as many characters. */
interface Kept extends Omit<Message, 'payload'> {
  readonly latin1: string
  readonly bytes: number
  readonly atMs: number
}

/** What a message costs besides its payload and topic. */
const overheadBytes = 256

/** So many are framed together. */
const placesPerPart = 64

class BaseLog {
  readonly #context: RecoveryContext & { readonly parts: Parts }
  readonly #share: ByteShare
  readonly #epoch = randomBytes(6).toString('base64url')
  readonly #unsubscribes: readonly (() => void)[]
  #kept: Kept[] = []
  /** The place of the first that is kept, and where it is in `#kept`. */
  #first = 1
  #start = 0
  #bytes = 0
  #last: Message | undefined
  #position: string

  constructor(base: string, context: RecoveryContext & { readonly parts: Parts }) {
    this.#context = context
    this.#share = context.newRecoveryShare(() => base)
    this.#position = this.#positionAt(0)
    this.#unsubscribes = [
      context.bus.subscribe(filterBelow(base), (message) => {
        if (toldByHub(message.topic) === undefined) this.note(message)
      }),
      context.presence.subscribe((message) => {
        if (matches(filterBelow(base), message.topic)) this.note(message)
      }),
    ]
  }

  /** The log, as one who opened it sees it. */
  opened(leave: () => void): RecoveryLog {
    let isOpen = true
    const position = () => this.#position
    return {
      get position() {
        return position()
      },
      note: (message) => this.note(message),
      placeAfter: (position) => this.#placeAfter(position),
      partAt: (place, view) => this.#partAt(place, view),
      close: () => {
        if (isOpen) leave()
        isOpen = false
      },
    }
  }

  end(): void {
    for (const unsubscribe of this.#unsubscribes) unsubscribe()
    this.#share.hold(0)
  }

  /** The bus tells everybody of one message before the next, so one that is the latest was noted already. */
  note(message: Message): string {
    if (message === this.#last) return this.#position
    this.#last = message
    this.#keep(message)
    this.#position = this.#positionAt(this.#end - 1)
    return this.#position
  }

  /** The place after the last. */
  get #end(): Place {
    return this.#first + this.#kept.length - this.#start
  }

  #positionAt(place: Place): string {
    return `${this.#epoch}:${place}`
  }

  #keep({ topic, payload, qos, retain, properties }: Message): void {
    const bytes = payload.bytes.length + 2 * topic.length + overheadBytes
    const latin1 = payload.bytes.toString('latin1')
    const atMs = this.#context.clock.nowMs()
    this.#kept.push({ topic, qos, retain, properties, latin1, bytes, atMs })
    this.#bytes += bytes
    const { recoveryBytes, recoverySeconds } = this.#context.limits
    this.#dropUntil((oldest) => {
      const isYoung = atMs - oldest.atMs <= recoverySeconds * 1000
      return isYoung && this.#bytes <= recoveryBytes && this.#share.hold(this.#bytes)
    })
  }

  /** Gives up the oldest until one may stay. */
  #dropUntil(mayStay: (oldest: Kept) => boolean): void {
    for (let oldest = this.#kept[this.#start]; oldest; oldest = this.#kept[this.#start]) {
      if (mayStay(oldest)) break
      this.#start++
      this.#first++
      this.#bytes -= oldest.bytes
    }
    // What was given up is taken out when it is the most.
    if (this.#start <= this.#kept.length / 2) return
    this.#kept = this.#kept.slice(this.#start)
    this.#start = 0
  }

  #placeAfter(position: string): Place | { readonly missed: number | undefined } {
    const [epoch, number = ''] = position.split(':')
    const place = Number(number) + 1
    if (epoch !== this.#epoch || !(place >= 1 && place <= this.#end)) return { missed: undefined }
    const { limits, sampledLog } = this.#context
    const { recoverySeconds } = limits
    const sinceMs = this.#context.clock.nowMs() - recoverySeconds * 1000
    this.#dropUntil(({ atMs }) => atMs >= sinceMs)
    this.#share.hold(this.#bytes)
    if (place >= this.#first) return place
    const missed = this.#end - place
    const fields = { missed }
    sampledLog.warn('websocket-recovery-too-late', fields, 'a client is back too late to go on')
    return { missed }
  }

  #partAt(place: Place, view: View): RecoveredPart | undefined {
    if (place < this.#first) return undefined
    const blockEnd = (Math.floor(place / placesPerPart) + 1) * placesPerPart
    const end = Math.min(blockEnd, this.#end)
    const isLast = end === this.#end
    const { parts } = this.#context
    const key = `${this.#positionAt(place)} ${end}\n${viewName(view)}`
    const known = parts.get(key)
    if (known !== undefined) return { ...known, isLast }
    const frames = this.#framesOf(place, end, view)
    const part = { batch: new FrameBatch(frames, view.dialect.isStream), end, isLast }
    parts.set(key, part)
    return part
  }

  #framesOf(from: Place, end: Place, view: View): BatchFrame[] {
    const frames: BatchFrame[] = []
    for (let place = from; place < end; place++) {
      const kept = this.#kept[place - this.#first + this.#start]
      if (kept === undefined || !isOf(view, kept.topic)) continue
      const { latin1, ...message } = kept
      const payload = new Payload(Buffer.from(latin1, 'latin1'), this.#context.jsonLimits)
      const position = this.#positionAt(place)
      const frame = frameOf(
        view,
        { message: { ...message, payload }, position },
        this.#context.frameBytes,
      )
      // Each of them is told: nothing takes its place.
      if (frame !== undefined) frames.push({ text: frame.text, topic: undefined })
    }
    return frames
  }
}

/** Whether a view is told of a message on `topic`. */
function isOf(view: View, topic: string): boolean {
  if (toldByHub(topic) !== undefined) return isToldBesides(view, topic)
  return view.rights.mayRead(topic) && filtersOf(view).some((filter) => matches(filter, topic))
}
