import type { Clock } from '../../core/clock.ts'
import type { SampledLog } from '../../core/sampled-log.ts'
import type { Store } from '../store.ts'
import type { ClockWatch } from './clock-watch.ts'
import type { OpenBlocks } from './open-blocks.ts'
import type { Periods } from './periods.ts'
import type { Retention } from './retention.ts'
import type { SeriesTable } from './series-table.ts'
import type { Ledger, WriteAhead } from './write-ahead.ts'

export interface HistoryOptions {
  readonly store: Store
  /** Where points are noted before they are in blocks: what it acknowledges waits for them. */
  readonly ledger: Ledger
  readonly retention: Retention
  readonly limits: { readonly series: number; readonly openMiB: number }
  readonly clock: Clock
  readonly sampledLog: SampledLog
}

/** What the parts of a history share. */
export interface HistoryParts extends HistoryOptions {
  readonly table: SeriesTable
  readonly writeAhead: WriteAhead
  readonly open: OpenBlocks
  readonly periods: Periods
  readonly clockWatch: ClockWatch
}
