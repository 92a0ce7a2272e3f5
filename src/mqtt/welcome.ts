import { isOfBroker } from '../core/topic.ts'
import { ClientOutput } from './client-output.ts'
import { answersTopic, partsOf } from './clients.ts'
import type { ConnectionContext } from './connection-context.ts'
import { mostAliases } from './conversation.ts'
import { longProperty, numberProperty, properties as p, textProperty } from './properties.ts'
import type { ConnectPacket, Will } from './read-connect.ts'
import type { MqttSession } from './session.ts'
import type { WriteBuffer } from './write-buffer.ts'
import { writeConnack } from './write-packets.ts'

/** A client whose credentials are right. */
export interface Entrance {
  readonly name: string
  readonly address: string
  /** For how long the hub hears nothing of it and goes on. */
  readonly keepAliveSeconds: number
  readonly buffer: WriteBuffer
  isBehind(): boolean
  lastByteAtMs(): number
  /** The TCP or TLS socket below. */
  readonly connection: object
  /** Another connection of the client takes the place of this one. */
  takenOver(): void
}

/** A client that has its CONNACK. */
export interface LetIn {
  readonly session: MqttSession
  readonly output: ClientOutput
}

/**
 * Gives a client its session, takes its will, and writes its CONNACK; undefined when that is larger than the
 * client takes, which cannot be told then [MQTT-3.1.2-24].
 */
export function letIn(
  connect: ConnectPacket,
  entrance: Entrance,
  context: ConnectionContext,
): LetIn | undefined {
  const { sessions, wills, frames, traffic, sampledLog } = context
  const { name, buffer } = entrance
  const expirySeconds = sessions.expiryOf(connect.expirySeconds)
  const said = connect.level === 5 ? saidTo(connect, { ...entrance, expirySeconds }, context) : []
  const most = writeConnack({ level: connect.level, isPresent: true, said })
  if (most.length > connect.maximumPacketBytes) return undefined
  const output = new ClientOutput({ connect, ...entrance, frames, traffic, sampledLog })
  const entrant = { name, clean: connect.clean, expirySeconds }
  const [session, isPresent] = sessions.accept(entrant, output)
  wills.returned(name, isPresent)
  const will = willOf(connect.will, name, context)
  wills.left(name, will && { ...entrance, will })
  const connack = writeConnack({ level: connect.level, isPresent, said })
  // A will that is told of is not forgotten.
  if (will === undefined) buffer.add(connack)
  else buffer.promise(connack)
  return { session, output }
}

/** Mosquitto's bridges leave one to a topic of the hub; there is no way to refuse it but to refuse the client. */
function willOf(
  will: Will | undefined,
  name: string,
  { sampledLog }: ConnectionContext,
): Will | undefined {
  if (will === undefined || !isOfBroker(will.topic)) return will
  const fields = { client: name, topic: will.topic }
  sampledLog.warn('mqtt-dollar-topic', fields, 'a will to a topic of the hub was dropped')
  return undefined
}

/** [MQTT 5, 3.2.2.3] What is not as MQTT has it, or as the client asked for. */
function saidTo(
  connect: ConnectPacket,
  { name, keepAliveSeconds, expirySeconds }: Entrance & { readonly expirySeconds: number },
  { limits }: ConnectionContext,
): Buffer[] {
  const said = [
    numberProperty(p.topicAliasMaximum, mostAliases),
    numberProperty(p.receiveMaximum, limits.qos2Window),
    longProperty(p.maximumPacketSize, packetBytes(limits.publishBytes)),
  ]
  if (expirySeconds !== connect.expirySeconds) {
    said.push(longProperty(p.sessionExpiry, expirySeconds))
  }
  if (keepAliveSeconds !== connect.keepAliveSeconds) {
    said.push(numberProperty(p.serverKeepAlive, keepAliveSeconds))
  }
  if (connect.clientId === '') said.push(textProperty(p.assignedClientId, partsOf(name).clientId))
  const answers = connect.wantsResponseInformation ? answersTopic(name) : undefined
  if (answers !== undefined) said.push(textProperty(p.responseInformation, answers))
  return said
}

/** Of a whole packet of which so many bytes are behind its length. */
function packetBytes(remainingBytes: number): number {
  const lengthBytes = Math.ceil(Math.log2(remainingBytes + 1) / 7)
  return 1 + Math.max(1, lengthBytes) + remainingBytes
}
