import { isUtf8 } from 'node:buffer'
import { reasonOf } from '../core/errors.ts'
import { asQos, type Qos } from '../core/message.ts'
import { ownBytes } from '../core/payload.ts'
import { checkTopic, isFitName, isOfBroker } from '../core/topic.ts'
import type { MqttLimits } from './frame-reader.ts'
import {
  type Level,
  malformed,
  type Packet,
  PacketFault,
  type PacketFields,
  protocolError,
  reasons,
  refusal,
} from './packet.ts'
import {
  noProperties,
  properties as p,
  places,
  type ReadProperties,
  readProperties,
} from './properties.ts'

/** What a client leaves to be published when it is gone without a word. */
export interface Will {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: Qos
  readonly retain: boolean
  readonly delaySeconds: number
  /** For how long it is of use once it is published. */
  readonly expirySeconds?: number
  /** What travels with it. */
  readonly properties: Buffer
}

/** What a CONNECT says. */
export interface ConnectPacket {
  readonly level: Level
  /** A broker that passes messages on: it does not get its own back. */
  readonly isBridge: boolean
  readonly clientId: string
  /** Empty when it names none. */
  readonly user: string
  readonly password: Buffer | undefined
  /** Whether the client wants to start anew. */
  readonly clean: boolean
  /** For how long its session is to outlive its connection; undefined is for as long as the hub has it. */
  readonly expirySeconds: number | undefined
  readonly keepAliveSeconds: number
  readonly will: Will | undefined
  /** How many messages above QoS 0 it takes before it has acknowledged any. */
  readonly receiveMaximum: number
  readonly maximumPacketBytes: number
  /** How many aliases for topics it knows. */
  readonly aliasMaximum: number
  /** Whether it wants to be told in words what is wrong. */
  readonly wantsProblems: boolean
  readonly wantsResponseInformation: boolean
}

/** [MQTT-3.1.2.1] The names of the protocol and the levels of each. */
const levels: ReadonlyMap<string, readonly Level[]> = new Map([
  ['MQTT', [4, 5] as const],
  ['MQIsdp', [3] as const],
])

/** [MQTT-3.1.2.3] The bits of the connect flags. */
const flagBits = {
  reserved: 1,
  clean: 2,
  will: 4,
  willQos: 24,
  willRetain: 32,
  password: 64,
  user: 128,
}

/**
 * Reads and checks a CONNECT.
 *
 * @throws PacketFault, a refusal where the standard has an answer.
 */
export function readConnect(fields: Packet, limits: MqttLimits): ConnectPacket {
  const { level, isBridge } = readLevel(fields)
  const flags = fields.byte()
  checkFlags(flags, level)
  const keepAliveSeconds = fields.number()
  const said = level === 5 ? readProperties(fields, places.connect) : noProperties
  const clean = (flags & flagBits.clean) !== 0
  const clientId = readClientId(fields, { level, clean, limits })
  const will = flags & flagBits.will ? readWill(fields, flags, level) : undefined
  const { user, password } = readCredentials(fields, flags, limits)
  if (!fields.isAtEnd) throw malformed('expected CONNECT to end, got more bytes')
  checkAuthentication(said)
  // [MQTT 5, 3.1.2.11] In 3.1.1 a session that is not clean has no end of its own.
  const earlier = clean ? 0 : undefined
  return {
    level,
    isBridge,
    clientId,
    clean,
    keepAliveSeconds,
    will,
    user,
    password,
    expirySeconds: level === 5 ? (said.numberOf(p.sessionExpiry) ?? 0) : earlier,
    receiveMaximum: said.numberOf(p.receiveMaximum) ?? 65_535,
    maximumPacketBytes: said.numberOf(p.maximumPacketSize) ?? Number.POSITIVE_INFINITY,
    aliasMaximum: said.numberOf(p.topicAliasMaximum) ?? 0,
    wantsProblems: said.numberOf(p.requestProblemInformation) !== 0,
    wantsResponseInformation: said.numberOf(p.requestResponseInformation) === 1,
  }
}

/** By convention the highest bit of the level says that a bridge connects; Mosquitto's do. */
const bridgeBit = 0x80

function readLevel(fields: Packet): Pick<ConnectPacket, 'level' | 'isBridge'> {
  const name = fields.text('the protocol name')
  const expected = levels.get(name)
  if (expected === undefined) throw malformed('expected the protocol name MQTT, got another')
  // MQTT 3.1 says nothing of these bits.
  if (fields.flags !== 0 && name === 'MQTT') {
    throw malformed('expected CONNECT without flags in its first byte')
  }
  const byte = fields.byte()
  const level = expected.find((one) => one === (byte & ~bridgeBit))
  if (level !== undefined) return { level, isBridge: byte !== level }
  // [MQTT-3.1.2-2]
  const message = `expected MQTT 3.1, 3.1.1 or 5, got level ${byte}`
  throw refusal('mqtt-version-refused', message, reasons.unsupportedVersion)
}

