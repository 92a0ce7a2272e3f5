import type { Message } from '../../core/message.ts'
import type { History } from '../../history/history.ts'
import type { TopicRecord } from '../topic-records.ts'
import { type Quantity, quantitiesIn } from './quantities.ts'

/** A message on the bus, and what was recorded of it. */
export interface Recorded {
  readonly message: Message
  /** When it came, in whole milliseconds since 1970. */
  readonly at: number
  readonly quantities: readonly Quantity[]
}

/** Puts into the history what devices report. */
export interface Recorder {
  /**
   * Calls `listener` with each message from now on, in the breath in which it is recorded: whatever is in
   * the history now does not come, and whatever comes was not in it. The returned function ends that.
   */
  follow(listener: (recorded: Recorded) => void): () => void
  /** Whether anybody follows, and so waits for the next message. */
  readonly isFollowed: boolean
  /**
   * Puts into the history what a message says that came at `atMs`, by `Clock.wallMs`, if it is one to record,
   * and tells who follows.
   */
  record(message: Message, topic: Pick<TopicRecord, 'isRecorded'>, atMs: number): void
}

export interface RecorderOptions {
  readonly history: Pick<History, 'add' | 'promise'>
}

const nothing: readonly Quantity[] = []

export function createRecorder({ history }: RecorderOptions): Recorder {
  const listeners = new Set<(recorded: Recorded) => void>()
  const record = ({ topic, payload, qos }: Message, at: number) => {
    const quantities = quantitiesIn(payload.value)
    // Field by field: to spread an object costs more than all the rest.
    for (const each of quantities) {
      const { quantity, formerly, value, unit } = each
      const series = history.add({ quantity, formerly, value, unit, topic, at }, qos > 0)
      // What has no unit has that of the report before.
      if (series !== undefined) each.unit = series.unit
    }
    if (qos > 0 && quantities.length > 0) history.promise()
    return quantities
  }
  return {
    get isFollowed() {
      return listeners.size > 0
    },
    record: (message, { isRecorded }, atMs) => {
      if (!isRecorded && listeners.size === 0) return
      const at = Math.max(0, Math.round(atMs))
      const quantities = isRecorded ? record(message, at) : nothing
      for (const listener of listeners) listener({ message, at, quantities })
    },
    follow: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
