import type { HistoryParts } from './history-parts.ts'
import { bucketsKey } from './keys.ts'
import type { OwnSeries } from './series.ts'
import { bucketTiers } from './tiers.ts'

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