function checkFlags(flags: number, level: Level): void {
  // [MQTT-3.1.2-3]
  if (level !== 3 && flags & flagBits.reserved) {
    throw malformed('expected the reserved connect flag to be 0')
  }
  const willQos = flags & flagBits.willQos
  // [MQTT-3.1.2-14]
  if (willQos === flagBits.willQos) throw malformed('expected a will QoS of 0 to 2, got 3')
  // [MQTT-3.1.2-13], [MQTT-3.1.2-15]
  if (!(flags & flagBits.will) && (willQos || flags & flagBits.willRetain)) {
    throw malformed('expected no will QoS and no will retain without a will')
  }
  // [MQTT-3.1.2-22] MQTT 5 has no such rule.
  if (level !== 5 && flags & flagBits.password && !(flags & flagBits.user)) {
    throw malformed('expected a user name with the password, got a password alone')
  }
}

function readClientId(
  fields: PacketFields,
  { level, clean, limits }: { level: Level; clean: boolean; limits: MqttLimits },
): string {
  const clientId = fields.text('a client id')
  const bytes = Buffer.byteLength(clientId)
  // [MQTT-3.1.3-8] In 3.1.1 an empty id is for clean sessions only.
  const isMissing = bytes === 0 && (level === 3 || (level === 4 && !clean))
  if (!isMissing && bytes <= limits.clientIdBytes) return clientId
  const message = `expected a client id of 1 to ${limits.clientIdBytes} bytes, got ${bytes}`
  throw refusal('mqtt-client-id-refused', message, reasons.clientIdNotValid)
}

/** What only a configuration forbids a will loses when it fires, as any other message does. */
const anySize = { bytes: Number.POSITIVE_INFINITY, levels: Number.POSITIVE_INFINITY }

/**
 * The will is checked when it is left, not when it fires: then nobody is there to be told. One to a topic
 * that begins with `$` is dropped where CONNECT is dealt with.
 */
function readWill(fields: PacketFields, flags: number, level: Level): Will {
  const said = level === 5 ? readProperties(fields, places.will) : noProperties
  const topic = fields.text('a will topic')
  checkWillTopic(topic, level)
  const payload = ownBytes(fields.binary())
  if (said.numberOf(p.payloadFormat) === 1 && !isUtf8(payload)) {
    const message = 'will: expected a payload in UTF-8, got other bytes'
    throw refusal('bad-payload', message, reasons.payloadFormatInvalid)
  }
  const expirySeconds = said.numberOf(p.messageExpiry)
  return {
    topic,
    payload,
    qos: asQos((flags & flagBits.willQos) >> 3),
    retain: (flags & flagBits.willRetain) !== 0,
    delaySeconds: said.numberOf(p.willDelay) ?? 0,
    ...(expirySeconds !== undefined && { expirySeconds }),
    properties: ownBytes(said.travelling),
  }
}

function checkWillTopic(topic: string, level: Level): void {
  try {
    if (!isOfBroker(topic)) checkTopic(topic, anySize)
  } catch (error) {
    const answer = { reason: reasons.topicInvalid, isRefusal: level === 5 }
    throw new PacketFault('bad-topic', `will: ${reasonOf(error)}`, answer)
  }
}

function readCredentials(
  fields: PacketFields,
  flags: number,
  { userBytes, passwordBytes }: MqttLimits,
): Pick<ConnectPacket, 'user' | 'password'> {
  const user = flags & flagBits.user ? fields.text('a user name') : ''
  const password = flags & flagBits.password ? fields.binary() : undefined
  if (!isFitName(user)) {
    const message = 'expected a user name without format characters'
    throw refusal('sign-in-refused', message, reasons.badCredentials)
  }
  if (Buffer.byteLength(user) <= userBytes && (password?.length ?? 0) <= passwordBytes) {
    return { user, password }
  }
  const message = `expected a user name of at most ${userBytes} bytes and a password of at most ${passwordBytes}`
  throw refusal('sign-in-refused', message, reasons.badCredentials)
}

/** [MQTT 5, 4.12] There is no method here. */
function checkAuthentication(said: ReadProperties): void {
  if (said.has(p.authenticationMethod)) {
    const message = 'expected no authentication method, got one'
    throw refusal('sign-in-refused', message, reasons.badAuthenticationMethod)
  }
  // [MQTT 5, 3.1.2.11.10]
  if (said.has(p.authenticationData)) {
    const { counter, message, reason } = protocolError('expected no authentication data, got some')
    throw refusal(counter, message, reason)
  }
}

/** In the words of which level a CONNECT is answered that could not be read. */
export function levelOf(packet: Packet): Level {
  packet.fromStart().binary()
  return packet.bytes[packet.at] === 5 ? 5 : 4
}
