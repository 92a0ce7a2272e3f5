import type { Logger } from 'pino'
import type { Rights } from '../access/rights.ts'
import type { Bus } from '../bus/bus.ts'
import type { EndOfTick } from '../core/callbacks.ts'
import { HubError } from '../core/errors.ts'
import { errorPayload, errorTopic, type Message, type MessageProperties } from '../core/message.ts'
import { filterBelow, relativeTopic } from '../core/topic.ts'
import type { Receiving, ReceivingGroup, Trace } from '../core/trace.ts'
import type { Dialect } from '../dialects/dialect.ts'
import { textsOf } from '../mqtt/properties.ts'
import { shapeOf } from '../nodes/clown-model.ts'
import type { LineOptions } from '../nodes/registry/answers.ts'
import { mayReadPresence, type Presence, toldByHub } from '../nodes/registry/presence.ts'
import type { Recovery, RecoveryLog } from './recovery.ts'

/** One member's part in an audience. */
export interface Membership {
  /** Hands over at once what was collected, ahead of what the member gets from elsewhere. */
  settle(): void
  /** Settles, and hands over nothing more. */
  leave(): void
}

/**
 * Sessions with the same base, dialect and rights to read share one subscription. Each message is
 * encoded and framed once, and what comes in one turn of the event loop is handed over at its end, as a
 * whole.
 */
export interface Audiences {
  /** `member` receives each message of `view` from now on, until it leaves. */
  join(view: View, member: AudienceMember): Membership
}

export function createAudiences(context: AudienceContext): Audiences {
  const audiences = new Map<string, Audience>()
  return {
    join: (view, member) => {
      const name = viewName(view)
      const audience = audiences.get(name) ?? new Audience(context, view)
      audiences.set(name, audience)
      audience.add(member)
      return {
        settle: () => audience.settle(member),
        leave: () => {
          audience.remove(member)
          if (audience.isEmpty) audiences.delete(name)
        },
      }
    },
  }
}

/** A session as its audience sees it. */
export interface AudienceMember {
  deliver(batch: FrameBatch): void
  /** Whose it is. */
  readonly receiving: Receiving
}

/** What a session wants to see, and may. */
export interface View {
  readonly dialect: Pick<Dialect, 'name' | 'encode' | 'isStream'>
  readonly base: string
  /** Of what is below the base, complete and in order; all of it without. */
  readonly filters?: readonly string[] | undefined
  readonly rights: Pick<Rights, 'key' | 'mayRead' | 'readsAll'>
  readonly shows?: Shown
}

/** What is told besides messages, to those who ask for it. */
export interface Shown {
  /** What MQTT 5 says of messages. */
  readonly properties?: boolean
  /** How old last values are, and whether they are stale. */
  readonly ages?: boolean
  /** That nodes and sensors are there, or are not. */
  readonly presence?: boolean
  /** What devices are called, and where they are. */
  readonly labels?: boolean
  /** Where a message stands among those below the base. */
  readonly positions?: boolean
}

/** Stands for what is the same for all who have an equal view. */
export function viewName({ dialect, base, filters, rights, shows = {} }: View): string {
  const { properties, ages, presence, labels, positions } = shows
  // No topic holds a line break, so two views never share a name.
  return [dialect.name, base, rights.key, properties, ages, presence, labels, positions]
    .concat(filters ?? 'all')
    .join('\n')
}

/** The filters of the messages that a view is of. */
export function filtersOf({ base, filters }: View): readonly string[] {
  return filters ?? [filterBelow(base)]
}

/** Whether a view is told of what the hub alone tells on `topic`. */
export function isToldBesides({ rights, shows = {} }: View, topic: string): boolean {
  const what = toldByHub(topic)
  return what !== undefined && shows[what] === true && mayReadPresence(rights, topic)
}

export interface AudienceContext {
  readonly bus: Pick<Bus, 'subscribe'>
  readonly presence: Presence
  readonly recovery: Pick<Recovery, 'open'>
  readonly endOfTick: Pick<EndOfTick, 'add'>
  readonly trace: Pick<Trace, 'handed'>
  readonly log: Logger
  /** How large a frame may be. */
  readonly frameBytes: number
}

/** So many characters go at once: a reader that keeps up must not look like one that does not. */
const mostCollected = 65_536

