import type { Sender, Watcher } from '../access/sender.ts'
import type { Bus } from '../bus/bus.ts'
import { HubError } from '../core/errors.ts'
import { errorPayload, errorTopic, type Message, type Receipt } from '../core/message.ts'
import { Payload } from '../core/payload.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import {
  checkTopic,
  checkTopicText,
  isCommand,
  isOfBroker,
  startWithin,
  type TopicLimits,
} from '../core/topic.ts'
import type { EmbeddedBus } from './embedded-bus.ts'
import {
  binaryProperty,
  noBytes,
  properties as p,
  pairProperty,
  readTravelling,
  textProperty,
  textsOf,
  withoutAnswer,
} from './properties.ts'
import type { RetainedValues } from './retained.ts'

/**
 * What goes on the bus in place of a client's message; undefined when there is nothing left to publish.
 *
 * @throws HubError to refuse it.
 */
export type Enter = (message: Message, sender: Sender) => Message | undefined

export interface PublishingOptions {
  readonly enter: Enter
  readonly bus: Pick<EmbeddedBus, 'carry'> & Pick<Bus, 'publish'>
  readonly retained: Pick<RetainedValues, 'forget'>
  readonly topicLimits: TopicLimits
  readonly sampledLog: SampledLog
}

/** A message of a client, and who that is. */
export interface Incoming {
  readonly message: Message
  readonly sender: Sender
  /** Where the client may be answered besides where it may publish. */
  mayBeAnswered(topic: string): boolean
}

/** What became of a message. */
export type PublishResult =
  /** Whether any client receives it. */
  | { readonly isTaken: boolean }
  /** Why it was not published. */
  | { readonly refused: HubError }

/** How the messages of clients, and their wills, go on the bus. */
export interface Publishing {
  /** @throws what is no refusal: no client can go on after it. */
  publish(incoming: Incoming): PublishResult
  /** As `publish`; a refusal is told on the bus, where its sender can see it, as before MQTT 5. */
  publishOrTell(incoming: Incoming): PublishResult
}

export function createPublishing(options: PublishingOptions): Publishing {
  const publish = (incoming: Incoming): PublishResult => {
    try {
      return { isTaken: publishOrObey(incoming, options) }
    } catch (error) {
      if (!(error instanceof HubError) || isFatal(error, incoming.message)) throw error
      const { topic, retain } = incoming.message
      // [MQTT-3.3.1-7]
      if (error.code === 'too-large' && retain) options.retained.forget(topic)
      return { refused: error }
    }
  }
  return {
    publish,
    publishOrTell: (incoming) => {
      const published = publish(incoming)
      if ('refused' in published) tell(published.refused, incoming, options)
      return published
    },
  }
}

/** A topic that MQTT itself does not have ends the connection; there is no topic to answer on. */
function isFatal({ code }: HubError, { topic }: Message): boolean {
  if (code !== 'bad-topic') return false
  try {
    checkTopicText(topic)
    return false
  } catch {
    return true
  }
}

/** Returns whether a client receives the message. */
function publishOrObey(incoming: Incoming, options: PublishingOptions): boolean {
  const { message, sender } = incoming
  const { enter, bus, sampledLog } = options
  if (isOfBroker(message.topic)) {
    const fields = { client: message.client, topic: message.topic }
    sampledLog.warn('mqtt-dollar-topic', fields, 'a message to a topic of the hub was dropped')
    throw new HubError('bad-topic', 'expected a topic without $ at its start, got one of the hub')
  }
  const request = requestIn(incoming, options)
  if (request !== undefined) return obey(request, incoming, options)
  const entered = enter(message, sender)
  // What was taken as a command has found whom it is for.
  return entered === undefined || bus.carry(entered)
}

/** Tells of a refusal on the topic of the message, in its place. */
function tell(error: HubError, { message, sender }: Incoming, options: PublishingOptions): void {
  const { topicLimits, bus } = options
  const isTooBig = error.code === 'topic-too-big'
  const { topic } = message
  const start = isTooBig ? startWithin(topic, errorTopic(''), topicLimits) : topic
  if (error.code === 'forbidden' || start === undefined || isOfBroker(topic)) return
  const place = errorTopic(start)
  // Of a topic that is too big only its first levels are told, if its sender may write there.
  if (isTooBig && !sender.rights.mayPublish(place, false).allowed) return
  bus.publish({ topic: place, payload: errorPayload(error), qos: message.qos, retain: false })
}

// --- commands that want an answer [MQTT 5, 4.10] ---

/** A command, and where its receipts go. */
interface Request {
  /** The command without that: else its node would answer as well. */
  readonly message: Message
  readonly responseTopic: string
  readonly correlation: readonly Buffer[]
  /** Whether it wants to know of every receipt, and not only how the command ended. */
  readonly wantsAll: boolean
}

function requestIn(
  { message, sender, mayBeAnswered }: Incoming,
  { topicLimits }: PublishingOptions,
): Request | undefined {
  const { properties, topic } = message
  if (properties === undefined || !isCommand(topic)) return undefined
  const said = readTravelling(properties.bytes)
  const responseTopic = said.textOf(p.responseTopic)
  if (responseTopic === undefined) return undefined
  checkTopic(responseTopic, topicLimits)
  if (!mayBeAnswered(responseTopic)) {
    const message = `expected a right to publish on the response topic, ${sender.user} has none`
    throw new HubError('forbidden', message)
  }
  const correlation = said.bytesOf(p.correlationData)
  const { userProperties } = textsOf(properties.bytes)
  return {
    message: { ...message, properties: { ...properties, bytes: withoutAnswer(properties.bytes) } },
    responseTopic,
    correlation: correlation === undefined ? [] : [binaryProperty(p.correlationData, correlation)],
    wantsAll: userProperties.some(([name, value]) => name === 'receipts' && value === 'all'),
  }
}

/** Commands what was asked for, and answers. What is no command of the hub goes on as it came. */
function obey(
  request: Request,
  { message, sender }: Incoming,
  options: PublishingOptions,
): boolean {
  const { enter, bus } = options
  let refused: HubError | undefined
  let isDeciding = true
  const watcher: Watcher = {
    changed: (receipt) => {
      const refusal = isDeciding && message.qos > 0 ? refusalIn(receipt) : undefined
      // Above QoS 0 the acknowledgement says so.
      if (refusal !== undefined) refused = refusal
      else if (request.wantsAll || receipt.final) bus.publish(answerOf(receipt, request))
    },
  }
  const entered = enter(request.message, { ...sender, watcher })
  isDeciding = false
  if (refused !== undefined) throw refused
  return entered === undefined || bus.carry({ ...entered, properties: message.properties })
}

/** Why a command was refused; undefined when it was not. */
function refusalIn({ code, message }: Receipt): HubError | undefined {
  return code === undefined || message === undefined ? undefined : new HubError(code, message)
}

/** A receipt as its sender is told of it. */
function answerOf(receipt: Receipt, { message, responseTopic, correlation }: Request): Message {
  const final = receipt.final ? pairProperty(['final', 'true']) : noBytes
  const said = [textProperty(p.contentType, 'application/json'), ...correlation, final]
  return {
    topic: responseTopic,
    payload: Payload.ofValue(receipt),
    qos: message.qos,
    retain: false,
    properties: { bytes: Buffer.concat(said) },
  }
}
