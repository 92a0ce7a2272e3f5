import type { Bus } from '../../bus/bus.ts'
import type { Clock } from '../../core/clock.ts'
import { matches } from '../../core/filter.ts'
import type { Message } from '../../core/message.ts'
import type { History } from '../../store/history/history.ts'
import { shapeOf } from '../clown-model.ts'
import type { HistoryFilters } from './history-filters.ts'
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
   * the history now does not come, and whatever comes was not in it. The answer ends that.
   */
  follow(listener: (recorded: Recorded) => void): () => void
  close(): void
}

export interface RecorderOptions {
  readonly bus: Pick<Bus, 'subscribe'>
  readonly history: Pick<History, 'add' | 'promise'>
  readonly filters: HistoryFilters
  readonly clock: Clock
}

const nothing: readonly Quantity[] = []

export function startRecorder({ bus, history, filters, clock }: RecorderOptions): Recorder {
  const listeners = new Set<(recorded: Recorded) => void>()
  const isRecorded = (topic: string) =>
    // Only what a device is can be drawn; commands and answers are events.
    shapeOf(topic) === 'report' &&
    filters.record.some((filter) => matches(filter, topic)) &&
    !filters.ignore.some((filter) => matches(filter, topic))
  const record = ({ topic, payload, qos }: Message, at: number) => {
    const quantities = isRecorded(topic) ? quantitiesIn(payload.value) : nothing
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
  const close = bus.subscribe('#', (message) => {
    const at = Math.max(0, Math.round(clock.wallMs()))
    const quantities = record(message, at)
    for (const listener of listeners) listener({ message, at, quantities })
  })
  return {
    follow: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close,
  }
}
