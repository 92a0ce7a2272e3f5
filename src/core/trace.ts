/**
 * What became of the latest messages and connections, for who asks why: who sent a message, which rule let it pass, whom it was
 * handed to, how long that took. On the path of a message nothing is made for this: its place in the ring is there
 * already, and of each receiver a reference is noted. All else is found out when somebody reads.
 */
import { type Clock, isoTime, systemClock } from './clock.ts'
import type { HubError } from './errors.ts'
import { matches } from './filter.ts'
import type { Message, Qos, Receipt } from './message.ts'
import { isCommand } from './topic.ts'

/** Who brings a message. */
export interface MessageOrigin {
  readonly user: string
  readonly clientId?: string | undefined
  readonly address: string
  readonly way: string
}

/** Somebody whom messages are handed to. */
export interface Receiving extends MessageOrigin {
  /** More waits for it than it reads. */
  readonly isBehind: boolean
}

/** Those who are handed the same. */
export interface ReceivingGroup {
  /** How many they are now. */
  readonly size: number
  /** Those who are still there. */
  receiving(): Iterable<Receiving>
}

/** Whom a message was handed to: an MQTT client by its name in the broker, or all of a group. */
type Receiver = string | ReceivingGroup

/** How a message was handed to an MQTT client. */
export type Handing = 'sent' | 'waits' | 'behind'

/** Who received a message. */
export interface Reached {
  readonly user: string
  readonly client?: string
  readonly address?: string
  readonly way: string
  /** It did not go out at once: the client was away, or had not read what came before. */
  readonly waits?: true
  /** It reads more slowly than messages come. */
  readonly slow?: true
}

/** A message, or the end of a connection: an entry of `GET /api/trace`. */
export interface TraceEntry extends Partial<Told> {
  readonly id: number
  readonly at: string
  readonly kind: 'message' | 'command' | 'connection'
  readonly user: string
  readonly client?: string
  readonly address: string
  readonly way: string
}

interface Told {
  readonly topic: string
  readonly qos: Qos
  readonly retain: boolean
  readonly bytes: number
  /** The rule that let it pass. */
  readonly rule: string
  readonly refused: { readonly code: string; readonly message: string }
  /** The hub was overloaded, and dropped it without a word. */
  readonly shed: true
  /** How many it was handed to, and who of them is known still. */
  readonly receivers: number
  readonly receivedBy: readonly Reached[]
  /** From its coming until all had been handed it. */
  readonly tookMs: number
  /** What became of a command so far. */
  readonly receipt: string
  readonly receiptMs: number
  /** Why a connection ended. */
  readonly ended: string
  readonly openMs: number
}

/** Which entries are asked for. */
export interface TraceQuery {
  /** Of this user only. */
  readonly user?: string | undefined
  readonly kind?: TraceEntry['kind'] | undefined
  /** A filter of topics. */
  readonly topic?: string | undefined
  readonly sinceMs?: number | undefined
  readonly limit: number
}

/** Powers of two: a place is found by cutting off the high bits of a number. */
const most = { entries: 8192, receivers: 32_768 }
/** Of the texts that entries refer to, most of which others have as well. */
const mostCharacters = 4 * 1_048_576
/** Of one message so many receivers are noted, and all are counted. */
const mostReceivers = 64
const oldestMs = 10 * 60_000

/** The place of an entry, used anew when its turn comes again. */
class Place {
  number = -1
  isConnection = false
  /** By `Clock.nowMs`, as all times here. */
  beganMs = 0
  user = ''
  clientId: string | undefined
  address = ''
  way = ''
  topic = ''
  qos: Qos = 0
  retain = false
  bytes = 0
  rule: string | undefined
  refusedCode: string | undefined
  /** Why it was refused, or has ended. */
  reason = ''
  isShed = false
  firstReceiver = 0
  noted = 0
  receivers = 0
  tookMs: number | undefined
  receipt: string | undefined
  receiptMs = 0
  /** Of its texts, as they have been counted. */
  characters = 0

