import type { PublishDecision, Rights } from '../access/rights.ts'
import type { HubError } from '../core/errors.ts'
import { matches } from '../core/filter.ts'
import { switchesActuator } from '../core/switching.ts'
import { type TopicLimits, topicErrorOf } from '../core/topic.ts'
import type { ClownBases } from './clown-bases.ts'
import { type ClownModel, shapeOf, type TopicShape } from './clown-model.ts'
import { commandedDevice, deviceOf } from './device.ts'
import type { HistoryFilters } from './history/recorder.ts'
import type { Claimed, Claims } from './profiles/claims.ts'
import type { DeviceLabels } from './registry/device-labels.ts'
import type { KnownDevice } from './registry/device-table.ts'
import type { DeviceRules } from './relay-guard/device-rules.ts'
import type { Replacements } from './relay-guard/replacements.ts'

/** All that a message of one topic needs to be asked of it, found by one look-up. */
export interface TopicRecord {
  readonly topic: string
  /** Why nothing may be said on this topic; undefined when it may. */
  readonly error: HubError | undefined
  readonly shape: TopicShape
  /** The topic of the device that is commanded here; undefined where nothing is a command. */
  readonly commanded: string | undefined
  /** The base of the node whose device this is, or whose device is commanded or asked here. */
  readonly base: string
  /** Whether Clown.Model says what this topic and its payload mean. */
  readonly isBound: boolean
  /** Whether a value that is kept here would switch an actuator when nobody expects that. */
  readonly isSwitching: boolean
  /** Whether the relay guard watches what is reported here. */
  readonly isGuarded: boolean
  /** Whether the history takes what is reported here: commands and answers are events, which nobody draws. */
  readonly isRecorded: boolean
  /** One sentence on how a payload breaks the schema of this topic; undefined where there is none. */
  readonly problemOf: ReturnType<ClownModel['problemsOn']>
  /** Whether only the hub reports here: of devices of profiles. */
  readonly isOfProfiles: boolean
  /** Which profiles hear what is said here, as of `claimsVersion`. */
  claimed: Claimed | undefined
  claimsVersion: number
  /** What was decided last, for as long as the same rights are asked. */
  decided: Decided | undefined
  /** What is known of the device that reports here, until it is forgotten. */
  device: KnownDevice | undefined
  /** Who said something here last: in whose share it is kept what is known of it. */
  user: string | undefined
}

interface Decided {
  readonly rights: Pick<Rights, 'mayPublish'>
  readonly retain: boolean
  readonly decision: PublishDecision
}

export interface TopicRecords {
  of(topic: string): TopicRecord
  /** The same record, with who hears its topic by now. */
  ofNow(record: TopicRecord): TopicRecord
  close(): void
}

export interface TopicRecordsOptions {
  readonly model: ClownModel
  readonly bases: Pick<ClownBases, 'binds' | 'onChange'>
  readonly rules: DeviceRules
  /** Tells that the rules of devices are others now. */
  readonly replacements: Pick<Replacements, 'onChange'>
  readonly labels: Pick<DeviceLabels, 'onChange'>
  readonly topicLimits: TopicLimits
  readonly history: HistoryFilters
  readonly claims: Pick<Claims, 'on' | 'version'>
  /** Whether a device of a profile stands on a topic, or is commanded there. */
  isOfProfiles(topic: string): boolean
}

/** So many records are kept, and so many characters of their topics; then all are forgotten. */
const most = { records: 20_000, characters: 4 * 1_048_576 }

/** Topics nobody may use get a record each time: who invents them must not drive out the others. */
export function createTopicRecords(options: TopicRecordsOptions): TopicRecords {
  const records = new Map<string, TopicRecord>()
  /** A message that has entered arrives next. */
  let latest: TopicRecord | undefined
  let characters = 0
  const forgetAll = () => {
    records.clear()
    latest = undefined
    characters = 0
  }
  const remember = (record: TopicRecord) => {
    const { length } = record.topic
    if (records.size === most.records || characters + length > most.characters) forgetAll()
    characters += length
    records.set(record.topic, record)
  }
  const find = (topic: string) => {
    if (latest?.topic === topic) return latest
    latest = records.get(topic)
    if (latest !== undefined) return latest
    const record = createRecord(topic, options)
    if (record.error === undefined) remember(record)
    return record
  }
  // What Clown.Model binds is different now, or what is guarded.
  const stops = [options.bases, options.replacements, options.labels].map(({ onChange }) =>
    onChange(forgetAll),
  )
  const { claims } = options
  const ofNow = (record: TopicRecord) => {
    if (record.claimsVersion !== claims.version) {
      record.claimsVersion = claims.version
      record.claimed = claims.on(record.topic)
    }
    return record
  }
  return {
    of: (topic) => ofNow(find(topic)),
    ofNow,
    close: () => {
      for (const stop of stops) stop()
    },
  }
}

function createRecord(topic: string, options: TopicRecordsOptions): TopicRecord {
  const { model, bases, rules, topicLimits, history } = options
  const shape = shapeOf(topic)
  const commanded = commandedDevice(topic)
  const subject = shape === 'report' ? topic : topic.replace(/\/(config\/)?[^/]+$/, '')
  // A notification is of the node itself.
  const base = shape === 'notification' ? subject : deviceOf(subject).base
  const error = topicErrorOf(topic, topicLimits)
  // The rules remember whom they were asked about: not what nobody may use, however long it is.
  const isReport = shape === 'report' && error === undefined
  const isMatched = (filter: string) => matches(filter, topic)
  return {
    topic,
    error,
    shape,
    commanded,
    base,
    isBound: bases.binds(subject, base),
    isSwitching: switchesActuator(topic),
    isGuarded: isReport && rules(topic).isGuarded,
    isRecorded: isReport && history.record.some(isMatched) && !history.ignore.some(isMatched),
    problemOf: model.problemsOn(topic),
    isOfProfiles: options.isOfProfiles(topic),
    claimed: undefined,
    claimsVersion: -1,
    decided: undefined,
    device: undefined,
    user: undefined,
  }
}

/** What `rights` say of a message on the topic of `record`. */
export function decide(
  record: TopicRecord,
  rights: Pick<Rights, 'mayPublish'>,
  retain: boolean,
): PublishDecision {
  const { decided } = record
  if (decided?.rights === rights && decided.retain === retain) return decided.decision
  const decision = rights.mayPublish(record.topic, retain)
  record.decided = { rights, retain, decision }
  return decision
}