/** Sessions that receive the same frames. It ends when the last one has left. */
class Audience implements ReceivingGroup {
  readonly #context: AudienceContext
  readonly #view: View
  readonly #readsAll: boolean
  readonly #members = new Set<AudienceMember>()
  readonly #unsubscribes: readonly (() => void)[]
  readonly #log: RecoveryLog | undefined
  /** Where several filters match it, a message comes several times, one right after the other. */
  #last: Message | undefined
  #frames: BatchFrame[] = []
  #collected = 0
  /** How many of the collected frames those have who did not wait for the end of the turn. */
  #taken = new Map<AudienceMember, number>()

  constructor(context: AudienceContext, view: View) {
    const filters = filtersOf(view)
    const { presence, labels, positions } = view.shows ?? {}
    this.#context = context
    this.#view = view
    this.#readsAll = filters.every(view.rights.readsAll)
    this.#log = positions ? context.recovery.open(view.base) : undefined
    this.#unsubscribes = [
      ...filters.map((filter) =>
        context.bus.subscribe(filter, (message) => this.#arrived(message)),
      ),
      ...(presence || labels
        ? [context.presence.subscribe((message) => this.#present(message))]
        : []),
      ...(this.#log === undefined ? [] : [this.#log.close]),
    ]
  }

  get isEmpty(): boolean {
    return this.size === 0
  }

  get size(): number {
    return this.#members.size
  }

  receiving(): Receiving[] {
    return [...this.#members].map(({ receiving }) => receiving)
  }

  add(member: AudienceMember): void {
    this.#members.add(member)
    this.#noteTaken(member)
  }

  remove(member: AudienceMember): void {
    this.settle(member)
    this.#taken.delete(member)
    this.#members.delete(member)
    if (!this.isEmpty) return
    for (const unsubscribe of this.#unsubscribes) unsubscribe()
  }

  /** Hands over what was collected to one member. */
  settle(member: AudienceMember): void {
    const start = this.#taken.get(member) ?? 0
    if (start === this.#frames.length) return
    this.#noteTaken(member)
    this.#tell(member, this.#batchOf(this.#frames.slice(start)))
  }

  /** Hands over what was collected: the same to all but those who have some of it. */
  flush(): void {
    const frames = this.#frames
    if (frames.length === 0) return
    const taken = this.#taken
    this.#frames = []
    this.#collected = 0
    this.#taken = new Map()
    const batch = this.#batchOf(frames)
    for (const member of this.#members) {
      const start = taken.size === 0 ? 0 : (taken.get(member) ?? 0)
      if (start === 0) this.#tell(member, batch)
      else if (start < frames.length) this.#tell(member, this.#batchOf(frames.slice(start)))
    }
  }

  #batchOf(frames: readonly BatchFrame[]): FrameBatch {
    return new FrameBatch(frames, this.#view.dialect.isStream)
  }

  #arrived(message: Message): void {
    if (message === this.#last) return
    this.#last = message
    if (toldByHub(message.topic) !== undefined) return
    if (this.#readsAll || this.#view.rights.mayRead(message.topic)) this.#collect(message)
  }

  #present(message: Message): void {
    if (isToldBesides(this.#view, message.topic)) this.#collect(message)
  }

  #collect(message: Message): void {
    const position = this.#log?.note(message)
    const frame = frameOf(this.#view, { message, position }, this.#context.frameBytes)
    if (frame === undefined) return
    this.#context.trace.handed(this, 'sent')
    if (this.#frames.length === 0) this.#context.endOfTick.add(this)
    this.#frames.push(frame)
    this.#collected += frame.text.length
    if (this.#collected > mostCollected) this.flush()
  }

  #noteTaken(member: AudienceMember): void {
    if (this.#frames.length > 0) this.#taken.set(member, this.#frames.length)
  }

  #tell(member: AudienceMember, batch: FrameBatch): void {
    try {
      member.deliver(batch)
    } catch (error) {
      // What one member cannot take, the others still get.
      this.#context.log.error(
        { event: 'audience-failed', err: error, base: this.#view.base },
        'a member of an audience failed',
      )
    }
  }
}

/** A frame for all members of an audience. */
export interface BatchFrame {
  readonly text: string
  /** Set when a later frame on the same topic may take this one's place. */
  readonly topic: string | undefined
}

/** Frames that go together, each framed once for all who get them. */
export class FrameBatch {
  readonly frames: readonly BatchFrame[]
  readonly #isStream: boolean
  #bytes: Buffer | undefined

  constructor(frames: readonly BatchFrame[], isStream = false) {
    this.frames = frames
    this.#isStream = isStream
  }

  /** All frames as a websocket carries them, or a stream, for a single write. */
  get bytes(): Buffer {
    this.#bytes ??= this.#isStream ? joined(this.frames) : framed(this.frames)
    return this.#bytes
  }
}

/** The batch of a single frame: the same one as before for the same frame, so that many get the same. */
export function repeatedBatch(): (text: string, topic?: string) => FrameBatch {
  let frame: BatchFrame = { text: '', topic: undefined }
  let batch = new FrameBatch([frame])
  return (text, topic) => {
    if (text === frame.text && topic === frame.topic) return batch
    frame = { text, topic }
    batch = new FrameBatch([frame])
    return batch
  }
}

function joined(frames: readonly BatchFrame[]): Buffer {
  return Buffer.from(frames.map(({ text }) => text).join(''))
}

function framed(frames: readonly BatchFrame[]): Buffer {
  const lengths: number[] = []
  let allBytes = 0
  for (const { text } of frames) {
    const length = Buffer.byteLength(text)
    lengths.push(length)
    allBytes += headerBytes(length) + length
  }
  const all = Buffer.allocUnsafe(allBytes)
  let at = 0
  for (const [place, { text }] of frames.entries()) {
    at = writeHeader(all, at, Number(lengths[place]))
    at += all.write(text, at)
  }
  return all
}

/** RFC 6455, 5.2: past these the length takes two bytes more, and eight. */
const longest = { inOneByte: 125, inTwoBytes: 65_535 }

function headerBytes(length: number): number {
  if (length <= longest.inOneByte) return 2
  return length <= longest.inTwoBytes ? 4 : 10
}

/** RFC 6455, 5.2: a text in one frame; 5.1: a server masks nothing. Returns where the text begins. */
function writeHeader(all: Buffer, start: number, length: number): number {
  const finalText = 0x81
  const at = all.writeUInt8(finalText, start)
  if (length <= longest.inOneByte) return all.writeUInt8(length, at)
  if (length <= longest.inTwoBytes) return all.writeUInt16BE(length, all.writeUInt8(126, at))
  return all.writeBigUInt64BE(BigInt(length), all.writeUInt8(127, at))
}

/** A message, and what its line says besides what the message does. */
export interface SeenMessage {
  readonly message: Message
  readonly position?: string | undefined
  /** What else its third element has. */
  readonly options?: LineOptions | undefined
}

/** How a view tells of a message that may be read; undefined of one that is not below its base. */
export function frameOf(
  { base, dialect, shows }: View,
  { message, position, options }: SeenMessage,
  frameBytes: number,
): BatchFrame | undefined {
  const { topic, payload, properties } = message
  const relative = relativeTopic(base, topic)
  if (relative === undefined) return undefined
  const shown = shows?.properties === true && properties ? lineOptionsOf(properties) : undefined
  const placed = position === undefined ? undefined : { position }
  // Most lines have no third element, and need no object for it.
  const line = (shown ?? placed ?? options) && { ...options, ...shown, ...placed }
  const text = fittingFrame(dialect, { topic: relative, payload, options: line }, frameBytes)
  // Only of a report does the latest value tell all; commands, answers and notifications are events.
  return { text, topic: shapeOf(topic) === 'report' ? topic : undefined }
}

/**
 * The frame that tells of a message on `topic`, or one on `<topic>/error` that tells how large it is, when it
 * has more than `mostBytes`: a page takes no more at once.
 */
export function fittingFrame(
  { encode }: Pick<Dialect, 'encode'>,
  { topic, payload, options }: Pick<Message, 'topic' | 'payload'> & Pick<SeenMessage, 'options'>,
  mostBytes: number,
): string {
  const { length } = payload.bytes
  // No payload gets shorter by being framed, and what is much too large need not be read for that.
  const frame = length > mostBytes ? undefined : encode(topic, payload, options)
  if (frame !== undefined && hasAtMost(frame, mostBytes)) return frame
  const message = `expected a message that a page takes, of at most ${mostBytes} bytes, got ${length}`
  return encode(errorTopic(topic), errorPayload(new HubError('too-large', message)))
}

/** What MQTT 5 says of a message, for those who read it; without anything to tell, nothing. */
function lineOptionsOf({ bytes }: MessageProperties): LineOptions | undefined {
  const { contentType, userProperties } = textsOf(bytes)
  if (contentType === undefined && userProperties.length === 0) return undefined
  return {
    ...(contentType !== undefined && { contentType }),
    ...(userProperties.length > 0 && { userProperties }),
  }
}

/** RFC 3629: a character has at most three bytes for each of its units, so most need no count. */
function hasAtMost(text: string, mostBytes: number): boolean {
  return text.length <= mostBytes / 3 || Buffer.byteLength(text) <= mostBytes
}
