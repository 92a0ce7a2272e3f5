/** What is checked of a message before it goes on: its topic, the right to it, its payload, the model, and what may be kept. */
import type { Logger } from 'pino'
import type { PublishDecision } from '../access/rights.ts'
import type { Sender } from '../access/sender.ts'
import { HubError, reasonOf, systemCodeOf } from '../core/errors.ts'
import type { Message } from '../core/message.ts'
import type { Payload } from '../core/payload.ts'
import type { Counters, SampledLog } from '../core/sampled-log.ts'
import type { Trace } from '../core/trace.ts'
import { ambiguityIn } from './clown-model.ts'
import { decide, type TopicRecord } from './topic-records.ts'

export interface AdmissionParts {
  readonly profiles: {
    /**
     * What a command asks a device of a profile for; undefined for any other device.
     *
     * @throws HubError `unknown-device` or `bad-payload`
     */
    askIn(device: string, payload: Payload): unknown
  }
  readonly load: {
    /** Nothing new may be kept. */
    isOutOfMemory(): boolean
  }
  readonly log: Pick<Logger, 'warn'>
  readonly sampledLog: SampledLog
  readonly counters: Pick<Counters, 'count'>
  readonly trace: Pick<Trace, 'allowed'>
}

/** A message, and who sends it. */
export interface Entering {
  readonly message: Message
  readonly sender: Sender
}

/** What would be said of a message. */
export interface Judgement {
  /** Why it would be refused. */
  readonly refusal: HubError | undefined
  /** How it breaks the schema of its topic, which no report is refused for. */
  readonly problem: string | undefined
}

export interface Admission {
  /**
   * The message as it goes on.
   *
   * @throws HubError `bad-topic`, `topic-too-big`, `forbidden`, `too-large`, `bad-payload`
   */
  admit(record: TopicRecord, message: Message, sender: Sender): Message
  /** The same, without a word to anybody, and what a device of a profile would say of a command. */
  judge(record: TopicRecord, entering: Entering): Judgement
}

export function createAdmission(parts: AdmissionParts): Admission {
  const keeping = { ...parts, warnOnce: createWarnOnce(parts) }
  return {
    admit: (record, message, sender) => {
      checkTopic(record, parts)
      const decision = checkRight(record, { message, sender }, parts)
      parts.trace.allowed(message, decision.reason)
      if (message.payload.refusal !== undefined) throw message.payload.refusal
      checkModel(record, message, parts)
      return message.retain ? keptOrNot(record, { message, sender, decision }, keeping) : message
    },
    judge: (record, entering) => ({
      refusal: refusalOf(record, entering, parts),
      problem: record.problemOf?.(entering.message.payload),
    }),
  }
}

function checkTopic({ error }: TopicRecord, { sampledLog }: AdmissionParts): void {
  if (error === undefined) return
  const kind = String(systemCodeOf(error))
  sampledLog.warn(kind, { reason: reasonOf(error) }, 'a message was refused by its topic')
  throw error
}

/** @throws HubError `forbidden` when the sender has no right, or none any more, to publish the message. */
export function checkRight(
  record: TopicRecord,
  { message, sender }: Entering,
  { sampledLog }: Pick<AdmissionParts, 'sampledLog'>,
): PublishDecision {
  const decision = decide(record, sender.rights, message.retain)
  if (decision.allowed) return decision
  const { user, clientId } = sender
  const { reason } = decision
  const fields = { user, client: clientId, topic: record.topic, reason }
  sampledLog.warn('right-missing', fields, 'a message was refused')
  throw rightMissing(reason)
}

function rightMissing(reason: string): HubError {
  return new HubError('forbidden', `expected a right to publish, got none: ${reason}`)
}

/**
 * Commands and requests that break their schema, or hold numbers that parsing changes, are refused where
 * Clown.Model binds. Any other message that breaks its schema is passed on, counted and logged: a reading with
 * a fault is better than none.
 */
function checkModel(
  record: TopicRecord,
  { payload }: Message,
  { sampledLog }: AdmissionParts,
): void {
  const { topic } = record
  if (!isAsking(record)) {
    const problem = record.problemOf?.(payload)
    if (problem !== undefined) warnOfReport(topic, problem, { sampledLog })
    return
  }
  const error = modelProblem(record, payload)
  if (error === undefined) return
  // The error may quote the payload, which only the sender and the readers of the topic may see.
  sampledLog.warn('command-refused', { topic }, 'a command breaks its schema')
  throw new HubError('bad-payload', error)
}

function isAsking({ shape }: TopicRecord): boolean {
  return shape === 'command' || shape === 'request'
}

/** What a command or a request is refused for. */
function modelProblem(record: TopicRecord, payload: Payload): string | undefined {
  if (!isAsking(record) || !record.isBound) return undefined
  return record.problemOf?.(payload) ?? ambiguityIn(payload)
}

/** As `admit`, without a word to anybody. */
function refusalOf(
  record: TopicRecord,
  { message, sender }: Entering,
  { profiles }: AdmissionParts,
): HubError | undefined {
  const { payload, retain } = message
  const { error, commanded } = record
  if (error !== undefined) return error
  const { allowed, reason } = decide(record, sender.rights, retain)
  if (!allowed) return rightMissing(reason)
  if (payload.refusal !== undefined) return payload.refusal
  const problem = modelProblem(record, payload)
  if (problem !== undefined) return new HubError('bad-payload', problem)
  try {
    if (commanded !== undefined) profiles.askIn(commanded, payload)
    return undefined
  } catch (error) {
    if (error instanceof HubError) return error
    throw error
  }
}

export function warnOfReport(
  topic: string,
  problem: string,
  { sampledLog }: Pick<AdmissionParts, 'sampledLog'>,
): void {
  sampledLog.warn('report-breaks-schema', { topic, problem }, 'a report breaks its schema')
}

/**
 * The message, without its retain flag when it may not be kept: for want of the right, since it would switch an
 * actuator later, or for want of memory. It is delivered all the same.
 */
function keptOrNot(
  record: TopicRecord,
  { message, sender, decision }: Entering & { readonly decision: PublishDecision },
  parts: Pick<AdmissionParts, 'load' | 'sampledLog'> & { warnOnce(topic: string): void },
): Message {
  const { topic } = record
  const { load, sampledLog, warnOnce } = parts
  if (decision.withoutRetain) {
    const { user, clientId } = sender
    const fields = { user, client: clientId, topic }
    sampledLog.warn('right-to-retain-missing', fields, 'a retain flag was removed: no right to it')
  } else if (record.isSwitching) warnOnce(topic)
  else if (load.isOutOfMemory() && message.payload.bytes.length > 0) {
    sampledLog.warn('retained-refused', { topic }, 'short of memory: a value was not retained')
  } else return message
  return { ...message, retain: false }
}

/** So many topics are told one by one. */
const warnedTopics = 1000

/** Says once a topic that its commands are not kept, since they would switch a node that connects tomorrow. */
function createWarnOnce({ log, counters, sampledLog }: AdmissionParts): (topic: string) => void {
  const warned = new Set<string>()
  const kind = 'command-not-retained'
  const text =
    'a command came with the retain flag, which was removed: it would switch again, later'
  return (topic) => {
    if (warned.size >= warnedTopics && !warned.has(topic)) sampledLog.warn(kind, { topic }, text)
    else {
      counters.count(kind)
      if (!warned.has(topic)) log.warn({ event: kind, kind, topic }, text)
      warned.add(topic)
    }
  }
}
