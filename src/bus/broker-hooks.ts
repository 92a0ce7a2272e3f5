import type { AedesOptions, Client, PublishPacket, Subscription } from 'aedes'
import type { Sender } from '../access/sender.ts'
import { HubError, reasonOf, systemCodeOf } from '../core/errors.ts'
import { errorPayload, errorTopic, type Message } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { checkFilter, isOfBroker, startWithin, type TopicLimits } from '../core/topic.ts'
import type { PacketReader } from './aedes-bus.ts'
import type { ClientRights } from './client-rights.ts'
import { MqttGuard } from './guard/mqtt-guard.ts'
import type { RetainedValues } from './retained-values.ts'
import type { Senders } from './senders.ts'
import type { SubscriptionQuota } from './subscription-quota.ts'

export interface HookOptions {
  /**
   * What goes on the bus in place of a client's message; undefined drops it without a word.
   *
   * @throws HubError to refuse it.
   */
  admit(message: Message, sender: Sender): Message | undefined
  readonly topicLimits: TopicLimits
  readonly sampledLog: SampledLog
}

interface HookParts {
  readonly reader: PacketReader
  readonly quota: Pick<SubscriptionQuota, 'hasRoomFor' | 'take'>
  /** Takes each subscription that is granted: only those may be kept. */
  readonly granted: WeakSet<Subscription>
  readonly rights: ClientRights
  readonly senders: Senders
  readonly retained: Pick<RetainedValues, 'forget'>
}

type Hooks = Required<
  Pick<AedesOptions, 'authorizePublish' | 'authorizeSubscribe' | 'authorizeForward' | 'published'>
>

/** What Aedes asks before it lets anything happen to a message or a subscription. */
export function createHooks(options: HookOptions, parts: HookParts): Hooks {
  const { sampledLog } = options
  const { reader, rights, senders, granted } = parts
  const admission = { ...options, ...parts }
  return {
    authorizePublish: (client, packet, done) => {
      if (isOfBroker(packet.topic)) {
        const fields = { client: client?.id, topic: packet.topic }
        sampledLog.warn('mqtt-dollar-topic', fields, 'a message to a topic of the hub was dropped')
        replace(packet, nothing)
        done(null)
        return
      }
      const bridge = bridgeOf(client)
      const message = { ...reader.read(packet), ...(bridge && { bridge }) }
      // Aedes hands it on with the message, also to where that is kept.
      if (bridge !== undefined) packet.clientId = bridge
      done(admitPacket(packet, { message, sender: senders.of(client) }, admission))
    },
    authorizeSubscribe: (client, subscription, done) => {
      const isGranted = mayHave(client, subscription, admission)
      // A clean session is kept nowhere.
      if (isGranted && !client.clean) granted.add(subscription)
      done(null, isGranted ? subscription : null)
    },
    authorizeForward: (client, packet) => {
      const guard = client.conn
      // [MQTT-3.2.0-1] Nothing goes out before CONNACK.
      if (guard instanceof MqttGuard && !guard.isAccepted) return null
      return rights.of(client.id)?.mayRead(packet.topic) ? packet : null
    },
    published: ({ qos, messageId = 0 }, client, done) => {
      if (qos === 1 && client?.conn instanceof MqttGuard) client.conn.published(messageId)
      done()
    },
  }
}

/** The name of a client that is a bridge. */
function bridgeOf(client: Client | null): string | undefined {
  return client?.conn instanceof MqttGuard && client.conn.isBridge ? client.id : undefined
}

/** Whether a client may subscribe; if not, SUBACK says 128 [MQTT-3.9.3-2]. */
function mayHave(
  client: Client,
  { topic }: Subscription,
  options: HookOptions & HookParts,
): boolean {
  const refusal = refusalOf(client, topic, options)
  if (refusal === undefined) {
    options.quota.take(client.id, topic)
    return true
  }
  const [kind, reason] = refusal
  const fields = { client: client.id, topic, reason }
  options.sampledLog.warn(kind, fields, 'a subscription was refused')
  return false
}

type Refusal = readonly [counter: string, reason: string | undefined]

/** The cheapest question comes first: a packet may have a hundred thousand filters past the limit. */
function refusalOf(
  { id }: Client,
  filter: string,
  { topicLimits, quota, rights }: HookOptions & HookParts,
): Refusal | undefined {
  if (!quota.hasRoomFor(id, filter)) return tooMany
  try {
    checkFilter(filter, topicLimits)
  } catch (error) {
    return [String(systemCodeOf(error)), reasonOf(error)]
  }
  const decision = rights.of(id)?.maySubscribe(filter)
  return decision?.allowed === true ? undefined : ['right-missing', decision?.reason]
}

const tooMany: Refusal = ['mqtt-too-many-subscriptions', 'the client has too many, or all have']

/**
 * Puts what was admitted into `packet`. MQTT 3.1.1 cannot refuse a single message: it is
 * acknowledged, or the connection ends [MQTT-3.3.5-2]. A bad topic ends the connection, by the error
 * this answers. A message without the right is dropped; of another one that we refuse, the refusal goes
 * on the bus in its place, where its sender can see it.
 */
function admitPacket(
  packet: PublishPacket,
  { message, sender }: { readonly message: Message; readonly sender: Sender },
  { admit, retained, topicLimits }: HookOptions & HookParts,
): Error | null {
  try {
    replace(packet, admit(message, sender) ?? nothing)
    return null
  } catch (cause) {
    const isRefusal = cause instanceof HubError && cause.code !== 'bad-topic'
    if (!isRefusal) return new Error(reasonOf(cause), { cause })
    // [MQTT-3.3.1-7]
    if (cause.code === 'too-large' && packet.retain) retained.forget(packet.topic)
    replace(packet, errorInPlaceOf(packet.topic, cause, { sender, topicLimits }))
    return null
  }
}

interface ErrorContext {
  readonly sender: Sender
  readonly topicLimits: TopicLimits
}

/**
 * Tells of a refusal on the topic of the message. Of a topic that is too big, on as many of its first
 * levels as are not, if its sender may write there.
 */
function errorInPlaceOf(topic: string, error: HubError, context: ErrorContext): Outgoing {
  const isTooBig = error.code === 'topic-too-big'
  const start = isTooBig ? startWithin(topic, errorTopic(''), context.topicLimits) : topic
  if (error.code === 'forbidden' || start === undefined) return nothing
  const place = errorTopic(start)
  if (isTooBig && !context.sender.rights.mayPublish(place, false).allowed) return nothing
  return { topic: place, payload: errorPayload(error), retain: false }
}

/** What goes on the bus for a message that is dropped: nobody can subscribe to it by a wildcard. */
const nothing: Outgoing = {
  topic: '$dropped',
  payload: new Payload(Buffer.alloc(0)),
  retain: false,
}

type Outgoing = Pick<Message, 'topic' | 'payload' | 'retain'>

function replace(packet: PublishPacket, message: Outgoing): void {
  packet.topic = message.topic
  packet.payload = message.payload.bytes
  packet.retain = message.retain
}