  /** Of what was here before nothing is left. */
  begin(number: number, nowMs: number): void {
    this.number = number
    this.beganMs = nowMs
    this.isConnection = false
    this.isShed = false
    this.rule = undefined
    this.refusedCode = undefined
    this.receipt = undefined
    this.tookMs = undefined
    this.noted = 0
    this.receivers = 0
    this.forget()
  }

  forget(): void {
    this.topic = ''
    this.reason = ''
    this.characters = 0
  }
}

/** What the hub says itself, such as what it reports of devices of profiles. */
const hubItself: MessageOrigin = { user: 'hub', address: 'hub', way: 'hub' }

export class Trace {
  readonly #clock: Clock
  readonly #places: Place[] = []
  readonly #receivers: Receiver[] = []
  readonly #handings: Handing[] = []
  /** Stands for all that are not kept any more. */
  readonly #gone = new Place()
  /** The number that comes next, and the first that is kept. */
  #next = 0
  #first = 0
  #nextReceiver = 0
  #characters = 0
  /** What is handed over just now. */
  #current: Place | undefined

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** A message comes of somebody; from now on it carries its number. `topic`: a text of it that is kept anyway. */
  enters(message: Message, origin: MessageOrigin, topic = message.topic): void {
    const { qos, retain, payload } = message
    const place = this.#add(origin)
    message.traced = place.number
    place.topic = topic
    place.qos = qos
    place.retain = retain
    place.bytes = payload.bytes.length
    this.#count(place)
  }

  /** A rule lets it pass. */
  allowed({ traced }: Message, rule: string): void {
    this.#placeOf(traced).rule = rule
  }

  refused({ traced }: Message, { code, message }: HubError): void {
    const place = this.#placeOf(traced)
    place.refusedCode = code
    place.reason = message
    this.#count(place)
  }

  shed({ traced }: Message): void {
    this.#placeOf(traced).isShed = true
  }

  /** What became of the command with this number. */
  told(traced: number | undefined, { receipt, afterMs }: Receipt): void {
    const place = this.#placeOf(traced)
    place.receipt = receipt
    place.receiptMs = afterMs
  }

  /** It is handed over from now on, until `ends`; what no client has brought is the hub's own. */
  begins(message: Message): void {
    if (message.topic.startsWith('$')) return
    if (message.traced === undefined) this.enters(message, hubItself)
    const place = this.#placeOf(message.traced)
    this.#current = place
    if (place.receivers === 0) place.firstReceiver = this.#nextReceiver
  }

  handed(receiver: Receiver, handing: Handing): void {
    const place = this.#current
    if (place === undefined) return
    place.receivers += typeof receiver === 'string' ? 1 : receiver.size
    // Of what goes out on several topics those are in one row between which nothing came.
    const isNext = place.firstReceiver + place.noted === this.#nextReceiver
    if (!isNext || place.noted === mostReceivers) return
    const at = this.#nextReceiver++ & (most.receivers - 1)
    this.#receivers[at] = receiver
    this.#handings[at] = handing
    place.noted++
  }

  ends(): void {
    const place = this.#current
    this.#current = undefined
    // What nobody receives takes no time, nor does it have to be measured.
    if (place !== undefined && place.receivers > 0) {
      place.tookMs = this.#clock.nowMs() - place.beganMs
    }
  }

  /** A connection has ended on which somebody was signed in. */
  connectionEnded(origin: MessageOrigin, { why, openMs }: { why: string; openMs: number }): void {
    const place = this.#add(origin)
    place.isConnection = true
    place.tookMs = openMs
    place.reason = why
    this.#count(place)
  }

