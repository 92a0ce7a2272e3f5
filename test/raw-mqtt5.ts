/** Packets of MQTT 5 that a test sends, beside those of `raw-mqtt.ts`. */
import { field, hex, lengthBytes, number, packet, type RawMqtt } from './raw-mqtt.ts'

/** Properties written as hex, behind their length. */
function said(properties = ''): Buffer {
  const bytes = hex(properties)
  return Buffer.concat([lengthBytes(bytes.length), bytes])
}

export interface Connect5Fields {
  clientId?: string
  clean?: boolean
  keepAliveSeconds?: number
  properties?: string
  will?: { topic: string; payload?: string; qos?: number; retain?: boolean; properties?: string }
  user?: string
  password?: string
}

export function connect5(fields: Connect5Fields = {}): Buffer {
  const { clientId = 'raw', clean = true, keepAliveSeconds = 60, will, user, password } = fields
  const flags =
    (clean ? 2 : 0) |
    (will === undefined ? 0 : 4 | ((will.qos ?? 0) << 3) | (will.retain ? 32 : 0)) |
    (password === undefined ? 0 : 64) |
    (user === undefined ? 0 : 128)
  const content = [said(fields.properties), field(clientId)]
  if (will !== undefined) {
    content.push(said(will.properties), field(will.topic), field(will.payload ?? 'gone'))
  }
  if (user !== undefined) content.push(field(user))
  if (password !== undefined) content.push(field(password))
  const head = [field('MQTT'), Buffer.from([5, flags]), number(keepAliveSeconds)]
  return packet(0x10, ...head, ...content)
}

export interface Publish5Fields {
  payload?: string | Buffer
  qos?: number
  retain?: boolean
  id?: number
  properties?: string
}

export function publish5(topic: string, fields: Publish5Fields = {}): Buffer {
  const { payload = '{}', qos = 0, retain = false, id = 1, properties } = fields
  const idBytes = qos === 0 ? Buffer.alloc(0) : number(id)
  const first = 0x30 | (qos << 1) | (retain ? 1 : 0)
  return packet(first, field(topic), idBytes, said(properties), Buffer.from(payload))
}

/** `options`: the QoS and what else MQTT 5 has in this byte. */
export function subscribe5(filters: readonly string[], options = 0, properties = ''): Buffer {
  const content = filters.flatMap((filter) => [field(filter), Buffer.from([options])])
  return packet(0x82, number(1), said(properties), ...content)
}

export function unsubscribe5(filters: readonly string[]): Buffer {
  return packet(0xa2, number(1), said(), ...filters.map((filter) => field(filter)))
}

/** What a packet of MQTT 5 says behind its fixed header. */
export function bodyOf(packetHex: string): Buffer {
  const bytes = Buffer.from(packetHex, 'hex')
  let at = 1
  while ((bytes[at] ?? 0) >= 128) at++
  return bytes.subarray(at + 1)
}

/** Properties that begin at `start`, as hex, and where they end. */
function propertiesAt(body: Buffer, start: number): { properties: string; end: number } {
  let length = 0
  let at = start
  for (let shift = 0; ; shift += 7) {
    const byte = body[at++] ?? 0
    length += (byte & 127) << shift
    if (byte < 128) break
  }
  return { properties: body.subarray(at, at + length).toString('hex'), end: at + length }
}

/** What a PUBLISH of MQTT 5 tells. */
export function readPublish5(packetHex: string) {
  const first = Number.parseInt(packetHex.slice(0, 2), 16)
  const body = bodyOf(packetHex)
  const topicEnd = 2 + body.readUInt16BE(0)
  const qos = (first >> 1) & 3
  const { properties, end } = propertiesAt(body, topicEnd + (qos === 0 ? 0 : 2))
  return {
    topic: body.subarray(2, topicEnd).toString(),
    qos,
    id: qos === 0 ? 0 : body.readUInt16BE(topicEnd),
    retain: (first & 1) === 1,
    dup: (first & 8) === 8,
    properties,
    payload: body.subarray(end).toString(),
  }
}

/** The reason and the properties of PUBACK, PUBREC, PUBREL or PUBCOMP. */
export function readAck5(packetHex: string) {
  const body = bodyOf(packetHex)
  const properties = body.length > 3 ? propertiesAt(body, 3).properties : ''
  return { id: body.readUInt16BE(0), reason: body[2] ?? 0, properties }
}

/** The codes of a SUBACK or an UNSUBACK. */
export function codesIn5(packetHex: string): number[] {
  const body = bodyOf(packetHex)
  return [...body.subarray(propertiesAt(body, 2).end)]
}

/** CONNACK: whether a session goes on, the reason, and the properties. */
export function readConnack5(packetHex: string) {
  const body = bodyOf(packetHex)
  return {
    isPresent: body[0] === 1,
    reason: body[1],
    properties: propertiesAt(body, 2).properties,
  }
}

/** The reason of a DISCONNECT from the hub, and its properties. */
function readDisconnect5(packetHex: string) {
  const body = bodyOf(packetHex)
  const properties = body.length > 1 ? propertiesAt(body, 1).properties : ''
  return { reason: body[0] ?? 0, properties }
}

/** Says CONNECT, and waits until it is accepted. */
export async function signedIn5(raw: RawMqtt, fields: Connect5Fields = {}) {
  raw.send(connect5(fields))
  const connack = readConnack5(await raw.next())
  if (connack.reason !== 0) throw new Error(`expected to be accepted, got ${connack.reason}`)
  return { ...raw, connack }
}

/** The DISCONNECT that comes before the end. */
export async function disconnectOf(raw: RawMqtt) {
  await raw.ended
  const last = raw.packets.at(-1) ?? ''
  if (!last.startsWith('e0')) throw new Error(`expected DISCONNECT, got ${last}`)
  return readDisconnect5(last)
}
