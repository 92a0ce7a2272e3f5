/**
 * The life of a message, from top to bottom.
 *
 * It enters (from a client of ours): shed when there is too much, topic, right, payload, model, what may be
 * kept; then a command goes its own way, and a report tells who waits for it. What is left goes on the bus.
 *
 * It has arrived (on the bus, whoever put it there): the bus delivers it, and then it is remembered as last
 * value, tells about hardware, and is recorded. Nothing on this path waits for anything.
 */
import type { NodePresence } from '../access/node-presence.ts'
import type { Sender } from '../access/sender.ts'
import type { Bus } from '../bus/bus.ts'
import { type ErrorCode, HubError, quote } from '../core/errors.ts'
import { errorOn, type Message } from '../core/message.ts'
import type { Payload } from '../core/payload.ts'
import type { Trace } from '../core/trace.ts'
import {
  type AdmissionParts,
  createAdmission,
  type Entering,
  type Judgement,
  warnOfReport,
} from './admission.ts'
import { type ArrivalsParts, type ArrivingProfiles, createArrivals } from './arrivals.ts'
import type { Commands, Request } from './commands/commands.ts'
import { observeCommand } from './commands/observe-command.ts'
import type { KnownStates, Since } from './registry/known-states.ts'
import type { RelayGuard } from './relay-guard/relay-guard.ts'
import type { TopicRecord } from './topic-records.ts'

export interface MessagePath {
  /**
   * The one way onto the bus. Returns the message to publish; undefined when there is nothing left to do: a
   * command goes out by its own life, and what is shed is dropped without a word.
   *
   * @throws HubError `bad-topic`, `topic-too-big`, `forbidden`, `too-large`, `bad-payload`, and what a command
   * nobody watches is refused with.
   */
  enter(message: Message, sender: Sender): Message | undefined
  /** What would be said of a message that entered now, of which nothing else comes. */
  judge(message: Message, sender: Sender): Judgement
  /**
   * Somebody nobody knows says this on a broker that somebody else runs: it has gone its way, past the rights and the
   * guard. A command is followed from here on, and a report tells who waits for it. Returns whether it is to arrive.
   */
  overheard(message: Message): boolean
  /** Learns from what a device of a profile has said, which is on the bus in its own words. */
  learn(message: Message): void
  /** Learns from what has arrived: to be called before anything is read that follows from it. */
  settle(): void
  /** Nothing that arrives is learned from any more. */
  close(): void
}

export interface MessagePathParts
  extends ArrivalsParts,
    Omit<AdmissionParts, 'profiles' | 'load' | 'trace'> {
  readonly bus: Pick<Bus, 'subscribe' | 'publish' | 'refusalOf'>
  readonly commands: Pick<Commands, 'take' | 'refuse' | 'reported' | 'observe'>
  readonly profiles: PathProfiles
  readonly relayGuard: Pick<RelayGuard, 'reported' | 'check'>
  readonly ownChanges: { reported(device: string, payload: Payload): void }
  readonly presence: Pick<NodePresence, 'maySpeakFor'>
  readonly states: ArrivalsParts['states'] & Pick<KnownStates, 'heard' | 'toldBy'>
  readonly nodes: ArrivalsParts['nodes'] & { doubt(base: string, since: Since): void }
  /** Whether this hub commands: of several before one broker one does, and follows what others command past them. */
  owns(): boolean
  /** Whose rights those have who command devices of profiles past the hub. */
  outsider(): Sender
  readonly load: Load
  /** Where who asks why finds what became of a message. */
  readonly trace: Pick<Trace, 'enters' | 'allowed' | 'refused' | 'shed' | 'told'>
}

/** What profiles have to do with a message. */
export interface PathProfiles extends ArrivingProfiles, Pick<AdmissionParts['profiles'], 'askIn'> {
  /** Somebody says something that a profile will hear. */
  enters(message: Message, sender: Sender): void
  /**
   * A command as its device understands it; unchanged, where it is of no profile.
   *
   * @throws HubError `unknown-device`, `bad-payload` or `forbidden`
   */
  translate(request: Request): Request
  /** Asks a device of a profile what its state is. */
  ask(device: string): void
}

/** How much there is to do. */
interface Load {
  /** So many milliseconds were spent for a user. */
  note(user: string, ms: number): void
  /** Whether less is to be done for a user. */
  sheds(user: string): boolean
  /** Nothing new may be kept. */
  isOutOfMemory(): boolean
}

