import type { Clock } from '../core/clock.ts'
import { matches } from '../core/filter.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Store } from '../store/store.ts'
import type { Bucket } from './buckets.ts'
import { createMaintenance, type HistoryParts, type Maintenance } from './maintenance.ts'
import { createOpenBlocks, restoredBlocks } from './open-blocks.ts'
import { createPeriods, periodOf, startOfPeriod, type Tier, type TimeRange } from './periods.ts'
import {
  type BlocksSnapshot,
  type BucketsWanted,
  blocksOf,
  bucketsOf,
  type RawBlock,
  snapshotOf,
} from './read-history.ts'
import { forgetSeries, type Retention, watchClock } from './retention.ts'
import {
  createSeriesTable,
  type OwnSeries,
  type PointName,
  type Series,
  type SeriesTable,
} from './series.ts'
import { createWriteAhead, type HistoryJournal } from './write-ahead.ts'

/** What was measured. */
export interface Reading extends PointName {
  /** In whole milliseconds since 1970. */
  readonly at: number
  /** A finite number, or whether something is so. */
  readonly value: number | boolean
  /** In whose share a new series is; an empty name where that is not known. */
  readonly owner?: string
}

/** A series as it was at one moment; nothing that came later is read of it. */
export type SeriesSnapshot = Series & BlocksSnapshot

/** What quantities were, and when. */
export interface History {
  /**
   * Adds a point, and returns the series it has joined, whose unit it has from now on. Never waits, never
   * throws; what there is no room for joins none, and is counted.
   */
  add(reading: Reading, isPromised: boolean): Series | undefined
  /** What was added so far is on disk before anything that is acknowledged from now on. */
  promise(): void
  /** The series whose topics match `filter`, as they are now. */
  snapshot(filter: string): SeriesSnapshot[]
  /** The periods in which something may be of a series, in their order. */
  periods(series: SeriesSnapshot, tier: Tier, range: TimeRange): number[]
  /** All points of an hour, by its number since 1970. */
  blocks(series: SeriesSnapshot, hour: number): AsyncIterable<RawBlock>
  /** What is left of a period, as it is now; nothing of a series that is forgotten. */
  buckets(series: Series, wanted: BucketsWanted): Promise<Bucket[]>
  /** Of what came before this time, something was given up. */
  lostUntil(tier: Tier): number
  /** How much there is now. */
  state(): HistoryState
  /** The topics of the series that are in the share of `owner`. */
  topicsOf(owner: string): string[]
  /** What was recorded on one topic is of another one from now on; returns how many series that are. */
  move(from: string, to: string): number
  /** Removes all that was recorded on a topic; resolves with how many series that were, when nothing is left of them. */
  forget(topic: string): Promise<number>
  /** Does what is due; to be called once a second. A call while another one works waits for that. */
  maintain(): Promise<void>
  /** Waits until nothing is written; what was added is in the journal. */
  close(): Promise<void>
}

/** Series, and what waits for the disk: how much, and for how long. */
export interface HistoryState {
  readonly series: number
  readonly waitingBytes: number
  readonly lagMs: number
}

export interface HistoryOptions {
  readonly store: Store
  /** Where points are noted before they are in blocks: what it acknowledges waits for them. */
  readonly journal: HistoryJournal
  readonly retention: Retention
  readonly limits: { readonly series: number; readonly openMiB: number }
  readonly clock: Clock
  readonly sampledLog: SampledLog
}

const mebibyte = 1_048_576

/** Goes on with what is in the store. */
export async function openHistory(options: HistoryOptions): Promise<History> {
  const { store, journal, limits, clock, sampledLog } = options
  const table = createSeriesTable(options)
  const writeAhead = createWriteAhead(journal, sampledLog)
  const open = createOpenBlocks({
    table,
    maxBytes: limits.openMiB * mebibyte,
    nowMs: () => clock.nowMs(),
    isLasting: journal.isLasting,
    sampledLog,
  })
  const periods = createPeriods()
  const clockWatch = watchClock(clock, sampledLog)
  const parts = { ...options, table, writeAhead, open, periods, clockWatch }
  const maintenance = createMaintenance(parts)
  await restore(parts, maintenance)
  return {
    add: createAdd(parts),
    promise: writeAhead.note,
    snapshot: (filter) =>
      [...table.all()]
        .filter(({ topic }) => matches(filter, topic))
        .map((series) => ({ ...namedOnly(series), ...snapshotOf(series, open.nextId()) })),
    periods: ({ open: blocks }, tier, { from, to }) => {
      const stored = periods.of(tier).map(([period]) => period)
      const all = new Set([...stored, ...blocks.map(({ startAt }) => periodOf(tier, startAt))])
      return [...all]
        .filter((period) => period >= periodOf(tier, from) && startOfPeriod(tier, period) < to)
        .sort((one, other) => one - other)
    },
    blocks: (series, hour) => blocksOf(store, series, hour),
    buckets: async ({ id }, wanted) => {
      const series = table.get(id)
      return series === undefined ? [] : bucketsOf(series, wanted, { store, sampledLog })
    },
    lostUntil: periods.lostUntil,
    state: () => {
      const { bytes, ms } = writeAhead.waiting
      return { series: table.size, waitingBytes: bytes, lagMs: ms }
    },
    topicsOf: (name) =>
      [...table.all()].flatMap(({ owner, topic }) => (owner === name ? [topic] : [])),
    move: (from, to) => {
      const moved = seriesOn(from, table)
      for (const series of moved) table.move(series, to)
      return moved.length
    },
    forget: async (topic) => {
      const gone = seriesOn(topic, table)
      if (gone.length > 0) await maintenance.forget(gone)
      return gone.length
    },
    maintain: maintenance.maintain,
    close: async () => {
      await maintenance.close()
      writeAhead.flush()
    },
  }
}

