import { setImmediate as turnOver } from 'node:timers/promises'
import { reasonOf } from '../core/errors.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Change, Store } from '../store/store.ts'
import { writeBuckets } from './buckets.ts'
import type { HistoryOptions } from './history.ts'
import { blockKey, bucketsKey, historyStateKey, openKey, throughKey } from './keys.ts'
import { blocksToStore, type OpenBlocks, openBlockChange } from './open-blocks.ts'
import {
  bucketMs,
  bucketTiers,
  type Periods,
  type PeriodsState,
  periodOf,
  type Tier,
} from './periods.ts'
import { always, storedTable } from './read-history.ts'
import { type ClockWatch, eraseSeries, forgetSeries, giveUp } from './retention.ts'
import { type OpenBlock, type OwnSeries, type SeriesTable, throughBytes } from './series.ts'
import type { WriteAhead } from './write-ahead.ts'

/** What the parts of a history share. */
export interface HistoryParts extends HistoryOptions {
  readonly table: SeriesTable
  readonly writeAhead: WriteAhead
  readonly open: OpenBlocks
  readonly periods: Periods
  readonly clockWatch: ClockWatch
}

/** Brings what is in memory to where it stays, and gives up what is too old or too much. */
export interface Maintenance {
  restore(): Promise<void>
  maintain(): Promise<void>
  /** Resolves when nothing is left of these series, in what is written ahead either. */
  forget(series: readonly OwnSeries[]): Promise<void>
  close(): Promise<void>
}

/** So many blocks are moved at a time: others have their turn between them. */
const movedAtOnce = 8

/** Points are only in what is written ahead for so long. */
const storeAfterMs = 300_000

/** How often series are stored, and in how many steps those that are due together. */
const storeEveryMs = 30_000
const storeSteps = 10

/** How often it is looked for what is to be given up, in calls of `maintain`. */
const retentionEvery = 60

export function createMaintenance(parts: HistoryParts): Maintenance {
  const { table, open, clock, clockWatch, writeAhead, sampledLog } = parts
  let hour = periodOf('raw', clock.wallMs())
  let calls = 0
  let storeAtMs = 0
  let sureTime: number | undefined
  let isClosed = false
  let forgotten: OwnSeries[] = []
  const work = async () => {
    const gone = forgotten
    forgotten = []
    for (const series of gone) await eraseSeries(series, parts)
    const now = periodOf('raw', clock.wallMs())
    if (now !== hour) open.closeBut(clock.wallMs())
    hour = now
    await moveClosed(parts, () => isClosed)
    const isAllDue = gone.length > 0
    if (isAllDue || clock.nowMs() >= storeAtMs) {
      storeAtMs = clock.nowMs() + storeEveryMs
      await storeDue(parts, isAllDue)
    }
    forgetLogged(parts)
  }
  const onError = (error: unknown) => {
    const fields = { reason: reasonOf(error) }
    sampledLog.warn('history-not-written', fields, 'the history could not be written')
  }
  const working = oneAtATime(work, onError)
  // By itself, since the other work may wait for room on the disk that only this can make.
  const retaining = oneAtATime(() => giveUpDue(parts, sureTime), onError)
  return {
    restore: () => restoreState(parts),
    maintain: async () => {
      writeAhead.flush()
      // Each time, since it is by how the clock goes on that it is known to be right.
      sureTime = clockWatch.sureTime()
      await Promise.all([working.start(), calls++ % retentionEvery === 0 && retaining.start()])
    },
    forget: async (all) => {
      // Before the series are gone: what is left of one after a kill must be of no later one.
      await parts.store.write([{ key: historyStateKey, value: stateBytes(parts) }])
      writeAhead.flush()
      for (const series of all) {
        table.remove(series)
        open.remove(series.blocks)
        open.stored(series, [], writeAhead.next())
      }
      forgotten.push(...all)
      // One that is under way may have looked already.
      await working.end()
      await working.start()
    },
    close: async () => {
      isClosed = true
      await Promise.all([working.end(), retaining.end()])
    },
  }
}

/** Work that is not begun again before it is done. */
function oneAtATime(work: () => Promise<void>, onError: (error: unknown) => void) {
  let running: Promise<void> | undefined
  const run = async () => {
    await work().catch(onError)
    running = undefined
  }
  return {
    /** Resolves when it is done, whoever began it. */
    start: () => {
      running ??= run()
      return running
    },
    /** Waits for it, if it is under way. */
    end: () => running,
  }
}

/** Puts closed blocks where they stay, unless that is to end. */
async function moveClosed(parts: HistoryParts, isEnding: () => boolean): Promise<void> {
  const { open, store, periods, sampledLog } = parts
  const state = () => stateBytes(parts)
  for (;;) {
    const blocks = open.closed().slice(0, movedAtOnce)
    if (blocks.length === 0 || isEnding()) return
    await whileMoving(blocks, async () => {
      await moveBlocks(blocks, { store, periods, sampledLog, state })
      open.remove(blocks)
    })
    await turnOver()
  }
}

