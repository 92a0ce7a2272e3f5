import {
  asQos,
  type Message,
  type MessageProperties,
  type Qos,
  type Receivers,
} from '../core/message.ts'
import { ownBytes } from '../core/payload.ts'
import { type Packet, type PacketFields, packetIn, packetTypes } from './packet.ts'
import { longProperty, noBytes, properties as p, places, readProperties } from './properties.ts'
import { type Grant, plainGrant } from './subscriptions.ts'
import { writePublish } from './write-packets.ts'

/** A message to keep: its payload is its own, not a piece of the bytes it came in. */
export interface KeptMessage {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: Qos
  readonly retain: boolean
  /** The MQTT client that brought it, by its name. */
  readonly client?: string | undefined
  readonly properties?: MessageProperties | undefined
  /** They end with the hub. */
  readonly receivers?: Receivers | undefined
}

export function keptCopy(message: Message): KeptMessage {
  const { topic, payload, qos, retain, client, properties, receivers } = message
  return { topic, payload: ownBytes(payload.bytes), qos, retain, client, properties, receivers }
}

/** A record begins as a PUBLISH does, but for its type: so it is told from those of earlier releases. */
const recordType = 5

/**
 * A message and how a client gets it, as the store has them: a PUBLISH of MQTT 5, in which the time
 * when the message expires stands in place of the seconds until then, by a journal that is `aheadMs` ahead.
 * Behind it, as JSON, is what else is known.
 */
export function writeMessage(message: KeptMessage, grant: Grant, aheadMs = 0): Buffer {
  const { topic, payload, client, properties } = message
  const { qos, retain, identifiers } = grant
  const bytes = Buffer.concat([...expiryOf(properties, aheadMs), properties?.bytes ?? noBytes])
  const head = { level: 5, qos: 0, retain } as const
  const record = writePublish({ topic, payload, properties: { bytes } }, head).bytes
  record.writeUInt8((recordType << 4) | (qos << 1) | (retain ? 1 : 0))
  if (client === undefined && identifiers === undefined) return record
  return Buffer.concat([record, Buffer.from(JSON.stringify({ client, identifiers }))])
}

function expiryOf(properties: MessageProperties | undefined, aheadMs: number): Buffer[] {
  const expiresAtMs = properties?.expiresAtMs
  if (expiresAtMs === undefined) return []
  return [longProperty(p.messageExpiry, inSeconds(expiresAtMs + aheadMs))]
}

/** What is later than four bytes can tell is at their end, in 2106. */
function inSeconds(ms: number): number {
  return Math.max(0, Math.min(Math.ceil(ms / 1000), 0xffff_ffff))
}

export interface MessageRecord {
  readonly message: KeptMessage
  readonly grant: Grant
}

/** What `writeMessage` wrote. */
export function readMessage(record: Buffer, aheadMs = 0): MessageRecord {
  const fields = packetIn(record)
  if (fields.type === packetTypes.publish) return readEarlier(fields)
  const topic = fields.binary().toString()
  const properties = readSaid(fields, aheadMs)
  const tail = record.toString('utf8', fields.end)
  const { client, identifiers }: Tail = tail === '' ? {} : JSON.parse(tail)
  const { retain } = fields
  const qos = asQos(fields.qos)
  const grant = plainGrant(qos, retain)
  return {
    message: { topic, payload: fields.rest(), qos, retain, client, properties },
    grant: identifiers === undefined ? grant : { ...grant, identifiers },
  }
}

interface Tail {
  readonly client?: string
  readonly identifiers?: readonly number[]
}

function readSaid(fields: PacketFields, aheadMs: number): MessageProperties | undefined {
  const said = readProperties(fields, places.publish)
  const seconds = said.numberOf(p.messageExpiry)
  const bytes = said.travelling
  if (seconds !== undefined) return { bytes, expiresAtMs: seconds * 1000 - aheadMs }
  return bytes.length === 0 ? undefined : { bytes }
}

/** Earlier releases wrote a PUBLISH of MQTT 3.1.1 without its id, and behind it the name of a bridge. */
function readEarlier(fields: Packet): MessageRecord {
  const { retain } = fields
  const topic = fields.binary().toString()
  const qos = asQos(fields.qos)
  const client = fields.bytes.toString('utf8', fields.end) || undefined
  const message = { topic, payload: fields.rest(), qos, retain, client, properties: undefined }
  return { message, grant: plainGrant(qos, retain) }
}
