import type { Clock } from '../../core/clock.ts'
import type { SampledLog } from '../../core/sampled-log.ts'

/** By how much the time of day may go wrong between two looks before it counts as set. */
const jumpMs = 60_000

/** A clock that was set wrong is set right within this time, or it was right. */
const doubtMs = 3_600_000

/** Looks whether somebody has set the clock. */
export interface ClockWatch {
  /** The time of day; undefined while it is not sure: after the start, and after a jump. */
  sureTime(): number | undefined
}

/**
 * A machine without a battery starts in 1970 or at the time it was ended, and clocks are set wrong: what
 * is given up as too old meanwhile would be lost.
 */
export function watchClock(clock: Clock, sampledLog: SampledLog): ClockWatch {
  let offsetMs = clock.wallMs() - clock.nowMs()
  let sureFromMs = clock.nowMs() + doubtMs
  return {
    sureTime: () => {
      const wallMs = clock.wallMs()
      const jumpedMs = wallMs - clock.nowMs() - offsetMs
      offsetMs += jumpedMs
      if (Math.abs(jumpedMs) > jumpMs) {
        sureFromMs = clock.nowMs() + doubtMs
        const fields = { jumpedMs: Math.round(jumpedMs) }
        sampledLog.warn(
          'history-clock-jump',
          fields,
          'the clock was set: nothing is given up for its age',
        )
      }
      return clock.nowMs() >= sureFromMs ? wallMs : undefined
    },
  }
}
