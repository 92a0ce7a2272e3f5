import type { AlarmClock } from '../src/core/clock.ts'

export interface SteppedClock extends AlarmClock {
  /** Lets time go by, and does what is due on the way, in order. */
  step(milliseconds: number): void
  /** Lets time go by without that: what is due is late. */
  stall(milliseconds: number): void
}

/** A clock that stands still until it is stepped. */
export function steppedClock(): SteppedClock {
  let nowMs = 0
  const waiting = new Set<{ readonly atMs: number; readonly act: () => void }>()
  const nextUntil = (endMs: number) =>
    [...waiting].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
  return {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    after: (delayMs, act) => {
      const entry = { atMs: nowMs + delayMs, act }
      waiting.add(entry)
      return () => waiting.delete(entry)
    },
    step: (milliseconds) => {
      const endMs = nowMs + milliseconds
      for (let next = nextUntil(endMs); next !== undefined; next = nextUntil(endMs)) {
        waiting.delete(next)
        nowMs = Math.max(nowMs, next.atMs)
        next.act()
      }
      nowMs = endMs
    },
    stall: (milliseconds) => {
      nowMs += milliseconds
    },
  }
}
