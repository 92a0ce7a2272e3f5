import type { SampledLog } from '../../core/sampled-log.ts'
import type { Store } from '../store.ts'
import { type Bucket, BucketTable } from './bucket.ts'
import { BucketCursor } from './bucket-block.ts'
import { blocksPrefix, bucketsKey, lastNumberIn } from './keys.ts'
import { isWithin, type TimeRange } from './plan.ts'
import type { OwnSeries } from './series.ts'
import { type BucketTier, bucketMs, hourMs, periodOf } from './tiers.ts'

/** Points of one series and one hour, to be read by a RawBlockCursor. */
export interface RawBlock {
  readonly startAt: number
  readonly bytes: Buffer
}

/** What of a series there was at one moment. */
export interface Cut {
  /** In the order they came; what was not in closed blocks. */
  readonly open: readonly (RawBlock & { readonly id: number })[]
  /** Blocks with this id and later ones began later. */
  readonly nextId: number
}

export function cutOf(series: OwnSeries, nextId: number): Cut {
  const open = series.blocks.map(({ id, startAt, writer }) => ({
    id,
    startAt,
    bytes: writer.written(),
  }))
  return { open, nextId }
}

/** The blocks of an hour as there were at the moment of `cut`. */
export async function* blocksOf(
  store: Pick<Store, 'entries'>,
  series: { readonly id: number } & Cut,
  period: number,
): AsyncGenerator<RawBlock> {
  const startAt = period * hourMs
  const isOpen = new Set(series.open.map(({ id }) => id))
  for await (const [key, bytes] of store.entries(blocksPrefix(period, series.id))) {
    const id = lastNumberIn(key)
    // What was closed since then is among the open ones.
    if (id < series.nextId && !isOpen.has(id)) yield { startAt, bytes }
  }
  for (const block of series.open) if (block.startAt === startAt) yield block
}

export interface BucketsWanted {
  readonly tier: BucketTier
  readonly period: number
  /** Only the buckets that begin in it; all without it. */
  readonly range?: TimeRange
  /** The length of the buckets, a multiple of that of the tier; the same without it. */
  readonly lengthMs?: number
}

export const always: TimeRange = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }

/** The buckets of a series in a period as they are now. */
export async function bucketsOf(
  series: OwnSeries,
  { tier, period, range: wanted = always, lengthMs = bucketMs[tier] }: BucketsWanted,
  { store, sampledLog }: { readonly store: Pick<Store, 'get'>; readonly sampledLog: SampledLog },
): Promise<Bucket[]> {
  const range = wholeBuckets(wanted, lengthMs)
  for (;;) {
    await series.moving
    const { moves } = series
    const open = series.blocks
      .filter(({ startAt }) => periodOf(tier, startAt) === period)
      .map(({ startAt, writer }) => ({ startAt, bytes: writer.written() }))
    const key = bucketsKey(tier, period, series.id)
    const stored = await store.get(key)
    // Else a block that is among the open ones may be in what is stored as well.
    if (series.moving !== undefined || series.moves !== moves) continue
    const table = storedTable(tier, { key, stored, sampledLog, range, lengthMs })
    for (const { bytes, startAt } of open) table.addBlock(bytes, startAt, range)
    return table.sorted()
  }
}

function wholeBuckets({ from, to }: TimeRange, lengthMs: number): TimeRange {
  return { from: Math.ceil(from / lengthMs) * lengthMs, to: Math.ceil(to / lengthMs) * lengthMs }
}

export interface StoredBuckets {
  readonly key: string
  readonly stored: Buffer | undefined
  readonly sampledLog: SampledLog
  readonly range?: TimeRange
  readonly lengthMs?: number
}

/** A table with what is stored of a period, or without it when that cannot be read. */
export function storedTable(
  tier: BucketTier,
  { key, stored, sampledLog, range = always, lengthMs = bucketMs[tier] }: StoredBuckets,
): BucketTable {
  const table = new BucketTable(lengthMs)
  if (stored === undefined) return table
  try {
    const cursor = new BucketCursor(stored, bucketMs[tier])
    while (cursor.next()) if (isWithin(cursor.start, range)) table.addBucket(cursor)
    return table
  } catch {
    sampledLog.warn('history-unreadable', { key }, 'what is kept of a series could not be read')
    return new BucketTable(lengthMs)
  }
}
