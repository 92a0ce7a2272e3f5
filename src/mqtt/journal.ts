import { setImmediate as endOfTick, setTimeout as pause } from 'node:timers/promises'
import { type AlarmClock, steadyMs, systemClock } from '../core/clock.ts'
import { guarded } from '../core/guard.ts'
import type { Entry, Store } from '../store/store.ts'

/**
 * What the broker keeps lives in memory. Wherever that changes, it is noted here, under a key and in the
 * same breath; the store has it soon after. A promise to a client leaves when what was noted before it
 * is on disk.
 */
export interface Journal {
  /** Whether anything outlives the hub. If not, nothing has to be noted, and nothing ever waits. */
  readonly isLasting: boolean
  /** How far the time by which something is noted is ahead of `steadyMs`: it goes on while a hub runs, and only then. */
  readonly aheadMs: number
  /** The value of `key` from now on; undefined when it has none. What one turn notes is kept as one. */
  note(key: string, value: Buffer | undefined): void
  /**
   * The same for a key that has no value by now. If it is taken away before a write of it was begun,
   * nothing has to be written: so what comes and goes while the disk takes nothing does not add up.
   */
  noteNew(key: string, value: Buffer): void
  /**
   * The same as `note` for what nobody is promised: it is written with what is noted next, within 9 s. Each
   * sync costs a disk some 4 KiB, whatever is in it.
   */
  noteLater(key: string, value: Buffer | undefined): void
  /**
   * Calls `done` when all that was noted so far is on disk, at once if it is; in the order of the
   * calls. While the disk takes nothing, nothing is called: it is tried again every second. What is noted
   * for later does not count.
   */
  settled(done: () => void): void
  /** What an earlier hub has noted. */
  entries(prefix: string): AsyncIterable<Entry>
  /** Waits for what was noted, unless the disk does not take it. What is noted later is lost. */
  close(): Promise<void>
}

/** How long a disk that did not take a batch is left alone. */
const retryMs = 1000

/** How long what nobody is promised may wait for a batch: 10 s, of which it has taken one to be noted. */
const laterMs = 9000

interface Batch {
  /** Whether something is in it that does not wait. */
  isDue: boolean
  readonly changes: Map<string, Buffer | undefined>
  /** Keys that have no value on disk, nor in a batch before. */
  readonly newKeys: Set<string>
  /** Who waits for it. */
  readonly waiting: (() => void)[]
}

function newBatch(): Batch {
  return { isDue: false, changes: new Map(), newKeys: new Set(), waiting: [] }
}

/** Whether nothing is to be written, and nobody waits: not even for what was taken back again. */
function isEmpty({ changes, waiting }: Batch): boolean {
  return changes.size + waiting.length === 0
}

/** The journal in `store`; one that never has anything to wait for when that ends with the hub. */
export function openJournal(store: Store, aheadMs = 0): Journal {
  return store.isLasting ? createJournal(store, aheadMs) : noJournal
}

const timeKey = 'hub/time'
const timeEveryMs = 60_000

/**
 * The journal of a hub, whose time goes on where that of the one before ended, whatever the clock of the machine says by
 * now: an absence is as long as hubs have run meanwhile. It is noted with all else, and each minute.
 */
export async function openTimedJournal(
  store: Store,
  clock: Pick<AlarmClock, 'after'> = systemClock,
): Promise<Journal> {
  const stored = (await store.get(timeKey))?.toString()
  const aheadMs = stored === undefined ? 0 : Number(stored) - steadyMs()
  const time = () => Buffer.from(String(Math.ceil(steadyMs() + aheadMs)))
  const write: Store['write'] = (changes) =>
    store.write([...changes, { key: timeKey, value: time() }])
  const journal = openJournal({ ...store, write }, aheadMs)
  let cancel: (() => void) | undefined
  const keepOn = () => {
    cancel = clock.after(timeEveryMs, () => {
      journal.noteLater(timeKey, time())
      keepOn()
    })
  }
  journal.note(timeKey, time())
  keepOn()
  const close = () => {
    cancel?.()
    journal.note(timeKey, time())
    return journal.close()
  }
  return { ...journal, close }
}

const noJournal: Journal = {
  isLasting: false,
  aheadMs: 0,
  note: () => {},
  noteNew: () => {},
  noteLater: () => {},
  settled: (done) => done(),
  entries: async function* () {},
  close: async () => {},
}

function createJournal(store: Store, aheadMs: number): Journal {
  let next = newBatch()
  let current: Batch | undefined
  let isClosed = false
  let writing: Promise<void> | undefined
  let cancelLater: (() => void) | undefined
  /** Goes on trying; answers false when the journal was closed meanwhile. */
  const isTaken = async (batch: Batch) => {
    while (!(await isWritten(store, batch))) {
      if (isClosed) return false
      await pause(retryMs)
    }
    return true
  }
  const writeAll = async () => {
    await endOfTick()
    while (next.isDue && !isEmpty(next)) {
      current = next
      next = newBatch()
      cancelLater?.()
      cancelLater = undefined
      if (!(await isTaken(current))) break
      for (const done of current.waiting) guarded(done)
    }
    current = undefined
    writing = undefined
    // All that was due may have been taken back.
    if (isEmpty(next)) next.isDue = false
  }
  const hurry = () => {
    next.isDue = true
    writing ??= writeAll()
  }
  const change: Journal['note'] = (key, value) => {
    if (value === undefined && next.newKeys.delete(key)) next.changes.delete(key)
    else next.changes.set(key, value)
  }
  const note: Journal['note'] = (key, value) => {
    if (isClosed) return
    change(key, value)
    hurry()
  }
  return {
    isLasting: true,
    aheadMs,
    note,
    noteNew: (key, value) => {
      if (!next.changes.has(key)) next.newKeys.add(key)
      note(key, value)
    },
    noteLater: (key, value) => {
      if (isClosed) return
      change(key, value)
      if (!next.isDue) cancelLater ??= systemClock.after(laterMs, hurry)
    },
    settled: (done) => {
      const last = next.isDue && !isEmpty(next) ? next : current
      if (last === undefined) done()
      else last.waiting.push(done)
    },
    entries: store.entries,
    close: async () => {
      isClosed = true
      if (!isEmpty(next)) hurry()
      await writing
    },
  }
}

/** Tries to write a batch; the store itself tells why it cannot. */
async function isWritten(store: Store, { changes }: Batch): Promise<boolean> {
  try {
    await store.write(Array.from(changes, ([key, value]) => ({ key, value })))
    return true
  } catch {
    return false
  }
}
