import type { EventEmitter } from 'node:events'

export interface StopSurroundings {
  /** Emits `SIGINT` and `SIGTERM`, as `process` does. */
  readonly signals: Pick<EventEmitter, 'on'>
  /** Milliseconds of a clock that never jumps. */
  now(): number
  exit(code: number): void
}

/** npm passes on a Ctrl-C that the terminal sends here as well: that is one, not two. */
const sameSignalMs = 1000

/**
 * Resolves at the first signal that asks for an end. Who asks again later does not want to wait, and
 * gets exit code 130.
 */
export function firstStopSignal({ signals, now, exit }: StopSurroundings): Promise<void> {
  return new Promise((resolve) => {
    let firstAtMs: number | undefined
    const stop = () => {
      firstAtMs ??= now()
      resolve()
      if (now() - firstAtMs > sameSignalMs) exit(130)
    }
    signals.on('SIGINT', stop)
    signals.on('SIGTERM', stop)
  })
}
