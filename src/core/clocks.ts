/** The two clocks of a program. */
export interface Clocks {
  /** Milliseconds of a clock that never jumps; only differences mean something. */
  nowMs(): number
  /** Milliseconds since 1970 in UTC, by a clock that somebody may set. */
  wallMs(): number
}

export const systemClocks: Clocks = { nowMs: () => performance.now(), wallMs: () => Date.now() }
