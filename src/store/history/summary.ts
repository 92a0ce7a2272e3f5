import { setImmediate as turnOver } from 'node:timers/promises'
import { type Bucket, BucketTable } from './bucket.ts'
import type { History, SeriesCut } from './history.ts'
import type { Plan, TimeRange } from './plan.ts'
import { RawBlockCursor } from './raw-block.ts'

type Source = Pick<History, 'periods' | 'blocks' | 'buckets'>

/** The buckets of a series, as planned, in the order of their times; those without a point are left out. */
export async function summaryOf(history: Source, series: SeriesCut, plan: Plan): Promise<Bucket[]> {
  const table = new BucketTable(plan.bucketMs)
  const { tier } = plan
  for (const period of history.periods(series, tier, plan)) {
    if (tier === 'raw') await addPoints(table, history.blocks(series, period), plan)
    else addBuckets(table, await history.buckets(series, { tier, period }), plan)
  }
  return table.sorted()
}

async function addPoints(
  table: BucketTable,
  blocks: ReturnType<History['blocks']>,
  range: TimeRange,
): Promise<void> {
  for await (const { bytes, startAt } of blocks) {
    const cursor = new RawBlockCursor(bytes, startAt)
    while (cursor.next()) if (isWithin(cursor.at, range)) table.addPoint(cursor)
    // A block may take a millisecond, and there may be many.
    await turnOver()
  }
}

function addBuckets(table: BucketTable, buckets: readonly Bucket[], range: TimeRange): void {
  for (const bucket of buckets) if (isWithin(bucket.start, range)) table.addBucket(bucket)
}

export function isWithin(at: number, { from, to }: TimeRange): boolean {
  return at >= from && at < to
}
