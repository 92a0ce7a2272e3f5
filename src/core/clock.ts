/** Time that never jumps, whatever becomes of the time of day. */
export interface Clock {
  /** Milliseconds since some moment. */
  now(): number
  /** Calls `act` once after so many milliseconds, unless the answered function was called before. */
  after(delayMs: number, act: () => void): () => void
}

/** The clock of the process. What waits for it does not keep the process running. */
export const processClock: Clock = {
  now: () => performance.now(),
  after: (delayMs, act) => {
    const timer = setTimeout(act, delayMs).unref()
    return () => clearTimeout(timer)
  },
}
