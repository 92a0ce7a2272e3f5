import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { AedesOptions, AuthenticateError, Client, ConnectPacket } from 'aedes'
import type { SignIn, SignInResult } from '../access/sign-in.ts'
import type { SignedIn } from '../access/signed-in.ts'
import { anonymousIn, type User, type UserDirectory } from '../access/user.ts'
import { reasonOf } from '../core/errors.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { isOfBroker } from '../core/topic.ts'
import { type ClientAddress, connectionOf } from './client-address.ts'
import { clientName, partsOf } from './client-name.ts'

export interface MqttSignInOptions {
  readonly signIn: SignIn
  readonly directory: Pick<UserDirectory, 'find'>
  readonly signedIn: Pick<SignedIn, 'register'>
  /** Whether a user may have one more connection, and this is to be one of that user's. */
  mayEnter(connection: object, user: string): boolean
  readonly addressOf: ClientAddress
  /** The origin of the page that asked for a websocket, when that is neither ours nor listed. */
  foreignOriginOf(request: IncomingMessage): string | undefined
  readonly sampledLog: SampledLog
}

/** What Aedes asks when a client says CONNECT. */
export function createMqttSignIn(
  options: MqttSignInOptions,
): Required<Pick<AedesOptions, 'preConnect' | 'authenticate'>> {
  const { sampledLog } = options
  return {
    preConnect: (_client, packet, done) => {
      packet.clientId = clientName(packet.username, packet.clientId)
      dropWillOfBroker(packet, sampledLog)
      done(null, true)
    },
    authenticate: (client, ...[name = '', password, done]) => {
      const settle = (result: MqttSignInResult) => {
        const error = 'user' in result ? enter(client, result.user, options) : refusalOf(result)
        done(error ?? null, error === undefined)
      }
      identify(client, { name, password }, options).then(settle, (error: unknown) =>
        done(refusal(3, reasonOf(error)), false),
      )
    },
  }
}

/** Mosquitto's bridges leave one; there is no way to refuse it but to refuse the client. */
function dropWillOfBroker(packet: ConnectPacket, sampledLog: SampledLog): void {
  const { clientId, will } = packet
  if (will === undefined || !isOfBroker(will.topic)) return
  const fields = { client: clientId, topic: will.topic }
  sampledLog.warn('mqtt-dollar-topic', fields, 'a will to a topic of the hub was dropped')
  delete packet.will
}

type MqttSignInResult = SignInResult | { readonly refused: 'nobody' }

async function identify(
  client: Client,
  { name, password }: { name: string; password: Readonly<Buffer> | undefined },
  { signIn, directory, addressOf, foreignOriginOf }: MqttSignInOptions,
): Promise<MqttSignInResult> {
  const foreignOrigin = client.req && foreignOriginOf(client.req)
  if (name === '' && password === undefined) {
    // A page of a stranger would reach whoever its user can reach.
    const user = foreignOrigin === undefined ? anonymousIn(directory) : undefined
    return user === undefined ? { refused: 'nobody' } : { user }
  }
  return signIn({ user: name, password: textOf(password) }, addressOf(client), foreignOrigin)
}

/** Lets a client in until its connection closes; answers why not, if not. */
function enter(
  client: Client,
  user: User,
  { mayEnter, signedIn, addressOf }: MqttSignInOptions,
): AuthenticateError | undefined {
  const connection = connectionOf(client)
  if (!mayEnter(connection, user.name)) {
    return refusal(3, 'too many connections of this user')
  }
  const { clientId } = partsOf(client.id)
  const { leave, silent } = signedIn.register({
    user,
    clientId,
    connectionInfo: { transport: 'mqtt', title: clientId, address: addressOf(client), connection },
    // What it may do is asked anew for each message.
    rightsChanged: () => {},
    ended: () => client.close(),
  })
  client.conn.on('silence', silent)
  client.conn.once('close', leave)
  return undefined
}

function refusalOf({ refused }: Exclude<MqttSignInResult, { user: unknown }>): AuthenticateError {
  const isWrong = refused === 'wrong' || refused === 'nobody'
  if (isWrong) return refusal(4, 'bad user name or password')
  return refusal(3, 'too many sign in, or have failed to')
}

/** [MQTT-3.2.2-4] Return code 3: server unavailable; 4: bad user name or password. */
function refusal(returnCode: 3 | 4, message: string): AuthenticateError {
  return Object.assign(new Error(message), { returnCode })
}

/** [MQTT-3.1.3.5] A password is bytes; ours are texts. Bytes that are none are nobody's password. */
function textOf(password: Readonly<Buffer> | undefined): string {
  return password !== undefined && isUtf8(password) ? password.toString() : ''
}
