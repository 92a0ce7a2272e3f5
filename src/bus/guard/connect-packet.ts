import { reasonOf } from '../../core/errors.ts'
import { checkTopic, isFitName, isOfBroker } from '../../core/topic.ts'
import { malformed, PacketFault } from './packet-fault.ts'
import { PacketFields } from './packet-fields.ts'
import type { MqttLimits } from './packet-types.ts'

/** What the guard needs to know of a CONNECT. */
export interface ConnectPacket {
  readonly clientId: string
  /** Empty when it names none. */
  readonly user: string
  /** Whether the client wants to start anew, and nothing kept when it leaves. */
  readonly clean: boolean
  readonly keepAliveSeconds: number
  /** 4 for MQTT 3.1.1, 3 for 3.1, whose CONNACK knows of no sessions. */
  readonly level: number
  /** A broker that passes messages on: it does not get its own back. */
  readonly isBridge: boolean
}

/** [MQTT-3.1.2.1] The names of the protocol and the one level of each that is spoken here. */
const levels: ReadonlyMap<string, number> = new Map([
  ['MQTT', 4],
  ['MQIsdp', 3],
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

export interface ConnectLimits {
  readonly mqtt: MqttLimits
}

/**
 * Reads and checks a CONNECT, and mends in place what MQTT 3.1 allows and Aedes does not.
 *
 * @throws PacketFault, with a CONNACK return code where the standard has one.
 */
export function readConnect(packet: Buffer, limits: ConnectLimits): ConnectPacket {
  const fields = new PacketFields(packet)
  const { level, isBridge } = readLevel(fields)
  if (isBridge) clearBridgeBit(packet)
  const flags = fields.byte()
  if (level === 3) allowReservedBits(packet)
  else checkReservedBits(packet, flags)
  checkFlags(flags)
  const keepAliveSeconds = fields.number()
  const clean = (flags & flagBits.clean) !== 0
  const clientId = readClientId(fields, { level, clean, limits: limits.mqtt })
  if (flags & flagBits.will) readWill(fields)
  const user = readUser(fields, flags, limits.mqtt)
  if (!fields.isAtEnd) throw malformed('expected CONNECT to end, got more bytes')
  return { clientId, user, clean, keepAliveSeconds, level, isBridge }
}

/** By convention the highest bit of the level says that a bridge connects; Mosquitto's do. */
const bridgeBit = 0x80

function readLevel(fields: PacketFields): Pick<ConnectPacket, 'level' | 'isBridge'> {
  const name = fields.text('the protocol name')
  const expected = levels.get(name)
  if (expected === undefined) throw malformed('expected the protocol name MQTT, got another')
  const byte = fields.byte()
  const level = byte & ~bridgeBit
  if (level === expected) return { level, isBridge: byte !== level }
  // [MQTT-3.1.2-2] MQTT 5 ends here too.
  throw new PacketFault('mqtt-version-refused', `expected MQTT 3.1.1, got level ${level}`, 1)
}

/** MQTT 3.1 says nothing of these bits. */
function allowReservedBits(packet: Buffer): void {
  packet[0] = 0x10
  const flagsAt = packet.indexOf('MQIsdp') + 'MQIsdp'.length + 1
  packet.writeUInt8(packet.readUInt8(flagsAt) & ~flagBits.reserved, flagsAt)
}

function checkReservedBits(packet: Buffer, flags: number): void {
  if (packet[0] !== 0x10) throw malformed('expected CONNECT without flags in its first byte')
  // [MQTT-3.1.2-3]
  if (flags & flagBits.reserved) throw malformed('expected the reserved connect flag to be 0')
}

function checkFlags(flags: number): void {
  const willQos = flags & flagBits.willQos
  // [MQTT-3.1.2-14]
  if (willQos === flagBits.willQos) throw malformed('expected a will QoS of 0 to 2, got 3')
  // [MQTT-3.1.2-13], [MQTT-3.1.2-15]
  if (!(flags & flagBits.will) && (willQos || flags & flagBits.willRetain)) {
    throw malformed('expected no will QoS and no will retain without a will')
  }
  // [MQTT-3.1.2-22]
  if (flags & flagBits.password && !(flags & flagBits.user)) {
    throw malformed('expected a user name with the password, got a password alone')
  }
}

function readClientId(
  fields: PacketFields,
  { level, clean, limits }: { level: number; clean: boolean; limits: MqttLimits },
): string {
  const clientId = fields.text('a client id')
  const bytes = Buffer.byteLength(clientId)
  // [MQTT-3.1.3-8] An empty id is for clean sessions of 3.1.1 only.
  const isMissing = bytes === 0 && (level === 3 || !clean)
  if (!isMissing && bytes <= limits.clientIdBytes) return clientId
  const message = `expected a client id of 1 to ${limits.clientIdBytes} bytes, got ${bytes}`
  throw new PacketFault('mqtt-client-id-refused', message, 2)
}

/** What only a configuration forbids a will loses when it fires, as any other message does. */
const anySize = { bytes: Number.POSITIVE_INFINITY, levels: Number.POSITIVE_INFINITY }

/**
 * The will is checked when it is left, not when it fires: then nobody is there to be told. One to a topic
 * that begins with `$` is dropped where CONNECT is dealt with.
 */
function readWill(fields: PacketFields): void {
  const topic = fields.text('a will topic')
  try {
    if (!isOfBroker(topic)) checkTopic(topic, anySize)
  } catch (error) {
    throw new PacketFault('bad-topic', `will: ${reasonOf(error)}`)
  }
  fields.bytes()
}

/** Checks the password as well, which is of no use here. */
function readUser(fields: PacketFields, flags: number, limits: MqttLimits): string {
  const user = flags & flagBits.user ? fields.text('a user name') : ''
  const password = flags & flagBits.password ? fields.bytes() : Buffer.alloc(0)
  if (!isFitName(user)) {
    throw new PacketFault('sign-in-refused', 'expected a user name without format characters', 4)
  }
  if (Buffer.byteLength(user) <= limits.userBytes && password.length <= limits.passwordBytes)
    return user
  const message = `expected a user name of at most ${limits.userBytes} bytes and a password of at most ${limits.passwordBytes}`
  throw new PacketFault('sign-in-refused', message, 4)
}

/** Takes the keep-alive out of a CONNECT, for a broker that is not to watch it. */
export function clearKeepAlive(packet: Buffer): void {
  packet.writeUInt16BE(0, levelAt(packet) + 2)
}

/** Aedes would have its own rules for bridges. */
function clearBridgeBit(packet: Buffer): void {
  const at = levelAt(packet)
  packet.writeUInt8(packet.readUInt8(at) & ~bridgeBit, at)
}

/** Where the protocol level is: behind the name. */
function levelAt(packet: Buffer): number {
  const name = new PacketFields(packet).bytes()
  return name.byteOffset - packet.byteOffset + name.length
}