export function openMessagePath(parts: MessagePathParts): MessagePath {
  const { bus, records, commands, presence, profiles, trace } = parts
  const admission = createAdmission(parts)
  const { admit } = admission
  const arrivals = createArrivals(parts)
  const stopHearing = bus.subscribe('#', arrivals.take)

  const doubt = ({ base }: TopicRecord) => {
    // What was said before is learned before it is history.
    arrivals.settle()
    parts.nodes.doubt(base, 'has started')
  }
  const command = (device: string, record: TopicRecord, entering: Entering) => {
    const { message, sender } = entering
    // A device that has just been heard of can be commanded.
    arrivals.settle()
    try {
      const request = { device, message: admit(record, message, sender), sender }
      commands.take(profiles.translate(request))
    } catch (error) {
      if (!leavesTrace(error)) throw error
      trace.refused(message, error)
      commands.refuse({ device, message, sender }, error)
    }
    return undefined
  }
  const report = (record: TopicRecord, { message, sender }: Entering) => {
    const admitted = admit(record, message, sender)
    const refusal = bus.refusalOf(message.topic)
    if (refusal !== undefined) throw refusal
    record.user = sender.user
    if (record.isOfProfiles) return askOrRefuse(record, parts)
    if (record.shape === 'report') follow(record, { message: admitted, sender }, parts)
    else if (record.shape === 'notification' && presence.maySpeakFor(record.base, sender.user)) {
      doubt(record)
    }
    return admitted
  }
  const take = (record: TopicRecord, entering: Entering) => {
    const { commanded, claimed } = record
    if (claimed !== undefined) profiles.enters(entering.message, entering.sender)
    if (commanded !== undefined) return command(commanded, record, entering)
    return report(record, entering)
  }
  return {
    enter: (message, sender) => {
      const record = records.of(message.topic)
      parts.load.note(sender.user, messageMs)
      trace.enters(message, sender, record.topic)
      if (isShed(record, { message, sender }, parts)) return undefined
      try {
        return take(record, { message, sender })
      } catch (error) {
        if (error instanceof HubError) trace.refused(message, error)
        throw error
      }
    },
    judge: (message, sender) => admission.judge(records.of(message.topic), { message, sender }),
    overheard: (message) => {
      const entering = { message, sender: parts.outsider() }
      return overhear(records.of(message.topic), entering, { ...parts, command, doubt })
    },
    learn: arrivals.learn,
    settle: arrivals.settle,
    close: () => {
      stopHearing()
      arrivals.settle()
    },
  }
}

// --- entering ---

/** What a message costs about, with all that follows from it. */
const messageMs = 0.05

/**
 * While the hub is overloaded reports at QoS 0 are dropped of those who cost most, before any work is done on them: the
 * next one follows soon. Commands, requests and their answers are not, and nothing that is to be kept or acknowledged.
 */
function isShed(
  { topic, shape }: TopicRecord,
  { message, sender: { user } }: Entering,
  { load, sampledLog, trace }: MessagePathParts,
): boolean {
  const { qos, retain } = message
  if (qos > 0 || retain || shape !== 'report' || !load.sheds(user)) return false
  trace.shed(message)
  sampledLog.warn('reports-shed', { topic, user }, 'overloaded: a report was dropped')
  return true
}

/** Where devices of profiles stand nobody but the hub reports; they are asked for their state as others are. */
function askOrRefuse(
  { topic, shape }: TopicRecord,
  { profiles, sampledLog }: MessagePathParts,
): undefined {
  if (shape === 'command') {
    profiles.ask(topic.slice(0, -'/get'.length))
    return
  }
  sampledLog.warn('report-of-a-profile', { topic }, 'a report was refused: the hub makes it itself')
  throw new HubError('forbidden', `expected the hub alone to report on ${quote(topic)}`)
}

/** A report by somebody who may speak for its node tells what became of commands. */
function follow(record: TopicRecord, { message, sender }: Entering, parts: MessagePathParts): void {
  const { presence, states } = parts
  if (presence.maySpeakFor(record.base, sender.user)) reported(record, message, parts)
  else states.toldBy(record.topic, sender.user)
}

function reported(
  { topic, isGuarded, device }: TopicRecord,
  { payload, client }: Message,
  { states, relayGuard, commands, ownChanges }: MessagePathParts,
): void {
  // What no rule is about is not decoded for this.
  if (isGuarded) relayGuard.reported(topic, payload.value)
  const isAnswer = commands.reported(topic, payload, client)
  if (!isAnswer && device?.role === 'actuator') ownChanges.reported(topic, payload)
  states.heard(topic)
}

interface OverhearingParts extends MessagePathParts {
  command(device: string, record: TopicRecord, entering: Entering): undefined
  doubt(record: TopicRecord): void
}

/** What has gone past the hub can only be followed, but for what is asked of the hub itself. */
function overhear(record: TopicRecord, entering: Entering, parts: OverhearingParts): boolean {
  parts.load.note(entering.sender.user, messageMs)
  parts.trace.enters(entering.message, entering.sender)
  if (isShed(record, entering, parts)) return false
  const { commanded, shape } = record
  if (record.isOfProfiles) {
    if (!parts.owns()) return false
    orTell(record.topic, parts, () => {
      if (commanded === undefined) askOrRefuse(record, parts)
      else parts.command(commanded, record, entering)
    })
    return false
  }
  if (shape === 'notification') parts.doubt(record)
  else if (commanded !== undefined) {
    // A profile that hears a command follows it itself.
    if (record.claimed === undefined && parts.owns())
      observeCommand({ device: commanded, ...entering }, parts)
  } else if (shape === 'report') overhearReport(record, entering.message, parts)
  return true
}

function overhearReport(record: TopicRecord, message: Message, parts: MessagePathParts): void {
  const problem = record.problemOf?.(message.payload)
  if (problem !== undefined) warnOfReport(record.topic, problem, parts)
  record.user = undefined
  reported(record, message, parts)
}

/** What nobody waits for is refused beside its topic, as the hub's own broker does it. */
function orTell(topic: string, { bus }: MessagePathParts, act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    bus.publish(errorOn(topic, error))
  }
}

/** Whoever has no right to a device, or names none, leaves no trace where others read of its commands. */
const traceless: ReadonlySet<ErrorCode> = new Set(['forbidden', 'bad-topic', 'topic-too-big'])

function leavesTrace(error: unknown): error is HubError {
  return error instanceof HubError && !traceless.has(error.code)
}
