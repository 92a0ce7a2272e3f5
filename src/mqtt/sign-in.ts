import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { unmapped } from '../access/address.ts'
import type { Bans } from '../access/bans.ts'
import { certifiedUser } from '../access/client-certificate.ts'
import type { Admit } from '../access/open-access.ts'
import type { SignedOut } from '../access/secrets.ts'
import type { SignIn } from '../access/sign-in.ts'
import type { Registered, SignedIn } from '../access/signed-in.ts'
import { anonymousIn, isSameName, type User, type UserDirectory } from '../access/user.ts'
import { reasonOf } from '../core/errors.ts'
import { isOfBroker } from '../core/topic.ts'
import type { ConnectionContext } from './broker.ts'
import { ClientOutput } from './client-output.ts'
import { answersTopic, partsOf } from './clients.ts'
import { mostAliases } from './conversation.ts'
import { type Reason, reasons } from './packet.ts'
import { longProperty, numberProperty, properties as p, textProperty } from './properties.ts'
import type { ConnectPacket, Will } from './read-connect.ts'
import type { MqttSession } from './session.ts'
import type { Transport } from './statistics.ts'
import type { WriteBuffer } from './write-buffer.ts'
import { writeConnack } from './write-packets.ts'

export interface MqttSignInOptions {
  readonly signIn: SignIn
  readonly directory: Pick<UserDirectory, 'find'>
  readonly signedIn: Pick<SignedIn, 'register'>
  readonly admit: Admit
  readonly bans: Pick<Bans, 'refusal'>
  /** Where the request for a websocket that carries MQTT comes from. */
  clientAddress(request: IncomingMessage): string
  /** The origin of the page that asked for a websocket, when that is neither ours nor listed. */
  foreignOriginOf(request: IncomingMessage): string | undefined
}

/** Where a connection comes from. */
export interface Origin {
  /** The TCP socket that carries it, under a websocket too. */
  readonly connection: object
  /** An IP address. A connection that is closed has none any more. */
  readonly address: string
  readonly foreignOrigin: string | undefined
  readonly transport: Transport
}

/** Why somebody is not let in. */
export interface NotIn {
  readonly reason: Reason
  readonly message: string
}

/** What is asked when a client has said CONNECT. */
export interface MqttSignIn {
  originOf(socket: Duplex, request: IncomingMessage | undefined): Origin
  /** Whose credentials these are. */
  identify(connect: Credentials, origin: Origin): Promise<User | NotIn>
  /** Lets a client in until it leaves. */
  enter(user: User, arrival: Arriving): Registered | NotIn
}

type Credentials = Pick<ConnectPacket, 'user' | 'password'>

export interface Arriving {
  readonly clientId: string
  readonly origin: Origin
  ended(why: SignedOut): void
}

export function createMqttSignIn(options: MqttSignInOptions): MqttSignIn {
  const { clientAddress, foreignOriginOf, admit, bans, signedIn } = options
  return {
    originOf: (socket, request) => {
      if (request !== undefined) {
        const foreignOrigin = foreignOriginOf(request)
        const address = clientAddress(request)
        return { connection: request.socket, address, foreignOrigin, transport: 'websocket' }
      }
      const transport = 'encrypted' in socket ? 'tls' : 'tcp'
      const address = addressOf(socket)
      return { connection: socket, address, foreignOrigin: undefined, transport }
    },
    identify: async (connect, origin) => {
      const ban = bans.refusal({ address: origin.address })
      if (ban !== undefined) return { reason: reasons.banned, message: ban.reason }
      try {
        return await identify(connect, origin, options)
      } catch (error) {
        return { reason: reasons.serverUnavailable, message: reasonOf(error) }
      }
    },
    enter: (user, { clientId, origin, ended }) => {
      const { connection, address } = origin
      const error = bans.refusal({ user, clientId, address }) ?? admit(connection, user)
      if (error?.code === 'banned') return { reason: reasons.banned, message: error.reason }
      if (error !== undefined) {
        return { reason: reasons.serverUnavailable, message: 'too many connections of this user' }
      }
      return signedIn.register({
        user,
        clientId,
        connectionInfo: { transport: 'mqtt', title: clientId, address, connection },
        // What it may do is asked anew for each message.
        rightsChanged: () => {},
        ended,
      })
    },
  }
}

function addressOf(socket: Duplex): string {
  return 'remoteAddress' in socket ? unmapped(String(socket.remoteAddress)) : 'unknown'
}

async function identify(
  { user: name, password }: Credentials,
  { address, connection, foreignOrigin }: Origin,
  { signIn, directory }: Pick<MqttSignInOptions, 'signIn' | 'directory'>,
): Promise<User | NotIn> {
  if (password === undefined) {
    // A page of a stranger would reach whoever its visitor can reach.
    const known = foreignOrigin === undefined ? userWithout(name, connection, directory) : undefined
    if (known !== undefined || name === '') return known ?? wrong
  }
  const result = await signIn({ user: name, password: textOf(password) }, address, foreignOrigin)
  if ('user' in result) return result.user
  if (result.refused === 'code-needed') return codeNeeded
  return result.refused === 'wrong' ? wrong : busy
}

/** Who comes in without a password: by a certificate, or as anybody. */
function userWithout(
  name: string,
  connection: object,
  directory: Pick<UserDirectory, 'find'>,
): User | undefined {
  const certified = certifiedUser(connection, directory)
  if (name === '') return certified ?? anonymousIn(directory)
  return certified !== undefined && isSameName(name, certified.name) ? certified : undefined
}

const wrong: NotIn = { reason: reasons.badCredentials, message: 'bad user name or password' }

const codeNeeded: NotIn = {
  reason: reasons.badCredentials,
  message: 'a token in place of the password is needed: this user signs in with a code besides',
}

const busy: NotIn = {
  reason: reasons.serverUnavailable,
  message: 'too many sign in, or have failed to',
}

/** [MQTT-3.1.3.5] A password is bytes; ours are texts. Bytes that are none are nobody's password. */
function textOf(password: Buffer | undefined): string {
  return password !== undefined && isUtf8(password) ? password.toString() : ''
}

// --- the answer to who is let in ---

/** A client whose credentials are right. */
export interface AcceptedClient {
  readonly name: string
  readonly address: string
  /** For how long the hub hears nothing of it and goes on. */
  readonly keepAliveSeconds: number
  readonly buffer: WriteBuffer
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
  client: AcceptedClient,
  context: ConnectionContext,
): LetIn | undefined {
  const { sessions, wills, frames, sampledLog } = context
  const { name, buffer } = client
  const expirySeconds = sessions.expiryOf(connect.expirySeconds)
  const said = connect.level === 5 ? saidTo(connect, { ...client, expirySeconds }, context) : []
  const most = writeConnack({ level: connect.level, isPresent: true, said })
  if (most.length > connect.maximumPacketBytes) return undefined
  const output = new ClientOutput({ connect, ...client, frames, sampledLog })
  const request = { name, clean: connect.clean, expirySeconds }
  const [session, isPresent] = sessions.accept(request, output)
  wills.returned(name, isPresent)
  const will = willOf(connect.will, name, context)
  wills.left(name, will && { ...client, will })
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
  { name, keepAliveSeconds, expirySeconds }: AcceptedClient & { readonly expirySeconds: number },
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
