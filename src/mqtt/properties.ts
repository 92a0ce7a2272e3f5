/**
 * The properties of MQTT 5 [MQTT 5, 2.2.2]. They stay bytes: what the broker needs to know is read out of
 * them, and what only travels with a message is one slice of its packet, in its order [MQTT-3.3.2-18].
 */
import { isUtf8 } from 'node:buffer'
import { malformed, PacketFault, PacketFields, protocolError, reasons } from './packet.ts'

/** [MQTT 5, 2.2.2.2] */
export const properties = {
  payloadFormat: 1,
  messageExpiry: 2,
  contentType: 3,
  responseTopic: 8,
  correlationData: 9,
  subscriptionIdentifier: 11,
  sessionExpiry: 17,
  assignedClientId: 18,
  serverKeepAlive: 19,
  authenticationMethod: 21,
  authenticationData: 22,
  requestProblemInformation: 23,
  willDelay: 24,
  requestResponseInformation: 25,
  responseInformation: 26,
  serverReference: 28,
  reasonString: 31,
  receiveMaximum: 33,
  topicAliasMaximum: 34,
  topicAlias: 35,
  maximumQos: 36,
  retainAvailable: 37,
  userProperty: 38,
  maximumPacketSize: 39,
  wildcardAvailable: 40,
  identifierAvailable: 41,
  sharedAvailable: 42,
} as const

/** The places where a client may have properties: bits, so that a property may have several. */
export const places = {
  connect: 1,
  will: 2,
  publish: 4,
  subscribe: 8,
  unsubscribe: 16,
  acknowledgement: 32,
  disconnect: 64,
} as const

export type Place = (typeof places)[keyof typeof places]

type Type = 'flag' | 'number' | 'long' | 'variable' | 'text' | 'binary' | 'pair'

interface Rule {
  readonly type: Type
  /** Where a client may say it; nowhere is 0. */
  readonly places: number
  /** Whether it goes on to those who receive the message. */
  readonly travels: boolean
}

const { connect, will, publish, subscribe, acknowledgement, disconnect } = places
const p = properties

/** Those that travel, and then those that are between the client and the hub. */
const rules = rulesOf([
  [p.payloadFormat, 'flag', publish | will, true],
  [p.contentType, 'text', publish | will, true],
  [p.responseTopic, 'text', publish | will, true],
  [p.correlationData, 'binary', publish | will, true],
  [p.userProperty, 'pair', 127, true],
  [p.messageExpiry, 'long', publish | will],
  [p.subscriptionIdentifier, 'variable', subscribe],
  [p.sessionExpiry, 'long', connect | disconnect],
  [p.assignedClientId, 'text', 0],
  [p.serverKeepAlive, 'number', 0],
  [p.authenticationMethod, 'text', connect],
  [p.authenticationData, 'binary', connect],
  [p.requestProblemInformation, 'flag', connect],
  [p.willDelay, 'long', will],
  [p.requestResponseInformation, 'flag', connect],
  [p.responseInformation, 'text', 0],
  [p.serverReference, 'text', disconnect],
  [p.reasonString, 'text', acknowledgement | disconnect],
  [p.receiveMaximum, 'number', connect],
  [p.topicAliasMaximum, 'number', connect],
  [p.topicAlias, 'number', publish],
  [p.maximumQos, 'flag', 0],
  [p.retainAvailable, 'flag', 0],
  [p.maximumPacketSize, 'long', connect],
  [p.wildcardAvailable, 'flag', 0],
  [p.identifierAvailable, 'flag', 0],
  [p.sharedAvailable, 'flag', 0],
])

type Row = readonly [id: number, type: Type, places: number, travels?: boolean]

function rulesOf(rows: readonly Row[]): ReadonlyMap<number, Rule> {
  return new Map(
    rows.map(([id, type, where, travels = false]) => [id, { type, places: where, travels }]),
  )
}

/** [MQTT-3.1.2-…] What would mean nothing. */
const neverZero: readonly number[] = [
  p.subscriptionIdentifier,
  p.receiveMaximum,
  p.maximumPacketSize,
]

