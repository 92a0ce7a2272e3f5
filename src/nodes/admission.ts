import type { Logger } from 'pino'
import type { PublishDecision } from '../access/rights.ts'
import type { Sender } from '../access/sender.ts'
import type { Counters } from '../core/counters.ts'
import { HubError, reasonOf, systemCodeOf } from '../core/errors.ts'
import type { Message } from '../core/message.ts'
import type { Payload } from '../core/payload.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { switchesActuator } from '../core/switching.ts'
import { checkTopic, type TopicLimits } from '../core/topic.ts'
import type { ClownBases } from './clown-bases.ts'
import { type ClownModel, shapeOf } from './clown-model.ts'
import { deviceOf } from './device.ts'

/** What goes on the bus in place of `message`, whatever way it came in. */
export type Admit = (message: Message, sender: Sender) => Message

export interface AdmissionOptions {
  readonly model: ClownModel
  /** Where commands and requests are checked; elsewhere they are messages like others. */
  readonly bases: Pick<ClownBases, 'binds'>
  readonly topicLimits: TopicLimits
  readonly sampledLog: SampledLog
  readonly log: Pick<Logger, 'warn'>
  readonly counters: Pick<Counters, 'count'>
}

/**
 * What every message has to pass: its topic keeps the rules, and its sender has the right. Commands
 * and requests that break their schema, or hold numbers that parsing changes, are refused where
 * Clown.Model binds. Any other message that breaks its schema is passed on, counted and logged: a
 * reading with a fault is better than none.
 *
 * The answered function throws HubError `bad-topic`, `topic-too-big`, `forbidden`, `too-large` or
 * `bad-payload`.
 */
export function createAdmission(options: AdmissionOptions): Admit {
  const { model, sampledLog } = options
  const tellOnce = createTellOnce(options)
  return (message, sender) => {
    const { topic } = message
    checkTopicOf(message, options)
    const { withoutRetain: isNotKept } = checkRight(message, sender, sampledLog)
    if (message.payload.refusal !== undefined) throw message.payload.refusal
    const problem = model.problemOf(message)
    const shape = shapeOf(topic)
    if (shape === 'command' || shape === 'request') checkAsked(message, problem, options)
    else if (problem !== undefined) {
      sampledLog.warn('report-breaks-schema', { topic, problem }, 'a report breaks its schema')
    }
    if (isNotKept) return withoutRight(message, sender, sampledLog)
    if (!message.retain || !switchesActuator(topic)) return message
    tellOnce(topic)
    return { ...message, retain: false }
  }
}

function checkTopicOf({ topic }: Message, { topicLimits, sampledLog }: AdmissionOptions): void {
  try {
    checkTopic(topic, topicLimits)
  } catch (error) {
    const kind = String(systemCodeOf(error))
    sampledLog.warn(kind, { reason: reasonOf(error) }, 'a message was refused by its topic')
    throw error
  }
}

/** @throws HubError `forbidden` when `sender` has no right, or none any more, to publish `message`. */
export function checkRight(
  message: Message,
  sender: Sender,
  sampledLog: SampledLog,
): PublishDecision {
  const { topic, retain } = message
  const { user, clientId, rights } = sender
  const decision = rights.mayPublish(topic, retain)
  if (decision.allowed) return decision
  const { reason } = decision
  const fields = { user, client: clientId, topic, reason }
  sampledLog.warn('right-missing', fields, 'a message was refused')
  throw new HubError('forbidden', `expected a right to publish, got none: ${reason}`)
}

/** A command or a request: what asks for something of Clown.Model has to be right. */
function checkAsked(
  { topic, payload }: Message,
  problem: string | undefined,
  { bases, sampledLog }: AdmissionOptions,
): void {
  const device = topic.replace(/\/(config\/)?[^/]+$/, '')
  if (!bases.binds(device, deviceOf(device).base)) return
  const fault = problem ?? numberProblemOf(payload.value) ?? keyProblemOf(payload)
  if (fault === undefined) return
  // The fault may quote the payload, which only the sender and the readers of the topic may see.
  sampledLog.warn('command-refused', { topic }, 'a command breaks its schema')
  throw new HubError('bad-payload', fault)
}

/**
 * A number that was changed by parsing it would command something else than was asked for: `1e999`
 * becomes infinite, and integers from 2^53 on lose their last digits. Payloads are never deep.
 */
function numberProblemOf(value: unknown): string | undefined {
  if (typeof value === 'number') {
    const isWhole = Number.isInteger(value)
    const isExact = isWhole ? Number.isSafeInteger(value) : Number.isFinite(value)
    return isExact ? undefined : `expected finite numbers and integers below 2^53, got ${value}`
  }
  if (typeof value !== 'object' || value === null) return undefined
  for (const inner of Object.values(value)) {
    const problem = numberProblemOf(inner)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** RFC 8259, 4: with a key that comes twice, readers differ in which one counts. */
function keyProblemOf({ encoding, jsonText, value }: Payload): string | undefined {
  if (encoding !== 'json') return undefined
  const colons = jsonText.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1
  return colons === keysIn(value) ? undefined : 'expected each key once, got one that comes again'
}

/** How many keys `value` has, at every depth. */
function keysIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const inner = Object.values(value)
  const own = Array.isArray(value) ? 0 : inner.length
  return inner.reduce((sum: number, each) => sum + keysIn(each), own)
}

/** So many topics are told one by one. */
const toldTopics = 1000

/** Says once a topic that its commands are not kept, since they would switch a node that connects tomorrow. */
function createTellOnce({ log, counters, sampledLog }: AdmissionOptions): (topic: string) => void {
  const told = new Set<string>()
  const kind = 'command-not-retained'
  const text =
    'a command came with the retain flag, which was removed: it would switch again, later'
  return (topic) => {
    if (told.size >= toldTopics && !told.has(topic)) sampledLog.warn(kind, { topic }, text)
    else {
      counters.count(kind)
      if (!told.has(topic)) log.warn({ kind, topic }, text)
      told.add(topic)
    }
  }
}

/** Who may write there but not retain is heard all the same. */
function withoutRight(message: Message, sender: Sender, sampledLog: SampledLog): Message {
  const { user, clientId } = sender
  const fields = { user, client: clientId, topic: message.topic }
  sampledLog.warn('right-to-retain-missing', fields, 'a retain flag was removed: no right to it')
  return { ...message, retain: false }
}
