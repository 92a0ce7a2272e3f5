import type { Clock } from '../../src/core/clock.ts'

/** A clock that stands still until it is stepped, and whose time of day somebody may set. */
export interface SetClock extends Clock {
  step(milliseconds: number): void
  /** Sets the time of day this much later. */
  jump(milliseconds: number): void
}

export function setClock(startAt: number): SetClock {
  let nowMs = 0
  let offsetMs = startAt
  return {
    nowMs: () => nowMs,
    wallMs: () => nowMs + offsetMs,
    step: (milliseconds) => {
      nowMs += milliseconds
    },
    jump: (milliseconds) => {
      offsetMs += milliseconds
    },
  }
}
