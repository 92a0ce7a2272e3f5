import type { ProcessWatch } from './core/process-watch.ts'
import type { WatchedStore } from './store/open-store.ts'

/** Whether a hub can do all that it promises. */
export interface Readiness {
  /** To be called once all of it is open. */
  started(): void
  /** Whether all of it is open, and not about to be closed. */
  isRunning(): boolean
  /** Why it cannot; undefined while it can. */
  unready(): string | undefined
}

/** Of a hub that is about to start, and does its last things once `ending` has aborted. */
export function createReadiness(
  store: Pick<WatchedStore, 'error'>,
  ending: AbortSignal,
): Readiness {
  let isStarted = false
  return {
    started: () => {
      isStarted = true
    },
    isRunning: () => isStarted && !ending.aborted,
    unready: () => {
      if (ending.aborted) return 'the hub is ending'
      return isStarted ? store.error() : 'the hub is starting'
    },
  }
}

/** What the clients of other systems are told of how the hub is. */
export function readinessStateOf(
  readiness: Pick<Readiness, 'isRunning'>,
  watch: Pick<ProcessWatch, 'isOverloaded'>,
): 'starting' | 'overloaded' | 'ready' {
  if (!readiness.isRunning()) return 'starting'
  return watch.isOverloaded() ? 'overloaded' : 'ready'
}
