/** From `from` until before `to`, in whole milliseconds since 1970. */
export interface TimeRange {
  readonly from: number
  readonly to: number
}

export function isWithin(at: number, { from, to }: TimeRange): boolean {
  return at >= from && at < to
}

/** What is kept of a series: every point for a day, and buckets of a minute and of an hour for longer. */
export type Tier = 'raw' | 'minute' | 'hour'

/** The tiers whose points are put together to buckets. */
export type BucketTier = Exclude<Tier, 'raw'>

export const bucketTiers: readonly BucketTier[] = ['minute', 'hour']
export const tiers: readonly Tier[] = ['raw', ...bucketTiers]

export const minuteMs = 60_000
export const hourMs = 3_600_000
export const dayMs = 86_400_000

export const bucketMs: Readonly<Record<BucketTier, number>> = { minute: minuteMs, hour: hourMs }

/** What is stored together, and given up together. */
export const periodMs: Readonly<Record<Tier, number>> = {
  raw: hourMs,
  minute: dayMs,
  hour: 30 * dayMs,
}

/** The number of the period that a time is in. */
export function periodOf(tier: Tier, at: number): number {
  return Math.floor(at / periodMs[tier])
}

/** When a period begins. */
export function startOfPeriod(tier: Tier, period: number): number {
  return period * periodMs[tier]
}

/** How much is kept of each period of each tier, and until when all was given up. */
export interface Periods {
  /** Of all closed blocks and buckets. */
  readonly bytes: number
  add(tier: Tier, period: number, bytes: number): void
  /** All that is kept of a tier, the oldest period first. */
  of(tier: Tier): readonly (readonly [period: number, bytes: number])[]
  bytesOf(tier: Tier): number
  /** Nothing is left of a period, which was the oldest one. */
  remove(tier: Tier, period: number): void
  /** Of what came before this time, something was given up. */
  lostUntil(tier: Tier): number
  /** To be kept, so that `restore` knows it again. */
  written(): PeriodsState
  restore(state: PeriodsState): void
}

export interface PeriodsState {
  readonly sizes: Readonly<Record<Tier, readonly (readonly [period: number, bytes: number])[]>>
  readonly lostUntil: Readonly<Record<Tier, number>>
}

export function createPeriods(): Periods {
  const sizes: Record<Tier, Map<number, number>> = {
    raw: new Map(),
    minute: new Map(),
    hour: new Map(),
  }
  const lostUntil: Record<Tier, number> = { raw: 0, minute: 0, hour: 0 }
  const of = (tier: Tier) => [...sizes[tier]].sort(([one], [other]) => one - other)
  const bytesOf = (tier: Tier) => of(tier).reduce((sum, [, bytes]) => sum + bytes, 0)
  return {
    get bytes() {
      return tiers.reduce((sum, tier) => sum + bytesOf(tier), 0)
    },
    add: (tier, period, bytes) => {
      sizes[tier].set(period, (sizes[tier].get(period) ?? 0) + bytes)
    },
    of,
    bytesOf,
    remove: (tier, period) => {
      sizes[tier].delete(period)
      const end = startOfPeriod(tier, period) + periodMs[tier]
      lostUntil[tier] = Math.max(lostUntil[tier], end)
    },
    lostUntil: (tier) => lostUntil[tier],
    written: () => ({
      sizes: { raw: of('raw'), minute: of('minute'), hour: of('hour') },
      lostUntil: { ...lostUntil },
    }),
    restore: (state) => {
      for (const tier of tiers) {
        sizes[tier] = new Map(state.sizes[tier])
        lostUntil[tier] = state.lostUntil[tier]
      }
    },
  }
}
