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
import { type Reason, reasons } from './packet.ts'
import type { ConnectPacket } from './read-connect.ts'

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
        return { connection: request.socket, address: clientAddress(request), foreignOrigin }
      }
      return { connection: socket, address: addressOf(socket), foreignOrigin: undefined }
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
