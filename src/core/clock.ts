/** What time it is. */
export interface Clock {
  /** Milliseconds of a clock that never jumps; only differences mean something. */
  nowMs(): number
  /** Milliseconds since 1970 in UTC, by a clock that somebody may set. */
  wallMs(): number
}

/** A clock that also calls when a time has come. */
export interface AlarmClock extends Clock {
  /** Calls `act` once after so many milliseconds, unless the answered function was called before. */
  after(delayMs: number, act: () => void): () => void
}

/** The clock of the machine. What waits for it does not keep the process running. */
export const systemClock: AlarmClock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, act) => {
    const timer = setTimeout(act, delayMs).unref()
    return () => clearTimeout(timer)
  },
}