function seriesOn(topic: string, table: SeriesTable): OwnSeries[] {
  return [...table.all()].filter((series) => series.topic === topic)
}

function namedOnly({ id, topic, quantity, unit, isBoolean }: OwnSeries): Series {
  return { id, topic, quantity, unit, isBoolean }
}

async function restore(parts: HistoryParts, maintenance: Maintenance): Promise<void> {
  const { table, open, writeAhead, clock } = parts
  await table.restore()
  for await (const block of restoredBlocks(parts)) open.adopt(block)
  await maintenance.restore()
  for await (const { series: id, ordinal, ...point } of writeAhead.restore()) {
    const series = table.get(id)
    // What is in a block already.
    if (series === undefined || ordinal <= series.through) continue
    series.lastAt = point.at
    open.add(series, point, ordinal)
  }
  const latest = (series: OwnSeries) =>
    Math.max(series.through, ...series.blocks.map((block) => block.through))
  for (const series of [...table.all()].sort((one, other) => latest(one) - latest(other))) {
    writeAhead.skip(latest(series))
    table.makeCurrent(series)
  }
  open.closeBut(clock.wallMs())
}

function createAdd(parts: HistoryParts): History['add'] {
  const { table, writeAhead, open, sampledLog } = parts
  const seriesOf = createFinder(parts)
  const drop = (topic: string): undefined => {
    sampledLog.warn('history-points-dropped', { topic }, 'the disk is too slow for the history')
  }
  return (reading, isPromised) => {
    const { topic, at, value } = reading
    if (!isPromised && writeAhead.isBehind()) return drop(topic)
    const series = seriesOf(reading)
    if (series === undefined) return undefined
    if (!open.hasRoomFor(series)) return drop(topic)
    const isBoolean = series.isBoolean && typeof value === 'boolean'
    if (!series.isEscaped || series.isBoolean !== isBoolean) table.change(series, isBoolean)
    series.lastAt = at
    const point = { at, value: Number(value) }
    open.add(series, point, writeAhead.add(series.id, point))
    return series
  }
}

/** How long nobody looks for room after there was none: that takes a look at all series. */
const fullMs = 60_000

/** A quantity that has more units has something else in its place, and each would take a series. */
const mostUnits = 16

/** Returns the series of a reading, a new one if there is room; once there is none, for those with less than an equal share. */
function createFinder(parts: HistoryParts) {
  const { table, limits, retention, clock, sampledLog } = parts
  let fullUntilMs = 0
  const makeRoom = (owner: string, topic: string): boolean =>
    table.size < limits.series || forgetOne() || table.hasRoomFor(owner, topic)
  const forgetOne = (): boolean => {
    if (clock.nowMs() < fullUntilMs) return false
    const oldest = longestSilent(table)
    if (oldest !== undefined && oldest.lastAt < clock.wallMs() - retention.ageMs.raw) {
      forgetSeries(oldest, parts)
      return true
    }
    fullUntilMs = clock.nowMs() + fullMs
    return false
  }
  return (reading: Reading): OwnSeries | undefined => {
    const known = table.join(reading)
    if (known !== undefined) return known
    const { topic, quantity, value, unit, owner = '' } = reading
    const isBoolean = typeof value === 'boolean'
    const isRoom = table.units(reading) < mostUnits && makeRoom(owner, topic)
    if (isRoom) return table.add({ topic, quantity, unit, isBoolean, owner })
    const fields = { topic, quantity, unit }
    sampledLog.warn(
      'history-series-refused',
      fields,
      'a quantity is not recorded, or not in this unit',
    )
    return undefined
  }
}

function longestSilent(table: SeriesTable): OwnSeries | undefined {
  let found: OwnSeries | undefined
  for (const series of table.all()) {
    const isSilent = series.blocks.length === 0 && series.lastAt < (found?.lastAt ?? Infinity)
    if (isSilent) found = series
  }
  return found
}
