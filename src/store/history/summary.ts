import { setImmediate as turnOver } from 'node:timers/promises'
import { type Bucket, BucketTable } from './bucket.ts'
import type { History, SeriesCut } from './history.ts'
import type { Plan, TimeRange } from './plan.ts'

type Source = Pick<History, 'periods' | 'blocks' | 'buckets'>

/** The buckets of a series, as planned, in the order of their times; those without a point are left out. */
export async function summarize(history: Source, series: SeriesCut, plan: Plan): Promise<Bucket[]> {
  const table = new BucketTable(plan.bucketMs)
  const { tier } = plan
  for (const period of history.periods(series, tier, plan)) {
    if (tier === 'raw') await addPoints(table, history.blocks(series, period), plan)
    else {
      const wanted = { tier, period, range: plan, lengthMs: plan.bucketMs }
      for (const bucket of await history.buckets(series, wanted)) table.addBucket(bucket)
    }
  }
  return table.sorted()
}

async function addPoints(
  table: BucketTable,
  blocks: ReturnType<History['blocks']>,
  range: TimeRange,
): Promise<void> {
  for await (const { bytes, startAt } of blocks) {
    table.addBlock(bytes, startAt, range)
    // A block may take a millisecond, and there may be many.
    await turnOver()
  }
}
