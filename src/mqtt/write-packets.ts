/** Packets to clients, as MQTT 3.1.1 and 5 have them; 3.1 has the same as 3.1.1. */
import { steadyMs } from '../core/clock.ts'
import type { MessageProperties, Qos, Receivers } from '../core/message.ts'
import { isCommand } from '../core/topic.ts'
import { type Level, packetTypes, type Reason, reasons } from './packet.ts'
import {
  longProperty,
  noBytes,
  properties as p,
  pairProperty,
  textProperty,
  variableBytes,
  variableProperty,
} from './properties.ts'

/** A first byte, the length of `content`, and `content`. */
function packetOf(firstByte: number, content: readonly Buffer[]): Buffer {
  const bytes = content.reduce((sum, { length }) => sum + length, 0)
  const head = Buffer.from([firstByte, ...variableBytes(bytes)])
  return Buffer.concat([head, ...content], head.length + bytes)
}

/** Properties behind their length. */
function propertiesOf(all: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(all)
  return Buffer.concat([Buffer.from(variableBytes(bytes.length)), bytes])
}

function idBytes(id: number): Buffer {
  return Buffer.from([id >> 8, id & 255])
}

// --- PUBLISH ---

/** What a PUBLISH tells. */
export interface Published {
  readonly topic: string
  readonly payload: Buffer
  readonly properties?: MessageProperties | undefined
  readonly receivers?: Receivers | undefined
}

/** How it is told. */
export interface PublishHead {
  readonly level: Level
  readonly qos: Qos
  readonly retain: boolean
  readonly dup?: boolean
  /** Of the subscriptions it is for. */
  readonly identifiers?: readonly number[] | undefined
  /** Stands for the topic from now on, or already does. */
  readonly alias?: { readonly number: number; readonly isKnown: boolean } | undefined
}

/** A whole PUBLISH; above QoS 0 its id is still to be written. */
export interface PublishFrame {
  readonly bytes: Buffer
  /** Where its id is; 0 at QoS 0. */
  readonly idAt: number
  readonly isCommand: boolean
}

/** [MQTT-3.3] */
export function writePublish(message: Published, head: PublishHead): PublishFrame {
  const { level, qos, retain, dup = false, alias } = head
  const topic = alias?.isKnown ? '' : message.topic
  const topicBytes = Buffer.byteLength(topic)
  const said = level === 5 ? propertiesOf(ownProperties(message.properties, head)) : noBytes
  const bodyBytes = 2 + topicBytes + (qos === 0 ? 0 : 2) + said.length + message.payload.length
  const length = variableBytes(bodyBytes)
  const bytes = Buffer.allocUnsafe(1 + length.length + bodyBytes)
  const flags = (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0)
  bytes.set([(packetTypes.publish << 4) | flags, ...length])
  let at = bytes.writeUInt16BE(topicBytes, 1 + length.length)
  at += bytes.write(topic, at)
  const idAt = qos === 0 ? 0 : at
  if (qos > 0) at = bytes.writeUInt16BE(0, at)
  bytes.set(said, at)
  bytes.set(message.payload, at + said.length)
  return { bytes, idAt, isCommand: isCommand(message.topic) }
}

/** The frames of one message after another: made once for all who receive the same. */
export class PublishFrames {
  #message: Published | undefined
  #frames: (PublishFrame | undefined)[] = []

  of(message: Published, level: Level, grant: Pick<PublishHead, 'qos' | 'retain'>): PublishFrame {
    if (message !== this.#message) {
      this.#message = message
      this.#frames = []
    }
    const { qos, retain } = grant
    const at = (level === 5 ? 8 : 0) | (qos << 1) | (retain ? 1 : 0)
    const frame = this.#frames[at] ?? writePublish(message, { level, qos, retain })
    this.#frames[at] = frame
    return frame
  }
}

/** What the hub itself says of a message, and then what came with it. */
function ownProperties(
  given: MessageProperties | undefined,
  { identifiers = [], alias }: PublishHead,
): Buffer[] {
  const said: Buffer[] = []
  if (given?.expiresAtMs !== undefined) {
    said.push(longProperty(p.messageExpiry, secondsLeft(given.expiresAtMs)))
  }
  if (alias !== undefined) said.push(Buffer.from([p.topicAlias, ...idBytes(alias.number)]))
  for (const one of identifiers) said.push(variableProperty(p.subscriptionIdentifier, one))
  if (given !== undefined) said.push(given.bytes)
  return said
}

/** [MQTT-3.3.2-6] What is left of the time that a message is of use for; a second is the least. */
function secondsLeft(expiresAtMs: number): number {
  return Math.max(1, Math.ceil((expiresAtMs - steadyMs()) / 1000))
}