/** What a message may carry of them, and anything else: each costs time to check. */
const mostPairs = { message: 1000, other: 64 }

export const noBytes: Buffer = Buffer.alloc(0)

/** What was read of the properties of a packet. */
export interface ReadProperties {
  /** Those that travel, as bytes of the packet. */
  readonly travelling: Buffer
  numberOf(id: number): number | undefined
  textOf(id: number): string | undefined
  bytesOf(id: number): Buffer | undefined
  has(id: number): boolean
}

type Value = number | string | Buffer

class Found implements ReadProperties {
  readonly #place: Place
  readonly #values = new Map<number, Value>()
  #pairs = 0
  travelling: Buffer = noBytes

  constructor(place: Place) {
    this.#place = place
  }

  /** @throws PacketFault when it may not be there, or not twice. */
  add(id: number, value: Value): void {
    if (id === p.userProperty) {
      this.#pairs++
      checkPairs(this.#pairs, this.#place)
      return
    }
    if (this.#values.has(id)) throw protocolError(`expected property ${id} once, got another`)
    if (value === 0 && neverZero.includes(id)) throw faultAt(this.#place)(`expected no 0 in ${id}`)
    this.#values.set(id, value)
  }

  has(id: number): boolean {
    return this.#values.has(id)
  }

  numberOf(id: number): number | undefined {
    const value = this.#values.get(id)
    return typeof value === 'number' ? value : undefined
  }

  textOf(id: number): string | undefined {
    const value = this.#values.get(id)
    return typeof value === 'string' ? value : undefined
  }

  bytesOf(id: number): Buffer | undefined {
    const value = this.#values.get(id)
    return typeof value === 'object' ? value : undefined
  }
}

export const noProperties: ReadProperties = new Found(places.publish)

/**
 * Reads the properties that begin where `fields` is, which goes past them.
 *
 * @throws PacketFault
 */
export function readProperties(fields: PacketFields, place: Place): ReadProperties {
  const length = fields.variable()
  if (length === 0) return noProperties
  const start = fields.skip(length)
  return readAll(new PacketFields(fields.bytes, start, start + length), place)
}

/** Those of a message that were kept with it. */
export function readTravelling(bytes: Buffer): ReadProperties {
  return readAll(new PacketFields(bytes, 0), places.publish)
}

function readAll(fields: PacketFields, place: Place): Found {
  const found = new Found(place)
  const slices = new Slices(fields.bytes)
  let misplaced: number | undefined
  while (!fields.isAtEnd) {
    const start = fields.at
    const id = fields.variable()
    const rule = knownRule(id)
    const value = readValue(fields, rule.type)
    if ((rule.places & place) === 0) misplaced ??= id
    found.add(id, value)
    if (rule.travels) slices.add(start, fields.at)
  }
  // First of all they have to be readable.
  if (misplaced !== undefined) throw faultAt(place)(`expected no property ${misplaced} here`)
  found.travelling = slices.bytes()
  return found
}

function knownRule(id: number): Rule {
  const rule = rules.get(id)
  if (rule === undefined) throw malformed(`expected a property of MQTT 5, got ${id}`)
  return rule
}

function readValue(fields: PacketFields, type: Type): Value {
  switch (type) {
    case 'flag':
      return readFlag(fields)
    case 'text':
      return fields.text('a property')
    case 'pair':
      skipPair(fields)
      return 0
    default:
      return fields[type]()
  }
}

function readFlag(fields: PacketFields): number {
  const flag = fields.byte()
  if (flag > 1) throw protocolError(`expected 0 or 1 in a property, got ${flag}`)
  return flag
}

/** A user property is for its receiver; here it only has to be text [MQTT-1.5.4-1], [MQTT-1.5.4-2]. */
function skipPair(fields: PacketFields): void {
  for (let half = 0; half < 2; half++) {
    const bytes = fields.binary()
    if (!isUtf8(bytes) || bytes.includes(0)) throw malformed('expected a user property of text')
  }
}

/** As Mosquitto has it, what does not belong into these two is not even read. */
const unreadable = places.subscribe | places.unsubscribe

function faultAt(place: Place): (message: string) => PacketFault {
  return (place & unreadable) === 0 ? protocolError : malformed
}

function checkPairs(count: number, place: Place): void {
  const most = place === places.publish ? mostPairs.message : mostPairs.other
  if (count <= most) return
  const message = `expected at most ${most} user properties, got more`
  throw new PacketFault('mqtt-packet-too-big', message, { reason: reasons.packetTooLarge })
}

/** Parts of some bytes, in their order: mostly one. */
class Slices {
  readonly #bytes: Buffer
  #start = 0
  #end = 0
  readonly #before: Buffer[] = []

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  add(start: number, end: number): void {
    if (start !== this.#end) {
      if (this.#end > 0) this.#before.push(this.#bytes.subarray(this.#start, this.#end))
      this.#start = start
    }
    this.#end = end
  }

  bytes(): Buffer {
    const last = this.#bytes.subarray(this.#start, this.#end)
    return this.#before.length === 0 ? last : Buffer.concat([...this.#before, last])
  }
}

// --- what a message says, in words ---

/** What travels with a message, as programs that speak no MQTT are told of it. */
export interface MessageTexts {
  readonly contentType?: string
  /** In their order; a name may come again. */
  readonly userProperties: readonly (readonly [name: string, value: string])[]
}

export function textsOf(travellingBytes: Buffer): MessageTexts {
  const fields = new PacketFields(travellingBytes, 0)
  const userProperties: [string, string][] = []
  let contentType: string | undefined
  while (!fields.isAtEnd) {
    const id = fields.variable()
    if (id === p.userProperty) userProperties.push([fields.utf8('a name'), fields.utf8('a value')])
    else if (id === p.contentType) contentType = fields.text('a content type')
    else readValue(fields, knownRule(id).type)
  }
  return { userProperties, ...(contentType !== undefined && { contentType }) }
}

export function bytesOf({ contentType, userProperties }: MessageTexts): Buffer {
  const type = contentType === undefined ? [] : [textProperty(p.contentType, contentType)]
  return Buffer.concat([...type, ...userProperties.map(pairProperty)])
}

/** `travellingBytes` without who is to be answered, and by which name. */
export function withoutAnswer(travellingBytes: Buffer): Buffer {
  const fields = new PacketFields(travellingBytes, 0)
  const slices = new Slices(travellingBytes)
  while (!fields.isAtEnd) {
    const start = fields.at
    const id = fields.variable()
    readValue(fields, knownRule(id).type)
    if (id !== p.responseTopic && id !== p.correlationData) slices.add(start, fields.at)
  }
  return slices.bytes()
}

// --- writing ---

export function numberProperty(id: number, value: number): Buffer {
  return Buffer.from([id, value >> 8, value & 255])
}

export function longProperty(id: number, value: number): Buffer {
  const bytes = Buffer.allocUnsafe(5)
  bytes.writeUInt8(id)
  bytes.writeUInt32BE(value, 1)
  return bytes
}

export function variableProperty(id: number, value: number): Buffer {
  return Buffer.from([id, ...variableBytes(value)])
}

export function textProperty(id: number, text: string): Buffer {
  return binaryProperty(id, Buffer.from(text))
}

export function binaryProperty(id: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([id, bytes.length >> 8, bytes.length & 255]), bytes])
}

export function pairProperty([name, value]: readonly [string, string]): Buffer {
  const nameBytes = textProperty(p.userProperty, name)
  // A text as a property, without the byte that says which.
  return Buffer.concat([nameBytes, textProperty(0, value).subarray(1)])
}

/** [MQTT-2.2.3] Seven bits a byte, the lowest first; the eighth says that more follow. */
export function variableBytes(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest >>= 7) bytes.push((rest & 127) | 128)
  return [...bytes, rest]
}
