import { setImmediate as turnOver } from 'node:timers/promises'
import { reasonOf } from '../../core/errors.ts'
import { forgetSeries } from './forget-series.ts'
import type { HistoryParts } from './history-parts.ts'
import { historyStateKey } from './keys.ts'
import { moveBlocks } from './move-blocks.ts'
import type { PeriodsState } from './periods.ts'
import { giveUp } from './retention.ts'
import type { OpenBlock, OwnSeries } from './series.ts'
import { blocksToStore, openBlockChange } from './stored-blocks.ts'
import { periodOf } from './tiers.ts'

/** Brings what is in memory to where it stays, and gives up what is too old or too much. */
export interface Keeper {
  restore(): Promise<void>
  maintain(): Promise<void>
  close(): Promise<void>
}

/** So many blocks are moved at a time: others have their turn between them. */
const movedAtOnce = 8

/** Points are only in what is written ahead for so long. */
const storeAfterMs = 300_000

/** In how many steps, a second each, all series that are due together are stored. */
const storeSteps = 60

/** How often it is looked for what is to be given up, in calls of `maintain`. */
const retentionEvery = 60

export function createKeeper(parts: HistoryParts): Keeper {
  const { open, clock, clockWatch, writeAhead, sampledLog } = parts
  let hour = periodOf('raw', clock.wallMs())
  let calls = 0
  let sureTime: number | undefined
  let isClosed = false
  const work = async () => {
    const now = periodOf('raw', clock.wallMs())
    if (now !== hour) open.closeBut(clock.wallMs())
    hour = now
    await moveClosed(parts, () => isClosed)
    await storeDue(parts)
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

/** Stores the series whose points have been in memory for long, some at a time. */
async function storeDue({ open, store, clock, writeAhead, ledger }: HistoryParts): Promise<void> {
  if (!ledger.isLasting) return
  const unstored = open.unstored()
  const most = Math.ceil(unstored.size / storeSteps)
  const due: OwnSeries[] = []
  for (const [series, { sinceMs }] of unstored) {
    if (due.length === most || clock.nowMs() - sinceMs < storeAfterMs) break
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
}

function stateBytes({ periods, open }: HistoryParts): Buffer {
  const state: State = { nextBlock: open.nextId(), ...periods.written() }
  return Buffer.from(JSON.stringify(state))
}

async function restoreState({ store, periods, open }: HistoryParts): Promise<void> {
  const bytes = await store.get(historyStateKey)
  if (bytes === undefined) return
  const state: State = JSON.parse(bytes.toString())
  periods.restore(state)
  open.skip(state.nextBlock)
}
