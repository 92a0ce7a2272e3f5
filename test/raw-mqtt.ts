import { once } from 'node:events'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Test } from 'tap'
import { createWebSocketStream, WebSocket } from 'ws'
import type { ConfigInput } from '../src/config.ts'
import { createInbox } from './inbox.ts'
import { everybody, type StartedHub, startedHub } from './started-hub.ts'

/** One end of an MQTT connection that sends whatever bytes a test wants. */
export interface RawMqtt {
  readonly stream: Duplex
  /** Every packet that came, fixed header included, as hex. */
  readonly packets: readonly string[]
  /** Sends all the pieces in one write. */
  send(...pieces: Buffer[]): void
  /** The next packet that no other call had, as hex. */
  next(matches?: (packet: string) => boolean): Promise<string>
  /** Resolves when the hub has ended the connection. */
  readonly ended: Promise<void>
}

/** A bare TCP connection to a loopback port, destroyed at teardown. */
export async function rawMqttTo(t: Test, port: number): Promise<RawMqtt> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return rawMqttOver(t, socket)
}

/** The same inside a websocket. */
export async function rawMqttOverWebSocket(t: Test, port: number): Promise<RawMqtt> {
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, 'mqtt')
  await once(websocket, 'open')
  return rawMqttOver(t, createWebSocketStream(websocket))
}

/** The same on a stream that is open. */
export function rawMqttOver(t: Test, stream: Duplex): RawMqtt {
  const inbox = createInbox<string>()
  let waiting = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk])
    for (let end = packetEnd(waiting); end !== undefined; end = packetEnd(waiting)) {
      inbox.put(waiting.subarray(0, end).toString('hex'))
      waiting = waiting.subarray(end)
    }
  })
  // A hub that cuts a client while it still writes resets the connection.
  stream.on('error', () => {})
  const ended = new Promise<void>((resolve) => {
    stream.once('end', resolve)
    stream.once('close', resolve)
  })
  t.teardown(() => stream.destroy())
  return {
    stream,
    packets: inbox.items,
    send: (...pieces) => {
      stream.write(Buffer.concat(pieces))
    },
    next: inbox.next,
    ended,
  }
}

function packetEnd(bytes: Buffer): number | undefined {
  let length = 0
  for (let at = 1; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    length += (byte & 127) << (7 * (at - 1))
    if (byte >= 128) continue
    const end = at + 1 + length
    return end <= bytes.length ? end : undefined
  }
  return undefined
}

// --- packets ---

/** Bytes written as hex, with spaces where they help. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
}

/** A first byte, the length of `content`, and `content`. */
export function packet(firstByte: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content)
  return Buffer.concat([Buffer.from([firstByte]), lengthBytes(body.length), body])
}

/** [MQTT-2.2.3] The remaining length in its one to four bytes. */
export function lengthBytes(length: number): Buffer {
  const bytes: number[] = []
  let rest = length
  do {
    bytes.push((rest & 127) | (rest > 127 ? 128 : 0))
    rest >>= 7
  } while (rest > 0)
  return Buffer.from(bytes)
}

/** [MQTT-1.5.3] Two bytes of length, and the text or the bytes. */
export function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content)
  return Buffer.concat([number(bytes.length), bytes])
}

export function number(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255])
}

export interface ConnectFields {
  clientId?: string | Buffer
  clean?: boolean
  keepAliveSeconds?: number
  level?: number
  will?: { topic: string | Buffer; payload?: string; retain?: boolean; qos?: number }
  user?: string | Buffer
  password?: string | Buffer
  /** Connect flags in place of those that follow from the rest. */
  flags?: number
}

export function connectPacket(fields: ConnectFields = {}): Buffer {
  const { clientId = 'raw', keepAliveSeconds = 60, level = 4, will, user, password } = fields
  const content = [field(clientId)]
  if (will !== undefined) content.push(field(will.topic), field(will.payload ?? 'gone'))
  if (user !== undefined) content.push(field(user))
  if (password !== undefined) content.push(field(password))
  const flags = Buffer.from([fields.flags ?? flagsOf(fields)])
  const name = field(level === 3 ? 'MQIsdp' : 'MQTT')
  return packet(0x10, name, Buffer.from([level]), flags, number(keepAliveSeconds), ...content)
}

