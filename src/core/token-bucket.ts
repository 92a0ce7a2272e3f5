export interface TokenBucketOptions {
  readonly perSecond: number
  /** How many may be taken at once after a rest. */
  readonly burst: number
  /** Milliseconds of a clock that never jumps. */
  readonly now?: () => number
}

/**
 * Allows `burst` things at once and `perSecond` in the long run. What counts for several passes as soon
 * as there is room for one, and what follows waits the longer: so it passes even if it is more than a
 * burst.
 */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  readonly #now: () => number
  #tokens: number
  #filledAtMs: number

  constructor({ perSecond, burst, now = () => performance.now() }: TokenBucketOptions) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#now = now
    this.#tokens = burst
    this.#filledAtMs = now()
  }

  /** Takes `count` tokens if there is one. */
  take(count = 1): boolean {
    // The clock is only looked at when it matters.
    if (this.#tokens < 1) this.#fill()
    if (this.#tokens < 1) return false
    this.#tokens -= count
    return true
  }

  /** Takes `count` tokens in any case: what follows waits the longer. */
  spend(count: number): void {
    this.#tokens -= count
  }

  /** Milliseconds until there is a token; 0 when there is one. */
  waitMs(): number {
    this.#fill()
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) * 1000) / this.#perSecond)
  }

  #fill(): void {
    const nowMs = this.#now()
    const filled = this.#tokens + ((nowMs - this.#filledAtMs) * this.#perSecond) / 1000
    this.#tokens = Math.min(this.#burst, filled)
    this.#filledAtMs = nowMs
  }
}
