/** A message of MQTT as a line of JSON, from which it can be made again to the byte. */
import { isUtf8 } from 'node:buffer'
import type { IPublishPacket } from 'mqtt'
import { isoTime } from '../core/clock.ts'
import { HubError, quote } from '../core/errors.ts'
import { isRecord, parseJson } from '../core/json.ts'
import type { BusMessage } from './hub-bus.ts'

type Received = Pick<IPublishPacket, 'topic' | 'payload' | 'qos' | 'retain' | 'properties'>

/** Properties of MQTT 5 that belong to a message, and not to its way. */
const kept = [
  'payloadFormatIndicator',
  'messageExpiryInterval',
  'contentType',
  'responseTopic',
  'userProperties',
] as const

/**
 * `{"at", "topic", "payload" | "text" | "base64", "qos", "retain", "properties"?}`: `payload` where the bytes are JSON
 * as JSON.stringify writes it, `text` where they are other UTF-8.
 */
export function messageLine(packet: Received, atMs: number): string {
  const { topic, payload, qos, retain, properties } = packet
  const fields = keptOf(properties)
  const line = { at: isoTime(atMs), topic, ...payloadFields(Buffer.from(payload)), qos, retain }
  return JSON.stringify({ ...line, ...(Object.keys(fields).length > 0 && { properties: fields }) })
}

function payloadFields(bytes: Buffer): Record<string, unknown> {
  if (!isUtf8(bytes)) return { base64: bytes.toString('base64') }
  const text = bytes.toString()
  const value = parseJson(text)
  return value !== undefined && JSON.stringify(value) === text ? { payload: value } : { text }
}

/** What of properties goes into a line; correlation data is bytes. */
function keptOf(properties: Received['properties']): Record<string, unknown> {
  const all: Record<string, unknown> = { ...properties }
  const known = kept.filter((name) => all[name] !== undefined)
  const correlation = properties?.correlationData
  return {
    ...Object.fromEntries(known.map((name) => [name, all[name]])),
    ...(correlation && { correlationData: correlation.toString('base64') }),
  }
}

/** A message, and when it was. */
export interface Timed {
  readonly atMs: number
  readonly message: BusMessage
}

/**
 * The message that a line of `messageLine` says.
 *
 * @throws HubError `unreadable-file` for other lines.
 */
export function readMessageLine(text: string, where: string): Timed {
  const line = parseJson(text)
  const fields: Readonly<Record<string, unknown>> = isRecord(line) ? line : {}
  const { at, topic, qos, retain } = fields
  const atMs = Date.parse(String(at))
  const payload = bytesOf(fields)
  const isMessage = typeof topic === 'string' && payload !== undefined && !Number.isNaN(atMs)
  if (isMessage && (qos === 0 || qos === 1 || qos === 2) && typeof retain === 'boolean') {
    return { atMs, message: { topic, payload, qos, retain, ...propertiesOf(fields) } }
  }
  const expected = 'expected {"at", "topic", "payload", "qos", "retain"} as JSON'
  throw new HubError('unreadable-file', `${expected} on ${where}, got ${quote(text)}`)
}

function bytesOf({ payload, text, base64 }: Readonly<Record<string, unknown>>): Buffer | undefined {
  if (typeof base64 === 'string') return Buffer.from(base64, 'base64')
  if (typeof text === 'string') return Buffer.from(text)
  return payload === undefined ? undefined : Buffer.from(JSON.stringify(payload))
}

function propertiesOf({ properties }: Readonly<Record<string, unknown>>): Partial<BusMessage> {
  if (!isRecord(properties)) return {}
  const { correlationData, ...others } = properties
  if (correlationData === undefined) return { properties: others }
  const bytes = Buffer.from(String(correlationData), 'base64')
  return { properties: { ...others, correlationData: bytes } }
}
