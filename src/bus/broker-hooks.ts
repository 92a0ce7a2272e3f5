import { isUtf8 } from 'node:buffer'
import type { AedesOptions, AuthenticateError, Client, PublishPacket, Subscription } from 'aedes'
import type { SignIn, SignInResult } from '../access/sign-in.ts'
import { errorPayload, errorTopic } from '../core/error-payload.ts'
import { HubError, reasonOf } from '../core/errors.ts'
import type { Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { checkFilter, type TopicLimits } from '../core/topic.ts'
import type { PacketReader } from './aedes-bus.ts'
import { MqttGuard } from './guard/mqtt-guard.ts'
import type { SubscriptionQuota } from './subscription-quota.ts'

export interface HookOptions {
  readonly signIn: SignIn
  /**
   * What goes on the bus in place of a client's message; undefined drops it without a word.
   *
   * @throws HubError to refuse it.
   */
  admit(message: Message): Message | undefined
  /** Whether a user may have one more connection, and this is to be one of that user's. */
  mayEnter(connection: object, user: string): boolean
  /** Whether clients that give neither user nor password are let in. */
  readonly anonymous: boolean
  readonly topicLimits: TopicLimits
  readonly sampledLog: SampledLog
}

interface HookParts {
  readonly reader: PacketReader
  readonly quota: SubscriptionQuota
  /** Takes each subscription that is granted: only those may be kept. */
  readonly granted: WeakSet<Subscription>
}

type Hooks = Required<
  Pick<
    AedesOptions,
    'authenticate' | 'authorizePublish' | 'authorizeSubscribe' | 'authorizeForward'
  >
>

/** What Aedes asks before it lets anything happen. */
export function createHooks(options: HookOptions, { reader, quota, granted }: HookParts): Hooks {
  const { signIn, admit, mayEnter, anonymous } = options
  return {
    authenticate: (client, ...[user = '', password, done]) => {
      const connection = connectionOf(client)
      const enter = (name: string) => {
        if (mayEnter(connection, name)) done(null, true)
        else done(refusal(3, 'too many connections of this user'), null)
      }
      if (anonymous && user === '' && password === undefined) {
        enter(user)
        return
      }
      const refuse = (error: AuthenticateError) => done(error, null)
      signIn({ user, password: textOf(password) }, addressOf(connection)).then(
        (result) => ('user' in result ? enter(result.user.name) : refuse(refusalOf(result))),
        (error: unknown) => refuse(refusal(3, reasonOf(error))),
      )
    },
    authorizePublish: (_client, packet, done) => {
      done(admitPacket(packet, () => admit(reader.read(packet))))
    },
    authorizeSubscribe: (client, subscription, done) => {
      const isGranted = mayHave(client, subscription, { ...options, quota })
      if (isGranted) granted.add(subscription)
      done(null, isGranted ? subscription : null)
    },
    authorizeForward: (client, packet) => {
      const guard = client.conn
      // [MQTT-3.2.0-1] Nothing goes out before CONNACK.
      return guard instanceof MqttGuard && !guard.isAccepted ? null : packet
    },
  }
}

/** [MQTT-3.2.2-4] Return code 3: server unavailable; 4: bad user name or password. */
function refusal(returnCode: 3 | 4, message: string): AuthenticateError {
  return Object.assign(new Error(message), { returnCode })
}

function refusalOf({ refused }: Exclude<SignInResult, { user: unknown }>): AuthenticateError {
  if (refused === 'wrong') return refusal(4, 'bad user name or password')
  return refusal(3, 'too many sign in, or have failed to')
}

/** The TCP socket that carries a client, under a websocket too. */
function connectionOf({ req, conn }: Client): object {
  if (req !== undefined) return req.socket
  return conn instanceof MqttGuard ? conn.socket : conn
}

/** A connection that is closed already has no address any more. */
function addressOf(connection: object): string {
  return 'remoteAddress' in connection ? String(connection.remoteAddress) : 'unknown'
}

/** Whether a client may subscribe; if not, SUBACK says 128 [MQTT-3.9.3-2]. */
function mayHave(
  client: Client,
  { topic }: Subscription,
  { topicLimits, sampledLog, quota }: HookOptions & { quota: SubscriptionQuota },
): boolean {
  try {
    checkFilter(topic, topicLimits)
  } catch (error) {
    const fields = { client: client.id, reason: reasonOf(error) }
    sampledLog.warn('bad-topic', fields, 'a subscription was refused')
    return false
  }
  if (quota.take(client, topic)) return true
  const fields = { client: client.id, topic }
  sampledLog.warn('mqtt-too-many-subscriptions', fields, 'a subscription was refused')
  return false
}

/**
 * Puts what was admitted into `packet`. MQTT 3.1.1 cannot refuse a single message: it is
 * acknowledged, or the connection ends [MQTT-3.3.5-2]. A command whose payload we refuse is
 * acknowledged, and its refusal goes on the bus in its place, where its sender can see it. Whatever
 * else we refuse ends the connection, by the error this answers.
 */
function admitPacket(packet: PublishPacket, admit: () => Message | undefined): Error | null {
  try {
    replace(packet, admit() ?? nothing)
    return null
  } catch (cause) {
    const isRefusable = cause instanceof HubError && cause.code === 'bad-payload'
    if (!isRefusable) return new Error(reasonOf(cause), { cause })
    const refusal = { topic: errorTopic(packet.topic), payload: errorPayload(cause) }
    replace(packet, { ...refusal, retain: false })
    return null
  }
}

/** What goes on the bus for a message that is dropped: nobody can subscribe to it by a wildcard. */
const nothing = { topic: '$dropped', payload: new Payload(Buffer.alloc(0)), retain: false }

function replace(
  packet: PublishPacket,
  message: Pick<Message, 'topic' | 'payload' | 'retain'>,
): void {
  packet.topic = message.topic
  packet.payload = message.payload.bytes
  packet.retain = message.retain
}

/** [MQTT-3.1.3.5] A password is bytes; ours are texts. Bytes that are none are nobody's password. */
function textOf(password: Readonly<Buffer> | undefined): string {
  return password !== undefined && isUtf8(password) ? password.toString() : ''
}
