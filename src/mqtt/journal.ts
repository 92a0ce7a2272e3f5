import { setTimeout as pause, setImmediate as turnEnd } from 'node:timers/promises'
import type { Entry, Store } from '../store/store.ts'

/**
 * What the broker keeps lives in memory. Wherever that changes, it is noted here, under a key and in the
 * same breath; the store has it soon after. A promise to a client leaves when what was noted before it
 * is on disk.
 */
export interface Journal {
  /** Whether anything outlives the hub. If not, nothing has to be noted, and nothing ever waits. */
  readonly isLasting: boolean
  /** The value of `key` from now on; undefined when it has none. What one turn notes is kept as one. */
  note(key: string, value: Buffer | undefined): void
  /**
   * The same for a key that has no value by now. If it is taken away before a write of it was begun,
   * nothing has to be written: so what comes and goes while the disk takes nothing does not add up.
   */
  noteNew(key: string, value: Buffer): void
  /**
   * Calls `done` when all that was noted so far is on disk, at once if it is; in the order of the
   * calls. While the disk takes nothing, nothing is called: it is tried again every second.
   */
  settled(done: () => void): void
  /** What an earlier hub has noted. */
  entries(prefix: string): AsyncIterable<Entry>
  /** Waits for what was noted, unless the disk does not take it. What is noted later is lost. */
  close(): Promise<void>
}

/** How long a disk that did not take a batch is left alone. */
const retryMs = 1000

interface Batch {
  readonly changes: Map<string, Buffer | undefined>
  /** Keys that have no value on disk, nor in a batch before. */
  readonly newKeys: Set<string>
  /** Who waits for it. */
  readonly waiting: (() => void)[]
}

function newBatch(): Batch {
  return { changes: new Map(), newKeys: new Set(), waiting: [] }
}

/** Whether nothing is to be written, and nobody waits: not even for what was taken back again. */
function isEmpty({ changes, waiting }: Batch): boolean {
  return changes.size + waiting.length === 0
}

/** The journal in `store`; one that never has anything to wait for when that ends with the hub. */
export function openJournal(store: Store): Journal {
  return store.isLasting ? createJournal(store) : noJournal
}

const noJournal: Journal = {
  isLasting: false,
  note: () => {},
  noteNew: () => {},
  settled: (done) => done(),
  entries: async function* () {},
  close: async () => {},
}

function createJournal(store: Store): Journal {
  let next = newBatch()
  let current: Batch | undefined
  let isClosed = false
  let writing: Promise<void> | undefined
  /** Goes on trying; answers false when the journal was closed meanwhile. */
  const isTaken = async (batch: Batch) => {
    while (!(await isWritten(store, batch))) {
      if (isClosed) return false
      await pause(retryMs)
    }
    return true
  }
  const writeAll = async () => {
    await turnEnd()
    while (!isEmpty(next)) {
      current = next
      next = newBatch()
      if (!(await isTaken(current))) break
      for (const done of current.waiting) done()
    }
    current = undefined
    writing = undefined
  }
  const note: Journal['note'] = (key, value) => {
    if (isClosed) return
    if (value === undefined && next.newKeys.delete(key)) next.changes.delete(key)
    else next.changes.set(key, value)
    writing ??= writeAll()
  }
  return {
    isLasting: true,
    note,
    noteNew: (key, value) => {
      if (!next.changes.has(key)) next.newKeys.add(key)
      note(key, value)
    },
    settled: (done) => {
      const last = isEmpty(next) ? current : next
      if (last === undefined) done()
      else last.waiting.push(done)
    },
    entries: store.entries,
    close: async () => {
      isClosed = true
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
