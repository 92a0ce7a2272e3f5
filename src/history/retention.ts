import type { Clock } from '../core/clock.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Change, Store } from '../store/store.ts'
import { blocksPrefix, bucketsKey, openSeriesPrefix, periodPrefix } from './keys.ts'
import type { HistoryParts } from './maintenance.ts'
import { bucketTiers, type Periods, periodMs, startOfPeriod, type Tier, tiers } from './periods.ts'
import type { OwnSeries } from './series.ts'

export interface Retention {
  /** For how long each tier is kept, in milliseconds. */
  readonly ageMs: Readonly<Record<Tier, number>>
  /** What all of it may take. */
  readonly maxBytes: number
}

/** When there is too much, each tier may have this part of it. */
const shares: Readonly<Record<Tier, number>> = { raw: 0.5, minute: 0.25, hour: 0.25 }

interface GiveUpOptions {
  readonly store: Pick<Store, 'clear'>
  readonly periods: Periods
  readonly retention: Retention
  /** What is not in closed blocks. */
  readonly openBytes: number
  /** What time it is; undefined while that is not sure, and nothing is too old. */
  readonly at: number | undefined
}

/** Gives up what is too old or too much, and returns whether that was something. */
export async function giveUp(options: GiveUpOptions): Promise<boolean> {
  const { store, periods } = options
  let isAny = false
  for (;;) {
    const [tier, period] = tooOld(options) ?? tooMuch(options) ?? []
    if (tier === undefined || period === undefined) return isAny
    await store.clear(periodPrefix(tier, period))
    periods.remove(tier, period)
    isAny = true
  }
}

type Found = readonly [tier: Tier, period: number] | undefined

function tooOld({ periods, retention, at }: GiveUpOptions): Found {
  if (at === undefined) return undefined
  for (const tier of tiers) {
    const oldest = periods.of(tier)[0]?.[0]
    if (oldest === undefined) continue
    const end = startOfPeriod(tier, oldest) + periodMs[tier]
    if (end <= at - retention.ageMs[tier]) return [tier, oldest]
  }
  return undefined
}

/** The oldest of the tier that is furthest past its share. */
function tooMuch({ periods, retention, openBytes }: GiveUpOptions): Found {
  if (periods.bytes + openBytes <= retention.maxBytes) return undefined
  const excessOf = (tier: Tier) => periods.bytesOf(tier) - shares[tier] * retention.maxBytes
  const [tier] = tiers
    .filter((each) => periods.bytesOf(each) > 0)
    .sort((one, other) => excessOf(other) - excessOf(one))
  const oldest = tier && periods.of(tier)[0]
  return oldest && [tier, oldest[0]]
}

// --- how late it is ---

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

/** Takes away all that is kept of a series that is in no table any more, and gives back its room. */
export async function eraseSeries(
  { id }: OwnSeries,
  { periods, store }: Pick<HistoryParts, 'periods' | 'store'>,
): Promise<void> {
  await store.clear(openSeriesPrefix(id))
  for (const tier of tiers) {
    for (const [period] of periods.of(tier)) {
      const prefix = tier === 'raw' ? blocksPrefix(period, id) : bucketsKey(tier, period, id)
      const gone: Change[] = []
      let bytes = 0
      for await (const [key, value] of store.entries(prefix)) {
        gone.push({ key, value: undefined })
        bytes += key.length + value.length
      }
      if (gone.length === 0) continue
      await store.write(gone)
      periods.add(tier, period, -bytes)
    }
  }
}

/** Forgets a series that has been silent for so long that none of its points is kept, with its buckets. */
export function forgetSeries(
  series: OwnSeries,
  { table, periods, store }: Pick<HistoryParts, 'table' | 'periods' | 'store'>,
): void {
  table.remove(series)
  const keys = bucketTiers.flatMap((tier) =>
    periods.of(tier).map(([period]) => bucketsKey(tier, period, series.id)),
  )
  // What cannot be taken away goes with its period.
  void store.write(keys.map((key) => ({ key, value: undefined })))
}
