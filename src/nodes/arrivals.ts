/** What follows once a message is on the bus, whoever put it there. */
import type { Deferred } from '../core/callbacks.ts'
import type { AlarmClock } from '../core/clock.ts'
import type { Message } from '../core/message.ts'
import type { Recorder } from './history/recorder.ts'
import type { LastValues } from './last-values.ts'
import type { Claimed } from './profiles/claims.ts'
import type { Heard } from './registry/device-table.ts'
import type { KnownStates } from './registry/known-states.ts'
import type { Registry } from './registry/registry.ts'
import type { TopicRecord, TopicRecords } from './topic-records.ts'

export interface ArrivalsParts {
  readonly records: TopicRecords
  readonly profiles: ArrivingProfiles
  readonly states: Pick<KnownStates, 'wasKept'>
  readonly values: Pick<LastValues, 'keep' | 'forget'>
  readonly nodes: {
    readonly registry: Pick<Registry, 'learn' | 'declare' | 'forget'>
    readonly isFollowed: boolean
  }
  readonly recorder: Pick<Recorder, 'record' | 'isFollowed'>
  readonly deferred: Pick<Deferred, 'do'>
  readonly clock: AlarmClock
}

/** What profiles have to do with what arrives. */
export interface ArrivingProfiles {
  hear(claimed: Claimed, message: Message): void
  /** Whether the hub says so to a device: nobody reports that. */
  isOwn(message: Message): boolean
}

/** A message that has arrived, and when. */
interface Arrival {
  readonly record: TopicRecord
  readonly message: Message
  readonly heard: Heard
}

/** What nobody waits for is learned together, so much later at most, or when there is so much of it. */
const together = { ms: 100, messages: 1000 }

/**
 * What has arrived is delivered first, and learned from a little later, in order: a moment later where somebody
 * may wait for it, and whenever somebody asks (`settle`). What was promised is recorded at once, so that it is
 * noted before its acknowledgement leaves.
 */
export function createArrivals(parts: ArrivalsParts) {
  const { records, values, nodes, states, recorder, deferred, clock, profiles } = parts
  const { registry } = nodes
  let waiting: Arrival[] = []
  let stopWaiting: (() => void) | undefined
  const settle = () => {
    stopWaiting?.()
    stopWaiting = undefined
    const arrived = waiting
    waiting = []
    for (const { record, message, heard } of arrived) {
      // Perhaps it has told a profile of what it belongs to, just now.
      if (records.ofNow(record).claimed?.isOwned) {
        if (record.device !== undefined) registry.forget(record.topic)
        record.device = undefined
        recorder.record(message, notRecorded, heard.atMs)
      } else {
        registry.learn(message, record, heard)
        recorder.record(message, record, heard.atMs)
      }
    }
  }
  // Of a device that is known and there, a report says nothing new to the registry but when it came.
  const isAwaited = ({ device }: TopicRecord, { retain }: Message) =>
    retain ||
    device?.isForgotten !== false ||
    device.node.online !== true ||
    nodes.isFollowed ||
    recorder.isFollowed
  const hearNow = () => ({ atMs: clock.wallMs(), nowMs: clock.nowMs(), isRestored: false })
  const learn = (arrival: Arrival) => {
    const { record, message } = arrival
    waiting.push(arrival)
    if (message.qos > 0 || waiting.length === together.messages) settle()
    else if (isAwaited(record, message)) deferred.do(settle)
    else stopWaiting ??= clock.after(together.ms, settle)
  }
  // What a broker retained is what a device has said once: it says that there is one, and neither when nor for how long.
  const remember = ({ topic, claimed, isOfProfiles, shape }: TopicRecord, message: Message) => {
    if (isOfProfiles) return
    if (shape === 'report') values.forget(topic)
    if (claimed !== undefined) profiles.hear(claimed, message)
    if (shape !== 'report' || records.of(topic).claimed?.isOwned) return
    registry.declare(topic)
    states.wasKept(topic)
  }
  return {
    settle,
    learn: (message: Message) => {
      learn({ record: records.of(message.topic), message, heard: hearNow() })
    },
    take: (message: Message) => {
      if (profiles.isOwn(message)) return
      const record = records.of(message.topic)
      const { claimed, isOfProfiles, shape } = record
      if (message.isPast) {
        remember(record, message)
        return
      }
      // A clock costs as much as a look-up: one look is for all that follows.
      const heard = hearNow()
      if (shape === 'report') values.keep(message, record.user, heard.nowMs)
      if (claimed !== undefined) profiles.hear(claimed, message)
      // Of what a profile tells is learned what its device has said, and that it is gone.
      if (!isOfProfiles || message.payload.bytes.length === 0) learn({ record, message, heard })
    },
  }
}

const notRecorded = { isRecorded: false }