  /** The latest first. */
  read({ limit, ...wanted }: TraceQuery): TraceEntry[] {
    const found: TraceEntry[] = []
    const aheadMs = this.#clock.wallMs() - this.#clock.nowMs()
    const oldest = Math.max((wanted.sinceMs ?? 0) - aheadMs, this.#clock.nowMs() - oldestMs)
    for (let number = this.#next - 1; number >= this.#first; number--) {
      const place = this.#placeOf(number)
      if (place.beganMs < oldest || found.length === limit) break
      if (isWanted(place, wanted)) found.push(this.#entryOf(place, aheadMs))
    }
    return found
  }

  #add({ user, clientId, address, way }: MessageOrigin): Place {
    const number = this.#next++
    if (number - this.#first === most.entries) this.#forgetFirst()
    const at = number & (most.entries - 1)
    const place = this.#places[at] ?? new Place()
    this.#places[at] = place
    place.begin(number, this.#clock.nowMs())
    place.user = user
    place.clientId = clientId
    place.address = address
    place.way = way
    return place
  }

  /** Counts the texts of a place anew; the oldest go until all fit. The latest stays, whatever it takes. */
  #count(place: Place): void {
    const { topic, reason, user, clientId = '', address } = place
    const characters = topic.length + reason.length + user.length + clientId.length + address.length
    this.#characters += characters - place.characters
    place.characters = characters
    while (this.#characters > mostCharacters && this.#first < this.#next - 1) this.#forgetFirst()
  }

  #forgetFirst(): void {
    const place = this.#placeOf(this.#first)
    this.#first++
    this.#characters -= place.characters
    place.forget()
  }

  #placeOf(number = -1): Place {
    const place = this.#places[number & (most.entries - 1)]
    return place?.number === number && number >= this.#first ? place : this.#gone
  }

  /** `aheadMs`: what the clock on the wall is ahead of. */
  #entryOf(place: Place, aheadMs: number): TraceEntry {
    const { number, user, clientId, address, way, tookMs = 0, reason } = place
    const head = {
      id: number,
      at: isoTime(place.beganMs + aheadMs),
      kind: kindOf(place),
      user,
      ...(clientId !== undefined && { client: clientId }),
      address,
      way,
    }
    if (place.isConnection) return { ...head, ended: reason, openMs: Math.round(tookMs) }
    const { topic, qos, retain, bytes, rule, refusedCode, isShed, receipt, receiptMs } = place
    return {
      ...head,
      ...{ topic, qos, retain, bytes },
      ...(rule !== undefined && { rule }),
      ...(refusedCode !== undefined && { refused: { code: refusedCode, message: reason } }),
      ...(isShed && { shed: true }),
      receivers: place.receivers,
      receivedBy: this.#reachedBy(place),
      tookMs: Math.round(tookMs * 1000) / 1000,
      ...(receipt !== undefined && { receipt, receiptMs }),
    }
  }

  /** Those who are still known: of others than MQTT clients, who are still there. */
  #reachedBy({ firstReceiver, noted }: Place): Reached[] {
    const found: Reached[] = []
    const oldest = this.#nextReceiver - most.receivers
    for (let at = Math.max(firstReceiver, oldest); at < firstReceiver + noted; at++) {
      const receiver = this.#receivers[at & (most.receivers - 1)]
      const handing = this.#handings[at & (most.receivers - 1)]
      if (typeof receiver === 'object') {
        for (const each of receiver.receiving()) found.push(reachedOf(each))
      } else found.push(clientReached(String(receiver), handing))
    }
    return found.slice(0, mostReceivers)
  }
}

function kindOf({ isConnection, topic }: Place): TraceEntry['kind'] {
  if (isConnection) return 'connection'
  return isCommand(topic) ? 'command' : 'message'
}

function isWanted(place: Place, { user, kind, topic }: Omit<TraceQuery, 'limit'>): boolean {
  if (user !== undefined && place.user !== user) return false
  if (kind !== undefined && kindOf(place) !== kind) return false
  return topic === undefined || (!place.isConnection && matches(topic, place.topic))
}

function reachedOf({ user, clientId, address, way, isBehind }: Receiving): Reached {
  const client = clientId === undefined ? {} : { client: clientId }
  return { user, ...client, address, way, ...(isBehind && { slow: true }) }
}

/** The name of a client has its user before the first colon. */
function clientReached(name: string, handing: Handing | undefined): Reached {
  const colon = name.indexOf(':')
  return {
    ...{ user: name.slice(0, colon), client: name.slice(colon + 1), way: 'mqtt' },
    ...(handing !== 'sent' && { waits: true }),
    ...(handing === 'behind' && { slow: true }),
  }
}