function flagsOf({ clean = true, will, user, password }: ConnectFields): number {
  const willFlags = will ? 4 | ((will.qos ?? 0) << 3) | (will.retain ? 32 : 0) : 0
  const passwordFlag = password === undefined ? 0 : 64
  const userFlag = user === undefined ? 0 : 128
  return (clean ? 2 : 0) | willFlags | passwordFlag | userFlag
}

export interface PublishFields {
  payload?: string | Buffer
  qos?: number
  retain?: boolean
  id?: number
}

export function publishPacket(topic: string | Buffer, fields: PublishFields = {}): Buffer {
  const { payload = '{}', qos = 0, retain = false, id = 1 } = fields
  const idBytes = qos === 0 ? Buffer.alloc(0) : number(id)
  const first = 0x30 | (qos << 1) | (retain ? 1 : 0)
  return packet(first, field(topic), idBytes, Buffer.from(payload))
}

export function subscribePacket(filters: (string | Buffer)[], qos = 0, id = 1): Buffer {
  const content = filters.flatMap((filter) => [field(filter), Buffer.from([qos])])
  return packet(0x82, number(id), Buffer.concat(content))
}

export function unsubscribePacket(filters: (string | Buffer)[], id = 1): Buffer {
  return packet(0xa2, number(id), Buffer.concat(filters.map(field)))
}

export const pingPacket = hex('c000')
const pingAnswer = 'd000'
export const disconnectPacket = hex('e000')

/** CONNACK without and with a session that went on. */
export const accepted = '20020000'
export const resumed = '20020100'

/** What a PUBLISH carries, whatever its QoS. */
export function readPublish(packetHex: string) {
  const bytes = Buffer.from(packetHex, 'hex')
  const first = bytes[0] ?? 0
  let at = 1
  while ((bytes[at] ?? 0) >= 128) at++
  at++
  const topicEnd = at + 2 + bytes.readUInt16BE(at)
  const topic = bytes.subarray(at + 2, topicEnd).toString()
  const qos = (first >> 1) & 3
  const id = qos === 0 ? undefined : bytes.readUInt16BE(topicEnd)
  const payload = bytes.subarray(topicEnd + (qos === 0 ? 0 : 2))
  return { topic, qos, id, payload, retain: (first & 1) === 1, dup: (first & 8) === 8 }
}

export function isPublish(packetHex: string): boolean {
  return packetHex.startsWith('3')
}

/** Says CONNECT, and waits until it is accepted. */
export async function signedIn(raw: RawMqtt, fields: ConnectFields = {}): Promise<RawMqtt> {
  raw.send(connectPacket(fields))
  const answer = await raw.next()
  if (!answer.startsWith('2002')) throw new Error(`expected CONNACK, got ${answer}`)
  if (!answer.endsWith('00')) throw new Error(`expected to be accepted, got ${answer}`)
  return raw
}

/** Waits until the hub has dealt with everything that `raw` sent. */
export async function settled(raw: RawMqtt): Promise<void> {
  raw.send(pingPacket)
  await raw.next((answer) => answer === pingAnswer)
}

// --- against a hub ---

/** A hub that lets the anonymous in. It does not mind the memory of the tests beside it. */
export function openHub(
  t: Test,
  { limits, mqtt, ...config }: Partial<ConfigInput> = {},
): Promise<StartedHub> {
  return startedHub(t, {
    users: everybody,
    mqtt: { port: 0, ...mqtt },
    limits: { memory: { mib: 8192 }, ...limits },
    ...config,
  })
}

/** What the hub sent to a client that sends `pieces` as one write, and then was cut. */
export async function answersUntilCut(
  raw: RawMqtt,
  ...pieces: Buffer[]
): Promise<readonly string[]> {
  raw.send(...pieces)
  await raw.ended
  return raw.packets
}

/** The ways in for MQTT. */
export const ways = {
  TCP: (t: Test, hub: StartedHub) => rawMqttTo(t, hub.mqttPort),
  'a websocket': (t: Test, hub: StartedHub) => rawMqttOverWebSocket(t, hub.httpPort),
}
