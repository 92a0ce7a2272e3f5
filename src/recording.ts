/** What quantities were, and how it is asked for: the part of the composition that knows the history. */

import { type HistoryRouteOptions, historyRoute } from './api/history-route.ts'
import type { Config } from './config.ts'
import type { Closers } from './core/callbacks.ts'
import { type AlarmClock, systemClock } from './core/clock.ts'
import type { Route } from './core/route.ts'
import type { SampledLog } from './core/sampled-log.ts'
import { type History, type HistoryOptions, openHistory } from './history/history.ts'
import { dayMs, hourMs } from './history/periods.ts'
import type { HistorySource } from './nodes/history/history-answer.ts'
import { createHistoryAnswers } from './nodes/history/history-answers.ts'
import { createRecorder } from './nodes/history/recorder.ts'
import type { Answering, Requester } from './nodes/registry/answers.ts'
import type { Store } from './store/store.ts'

export interface RecordingParts {
  readonly store: Store
  /** Holds back acknowledgements until what was noted is on disk. */
  readonly journal: HistoryOptions['journal']
  readonly access: Pick<HistoryRouteOptions, 'asUser' | 'signedIn'>
  readonly sampledLog: SampledLog
  readonly onClose: Closers['add']
  readonly clock?: AlarmClock
  /** Lets what has arrived into the history, before it is read. */
  settle(): void
}

export async function openRecording(config: Config, parts: RecordingParts) {
  const { access, sampledLog, onClose, clock = systemClock } = parts
  const history = await openHistory({ ...parts, ...settingsOf(config, parts), clock })
  onClose(history.close)
  onClose(maintained(history, clock))
  const read: HistorySource = {
    ...history,
    snapshot: (filter) => {
      parts.settle()
      return history.snapshot(filter)
    },
  }
  const recorder = createRecorder({ history })
  const topicLimits = config.limits.topic
  const route = historyRoute({ ...access, history: read, recorder, topicLimits, sampledLog, clock })
  const openAnswers = createHistoryAnswers({ history: read, clock, sampledLog })
  const page: [path: string, Route] = ['/api/history', route]
  return {
    recorder,
    page,
    /** Answers for the history what `answering` does not answer for the nodes. */
    answering: (answering: (requester: Requester) => Answering) => (requester: Requester) => {
      const nodes = answering(requester)
      const past = openAnswers(requester)
      return {
        ...nodes,
        list: (...request: Parameters<Answering['list']>) =>
          past.history(...request) || nodes.list(...request),
        close: () => {
          past.close()
          nodes.close()
        },
      }
    },
  }
}

const everyMs = 1000
const mebibyte = 1_048_576

function settingsOf({ history, limits }: Config, { store, journal }: RecordingParts) {
  const { rawHours, minuteDays, hourDays, diskMiB, memoryMiB } = history
  const totalMiB = store.isLasting ? diskMiB : memoryMiB
  // In memory, what is open and what is closed is the same memory.
  const openMiB = Math.min(limits.history.openMiB, totalMiB / 4)
  return {
    journal,
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
      void history.maintain()
      cancel = later()
    })
  let cancel = later()
  return () => cancel()
}