/** [MQTT-3.3.2-5] Whether a message is of no use any more. */
export function hasExpired({ properties }: Pick<Published, 'properties'>): boolean {
  const expiresAtMs = properties?.expiresAtMs
  return expiresAtMs !== undefined && expiresAtMs <= steadyMs()
}

// --- acknowledgements ---

/** What is wrong, in words and for programs [MQTT 5, 3.4.2.2]. */
export interface Problem {
  readonly message: string
  readonly code?: string | undefined
}

export interface AcknowledgementOptions {
  readonly level: Level
  readonly reason?: Reason
  readonly problem?: Problem | undefined
  /** How large a packet may be: what is said besides is left out of a larger one [MQTT-3.4.2-2]. */
  readonly maximumBytes?: number
}

const release = (packetTypes.pubrel << 4) | 2

/** PUBACK, PUBREC, PUBREL or PUBCOMP. */
export function writeAcknowledgement(
  type: number,
  id: number,
  options: AcknowledgementOptions,
): Buffer {
  const { level, reason = reasons.success, problem } = options
  const first = type === packetTypes.pubrel ? release : type << 4
  if (level < 5 || reason === reasons.success) return Buffer.from([first, 2, id >> 8, id & 255])
  const short = Buffer.from([first, 3, id >> 8, id & 255, reason])
  if (problem === undefined) return short
  const long = packetOf(first, [idBytes(id), Buffer.from([reason]), problemOf(problem)])
  return long.length <= (options.maximumBytes ?? long.length) ? long : short
}

function problemOf({ message, code }: Problem): Buffer {
  const said = [textProperty(p.reasonString, message.slice(0, 1000))]
  return propertiesOf(code === undefined ? said : [...said, pairProperty(['code', code])])
}

/** SUBACK, or in MQTT 5 UNSUBACK, with a code for each filter. */
export function writeCodes(
  type: number,
  id: number,
  { level, codes }: { readonly level: Level; readonly codes: readonly number[] },
): Buffer {
  const said = level === 5 ? Buffer.from([0]) : noBytes
  const body = type === packetTypes.unsuback && level < 5 ? noBytes : Buffer.from(codes)
  return packetOf(type << 4, [idBytes(id), said, body])
}

// --- CONNACK and DISCONNECT ---

export interface ConnackOptions {
  readonly level: Level
  readonly isPresent: boolean
  /** Of MQTT 5. */
  readonly said: readonly Buffer[]
}

/** CONNACK to who is let in. [MQTT-3.2.2-2] 3.1 knows of no sessions. */
export function writeConnack({ level, isPresent, said }: ConnackOptions): Buffer {
  const flags = isPresent && level > 3 ? 1 : 0
  const first = packetTypes.connack << 4
  if (level < 5) return Buffer.from([first, 2, flags, 0])
  return packetOf(first, [Buffer.from([flags, 0]), propertiesOf(said)])
}

/** CONNACK to who is not; `message` says why, to who can be told. */
export function writeRefusal(level: Level, reason: Reason, message: string | undefined): Buffer {
  const first = packetTypes.connack << 4
  if (level < 5) return Buffer.from([first, 2, 0, returnCodeOf(reason)])
  const said = message === undefined ? [] : [textProperty(p.reasonString, message)]
  return packetOf(first, [Buffer.from([0, reason]), propertiesOf(said)])
}

/** [MQTT-3.2.2-4] What CONNACK of 3.1 and 3.1.1 says in place of a reason. */
const returnCodes: ReadonlyMap<Reason, number> = new Map([
  [reasons.unsupportedVersion, 1],
  [reasons.clientIdNotValid, 2],
  [reasons.serverUnavailable, 3],
  [reasons.badCredentials, 4],
])

function returnCodeOf(reason: Reason): number {
  return returnCodes.get(reason) ?? 5
}

export interface DisconnectOptions {
  readonly reason: Reason
  readonly message?: string | undefined
  /** Where the client may go. */
  readonly reference?: string | undefined
}

/** [MQTT 5, 3.14] */
export function writeDisconnect({ reason, message, reference }: DisconnectOptions): Buffer {
  const said: Buffer[] = []
  if (message !== undefined) said.push(textProperty(p.reasonString, message))
  if (reference !== undefined) said.push(textProperty(p.serverReference, reference))
  const body = said.length === 0 ? [] : [propertiesOf(said)]
  return packetOf(packetTypes.disconnect << 4, [Buffer.from([reason]), ...body])
}

/** [MQTT-3.13] */
export const pingResponse = Buffer.from([packetTypes.pingresp << 4, 0])
