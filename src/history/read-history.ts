import { setImmediate as turnOver } from 'node:timers/promises'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Store } from '../store/store.ts'
import { type Bucket, BucketCursor, BucketTable } from './buckets.ts'
import type { History, SeriesSnapshot } from './history.ts'
import { blocksPrefix, bucketsKey, lastNumberIn } from './keys.ts'
import {
  type BucketTier,
  bucketMs,
  dayMs,
  hourMs,
  isWithin,
  minuteMs,
  periodOf,
  type Tier,
  type TimeRange,
  tiers,
} from './periods.ts'
import type { OwnSeries } from './series.ts'

/** Points of one series and one hour, to be read by a RawBlockCursor. */
export interface RawBlock {
  readonly startAt: number
  readonly bytes: Buffer
}

/** What of a series there was at one moment. */
export interface BlocksSnapshot {
  /** In the order they came; what was not in closed blocks. */
  readonly open: readonly (RawBlock & { readonly id: number })[]
  /** Blocks with this id and later ones began later. */
  readonly nextId: number
}

export function snapshotOf(series: OwnSeries, nextId: number): BlocksSnapshot {
  const open = series.blocks.map(({ id, startAt, writer }) => ({
    id,
    startAt,
    bytes: writer.written(),
  }))
  return { open, nextId }
}

/** The blocks of an hour as there were at the moment of the snapshot. */
export async function* blocksOf(
  store: Pick<Store, 'entries'>,
  series: { readonly id: number } & BlocksSnapshot,
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

interface StoredBuckets {
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

// --- a range in buckets ---

/** How a range is to be told in at most so many buckets. */
export interface Plan extends TimeRange {
  /** Where its points are read. */
  readonly tier: Tier
  readonly bucketMs: number
}

const secondMs = 1000

/** Lengths of buckets that people can name; each of those from a minute on is whole minutes or hours. */
const lengths: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 20, 30].map((seconds) => seconds * secondMs),
  ...[1, 2, 3, 5, 10, 15, 20, 30].map((minutes) => minutes * minuteMs),
  ...[1, 2, 3, 4, 6, 8, 12].map((hours) => hours * hourMs),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((days) => days * dayMs),
]

/**
 * The shortest buckets of which at most `points` cover the range, and the coarsest tier that has them;
 * the range grows to whole buckets. `lostUntil`: before that, a tier does not have everything.
 */
export function planOf(
  { from, to }: TimeRange,
  points: number,
  lostUntil: (tier: Tier) => number,
): Plan {
  const complete = tiersSince(from, lostUntil)
  const tierWith = (length: number) => complete.findLast((tier) => length >= shortest[tier])
  const isFit = (length: number) => Math.ceil(to / length) - Math.floor(from / length) <= points
  const planWith = (length: number): Plan | undefined => {
    const tier = tierWith(length)
    if (tier === undefined || !isFit(length)) return undefined
    const whole = { from: Math.floor(from / length) * length, to: Math.ceil(to / length) * length }
    return { ...whole, bucketMs: length, tier }
  }
  let plan = planWith(lengthAt(0))
  for (let at = 1; plan === undefined; at += 1) plan = planWith(lengthAt(at))
  return plan
}

/** Past the list, each is twice as long as the one before. */
function lengthAt(at: number): number {
  return lengths[at] ?? Number(lengths.at(-1)) * 2 ** (at - lengths.length + 1)
}

/** The shortest buckets that each tier can tell. */
const shortest: Readonly<Record<Tier, number>> = { raw: 0, ...bucketMs }

/**
 * The tiers that have everything since `from`, the one with the most detail first; of none, the one that
 * reaches back the furthest.
 */
function tiersSince(
  from: number,
  lostUntil: (tier: Tier) => number,
): readonly [Tier, ...(readonly Tier[])] {
  const [finest, ...others] = tiers.filter((tier) => from >= lostUntil(tier))
  if (finest !== undefined) return [finest, ...others]
  return [tiers.reduce((one, other) => (lostUntil(other) < lostUntil(one) ? other : one))]
}

/** The tier with the most detail of those that have everything since `from`. */
export function finestTier(from: number, lostUntil: (tier: Tier) => number): Tier {
  return tiersSince(from, lostUntil)[0]
}

type Source = Pick<History, 'periods' | 'blocks' | 'buckets'>

/** Series of one quantity in one unit, which came together when one device took the place of another. */
export type SameSeries = readonly [SeriesSnapshot, ...SeriesSnapshot[]]

/** The series of each quantity and unit, in the order in which they come. */
export function sameSeries(all: readonly SeriesSnapshot[]): SameSeries[] {
  const found = new Map<string, [SeriesSnapshot, ...SeriesSnapshot[]]>()
  for (const series of all) {
    const name = JSON.stringify([series.topic, series.quantity, series.unit])
    const known = found.get(name)
    if (known === undefined) found.set(name, [series])
    else known.push(series)
  }
  return [...found.values()]
}

/** The buckets of what is one series to whoever reads it, as planned, in the order of their times; those without a point are left out. */
export async function summarize(history: Source, same: SameSeries, plan: Plan): Promise<Bucket[]> {
  const table = new BucketTable(plan.bucketMs)
  const { tier } = plan
  for (const series of same) {
    for (const period of history.periods(series, tier, plan)) {
      if (tier === 'raw') await addPoints(table, history.blocks(series, period), plan)
      else {
        const wanted = { tier, period, range: plan, lengthMs: plan.bucketMs }
        for (const bucket of await history.buckets(series, wanted)) table.addBucket(bucket)
      }
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
