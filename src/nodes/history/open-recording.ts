/** The history of this hub, and who writes it. */

import type { Closers } from '../../core/callbacks.ts'
import { type AlarmClock, systemClock } from '../../core/clock.ts'
import { detached } from '../../core/guard.ts'
import type { DeepReadonly } from '../../core/json.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import type { Config } from '../../generated/config.ts'
import { type History, type HistoryOptions, openHistory } from '../../history/history.ts'
import { dayMs, hourMs } from '../../history/periods.ts'
import type { Store } from '../../store/store.ts'
import { createQuestionTurns, type QuestionLoad, type QuestionTurns } from './question-turns.ts'
import { createRecorder, type Recorder } from './recorder.ts'

export interface RecordingParts {
  readonly store: Store
  /** Holds back acknowledgements until what was noted is on disk. */
  readonly journal: HistoryOptions['journal']
  readonly load: QuestionLoad
  readonly sampledLog: SampledLog
  readonly onClose: Closers['add']
  readonly clock?: AlarmClock
}

export interface Recording {
  readonly history: History
  readonly recorder: Recorder
  /** Whose turn it is to ask. */
  readonly questions: QuestionTurns
}

export async function openRecording(
  config: DeepReadonly<Config>,
  parts: RecordingParts,
): Promise<Recording> {
  const { onClose, clock = systemClock } = parts
  const history = await openHistory({ ...parts, ...settingsOf(config, parts), clock })
  onClose(history.close, 'history')
  onClose(maintained(history, clock))
  const questions = createQuestionTurns(parts.load)
  return { history, recorder: createRecorder({ history }), questions }
}

const everyMs = 1000
const mebibyte = 1_048_576

function settingsOf({ history, limits }: DeepReadonly<Config>, { store }: RecordingParts) {
  const { rawHours, minuteDays, hourDays, diskMiB, memoryMiB } = history
  const totalMiB = store.isLasting ? diskMiB : memoryMiB
  // In memory, what is open and what is closed is the same memory.
  const openMiB = Math.min(limits.history.openMiB, totalMiB / 4)
  return {
    limits: { ...limits.history, openMiB },
    retention: {
      ageMs: { raw: rawHours * hourMs, minute: minuteDays * dayMs, hour: hourDays * dayMs },
      maxBytes: totalMiB * mebibyte,
    },
  }
}

/** Lets a history do what is due, once a second; returns what ends that. */
function maintained(history: Pick<History, 'maintain'>, clock: AlarmClock): () => void {
  const later = () =>
    clock.after(everyMs, () => {
      detached(history.maintain())
      cancel = later()
    })
  let cancel = later()
  return () => cancel()
}