/** Marks the series of `blocks`, so that nobody reads a block twice, or not at all. */
async function whileMoving(blocks: readonly OpenBlock[], move: () => Promise<void>): Promise<void> {
  const all = new Set(blocks.map(({ series }) => series))
  const moved = move()
  const moving = moved.catch(() => {})
  for (const series of all) series.moving = moving
  try {
    await moved
  } finally {
    for (const series of all) {
      series.moving = undefined
      series.moves += 1
    }
  }
}

/** Stores the series whose points have been in memory for long, some at a time, or all at once. */
async function storeDue(parts: HistoryParts, isAllDue: boolean): Promise<void> {
  const { open, store, clock, writeAhead, journal } = parts
  if (!journal.isLasting) return
  const unstored = open.unstored()
  const most = isAllDue ? unstored.size : Math.ceil(unstored.size / storeSteps)
  const due: OwnSeries[] = []
  for (const [series, { sinceMs }] of unstored) {
    const isDue = isAllDue || clock.nowMs() - sinceMs >= storeAfterMs
    if (due.length === most || !isDue) break
    due.push(series)
  }
  const next = writeAhead.next()
  const stored = due.map((series) => ({ series, blocks: blocksToStore(series) }))
  await store.write(stored.flatMap(({ blocks }) => blocks.map(openBlockChange)))
  for (const { series, blocks } of stored) open.stored(series, blocks, next)
}

/** What is in blocks need not be read again when the hub starts. */
function forgetLogged({ open, writeAhead }: HistoryParts): void {
  let oldest = writeAhead.next()
  for (const { since } of open.unstored().values()) oldest = Math.min(oldest, since)
  writeAhead.forget(oldest)
}

async function giveUpDue(parts: HistoryParts, at: number | undefined): Promise<void> {
  const { open, store, table, retention } = parts
  const isAny = await giveUp({ ...parts, openBytes: open.bytes, at })
  // Not waited for: there may be no room for it yet.
  if (isAny) void store.write([{ key: historyStateKey, value: stateBytes(parts) }])
  if (at === undefined) return
  const goneBefore = at - Math.max(...Object.values(retention.ageMs))
  for (const series of table.all()) {
    if (series.blocks.length === 0 && series.lastAt < goneBefore) forgetSeries(series, parts)
  }
}

// --- what is kept besides points ---

interface State extends PeriodsState {
  readonly nextBlock: number
  /** Not there from a hub before 0.2, which gave no series up that had points. */
  readonly nextSeries?: number
}

function stateBytes({ periods, open, table }: HistoryParts): Buffer {
  const next = { nextBlock: open.nextId(), nextSeries: table.nextId() }
  const state: State = { ...next, ...periods.written() }
  return Buffer.from(JSON.stringify(state))
}

async function restoreState({ store, periods, open, table }: HistoryParts): Promise<void> {
  const bytes = await store.get(historyStateKey)
  if (bytes === undefined) return
  const state: State = JSON.parse(bytes.toString())
  periods.restore(state)
  open.skip(state.nextBlock)
  table.skip(state.nextSeries ?? 0)
}

// --- closed blocks, where they stay ---

interface MoveOptions {
  readonly store: Pick<Store, 'get' | 'write'>
  readonly periods: Periods
  readonly sampledLog: SampledLog
  /** What is to be kept under `stateKey`. */
  state(): Buffer
}

/**
 * Moves closed blocks to where they stay, and adds their minutes and hours to those of their series;
 * all of it or nothing. Nobody else may write buckets meanwhile.
 *
 * @throws HubError as the store.
 */
async function moveBlocks(blocks: readonly OpenBlock[], options: MoveOptions): Promise<void> {
  const { store, periods, state, sampledLog } = options
  const changes = new Map<string, Buffer | undefined>()
  const grown: [tier: Tier, period: number, bytes: number][] = []
  for (const block of blocks) {
    const { id, series, startAt, writer, through } = block
    const bytes = writer.written()
    const period = periodOf('raw', startAt)
    const key = blockKey(period, series.id, id)
    changes.set(key, bytes)
    changes.set(openKey(series.id, id), undefined)
    changes.set(throughKey(series.id), throughBytes({ through, lastAt: series.lastAt }))
    grown.push(['raw', period, key.length + bytes.length])
    for (const tier of bucketTiers) {
      const own = { tier, period: periodOf(tier, startAt) }
      const ownKey = bucketsKey(tier, own.period, series.id)
      const before = changes.get(ownKey) ?? (await store.get(ownKey))
      const table = storedTable(tier, { key: ownKey, stored: before, sampledLog })
      table.addBlock(bytes, startAt, always)
      const after = writeBuckets(table.sorted(), bucketMs[tier])
      changes.set(ownKey, after)
      grown.push([tier, own.period, after.length - (before?.length ?? -ownKey.length)])
    }
  }
  for (const [tier, period, bytes] of grown) periods.add(tier, period, bytes)
  changes.set(historyStateKey, state())
  try {
    await store.write(Array.from(changes, ([key, value]): Change => ({ key, value })))
  } catch (error) {
    for (const [tier, period, bytes] of grown) periods.add(tier, period, -bytes)
    throw error
  }
}
