import { setImmediate as turnEnd } from 'node:timers/promises'
import { HubError } from '../core/errors.ts'
import type { Changes, Store } from './store.ts'

type BatchWriter = Pick<Store, 'write' | 'close'>

/** What is written together, and the promise of everybody who asked for it. */
interface Batch {
  readonly changes: Map<string, Buffer | undefined>
  readonly written: Promise<void>
}

/**
 * Writes what is asked for in one turn of the event loop together: syncing a disk costs about a
 * millisecond, however much it is. While one batch is being written, the next one collects.
 */
export function createBatchWriter(apply: (changes: Changes) => Promise<void>): BatchWriter {
  let next: Batch | undefined
  /** The end of the newest batch, written or not. Who does not wait for it need not catch either. */
  let newest = Promise.resolve()
  let isClosed = false
  const begin = (): Batch => {
    const before = newest
    const changes: Batch['changes'] = new Map()
    const write = async () => {
      await before
      // What else this turn brings belongs to the batch.
      await turnEnd()
      next = undefined
      if (changes.size > 0) await apply(changes)
    }
    const written = write()
    newest = written.catch(() => {})
    return { changes, written }
  }
  return {
    write: (changes) => {
      if (isClosed) return refuse()
      next ??= begin()
      for (const { key, value } of changes) next.changes.set(key, value)
      return next.written
    },
    close: () => {
      isClosed = true
      return newest
    },
  }
}

function refuse(): Promise<void> {
  const sentence = 'expected an open store, got one that was closed'
  const refused = Promise.reject(new HubError('cannot-write-store', sentence))
  refused.catch(() => {})
  return refused
}
