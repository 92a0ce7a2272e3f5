export interface FailureLimits {
  /** Failures that cost nothing. */
  readonly failures: number
  /** How long one counts. */
  readonly windowMs: number
  readonly longestDelayMs: number
}

const firstDelayMs = 1000

/**
 * Counts the failures of somebody or something. At the limit it demands a pause of a second, and twice
 * as long after each further failure. All is forgotten when a window has passed in peace after the
 * last pause.
 */
export class FailureTally {
  readonly #limits: FailureLimits
  /** When the failures within the window were. */
  #failedAtMs: number[] = []
  #pending = 0
  #delayMs = 0
  #blockedUntilMs = 0

  constructor(limits: FailureLimits) {
    this.#limits = limits
  }

  /**
   * Milliseconds until one more may try; 0 when it may now. Attempts that still run count as failures:
   * otherwise a hundred at once would be a single one.
   */
  waitMs(nowMs: number): number {
    this.#forget(nowMs)
    if (nowMs < this.#blockedUntilMs) return this.#blockedUntilMs - nowMs
    const { failures } = this.#limits
    const left = this.#delayMs > 0 ? 1 : failures - this.#failedAtMs.length
    return this.#pending < left ? 0 : firstDelayMs
  }

  /** Whether one more may not try only because others still do, of whom as many may yet fail. */
  isCrowded(nowMs: number): boolean {
    return this.#delayMs === 0 && this.waitMs(nowMs) > 0
  }

  /** Whether there were too many failures, and no peace since. */
  isOver(nowMs: number): boolean {
    this.#forget(nowMs)
    return this.#delayMs > 0
  }

  /** Whether nothing is counted. */
  isIdle(nowMs: number): boolean {
    this.#forget(nowMs)
    return this.#pending === 0 && this.#delayMs === 0 && this.#failedAtMs.length === 0
  }

  /** An attempt begins. */
  begin(): void {
    this.#pending++
  }

  /** An attempt that began has ended. */
  end(hasFailed: boolean, nowMs: number): void {
    this.#pending--
    if (hasFailed) this.fail(nowMs)
  }

  fail(nowMs: number): void {
    this.#forget(nowMs)
    const { failures, longestDelayMs } = this.#limits
    if (this.#delayMs > 0) this.#delayMs = Math.min(this.#delayMs * 2, longestDelayMs)
    else if (this.#failedAtMs.push(nowMs) >= failures) this.#delayMs = firstDelayMs
    if (this.#delayMs > 0) this.#blockedUntilMs = nowMs + this.#delayMs
  }

  /** Nothing has failed. */
  reset(): void {
    this.#failedAtMs = []
    this.#delayMs = 0
    this.#blockedUntilMs = 0
  }

  #forget(nowMs: number): void {
    const { windowMs } = this.#limits
    if (this.#delayMs > 0 && nowMs >= this.#blockedUntilMs + windowMs) this.reset()
    this.#failedAtMs = this.#failedAtMs.filter((atMs) => nowMs - atMs < windowMs)
  }
}

/** How many are kept: who fails at more within a window makes the oldest forgotten, and needs many addresses for that. */
const mostTallies = 65_536

/** Tallies by name. There is one only as long as something is counted, and those that fail first go first. */
export class FailureTallies {
  readonly #limits: FailureLimits
  readonly #tallies = new Map<string, FailureTally>()

  constructor(limits: FailureLimits) {
    this.#limits = limits
  }

  /** That of `name`, if anything is counted. */
  find(name: string): FailureTally | undefined {
    return this.#tallies.get(name)
  }

  /** That of `name`, which counts from now on. */
  at(name: string): FailureTally {
    const known = this.#tallies.get(name)
    if (known !== undefined) return known
    const tally = new FailureTally(this.#limits)
    this.#tallies.set(name, tally)
    for (const oldest of this.#tallies.keys()) {
      if (this.#tallies.size <= mostTallies) break
      this.#tallies.delete(oldest)
    }
    return tally
  }

  /** Forgets that of `name` when it counts nothing. */
  settle(name: string, nowMs: number): void {
    if (this.#tallies.get(name)?.isIdle(nowMs)) this.#tallies.delete(name)
  }
}
