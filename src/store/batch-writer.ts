import { setImmediate as turnEnd } from 'node:timers/promises'
import { HubError } from '../core/errors.ts'
import type { Change, Changes, Store } from './store.ts'

type BatchWriter = Pick<Store, 'write' | 'close'>

/** What is written together, and the promise of everybody who asked for it. */
interface Batch {
  readonly changes: Map<string, Buffer | undefined>
  readonly written: Promise<void>
  /** Of its keys and values. */
  bytes: number
}

/** What may wait for a slow or full disk. */
export interface WaitingLimit {
  readonly maxBytes: number
  /** Called for each write that is refused. */
  onRefused(): void
}

/**
 * Writes what is asked for in one turn of the event loop together: syncing a disk costs about a
 * millisecond, however much it is. While one batch is being written, the next one collects.
 */
export function createBatchWriter(
  apply: (changes: Changes) => Promise<void>,
  limit?: WaitingLimit,
): BatchWriter {
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
    return { changes, written, bytes: 0 }
  }
  return {
    write: (changes) => {
      if (isClosed) return refuse('expected an open store, got one that was closed')
      next ??= begin()
      if (limit !== undefined && isTooMuch(changes, next, limit)) {
        limit.onRefused()
        return refuse(`expected at most ${limit.maxBytes} bytes to wait for the disk, got more`)
      }
      for (const change of changes) add(change, next)
      return next.written
    },
    close: () => {
      isClosed = true
      return newest
    },
  }
}

/** What is large by itself has to be written all the same. */
function isTooMuch(changes: readonly Change[], { bytes }: Batch, { maxBytes }: WaitingLimit) {
  const isAlone = bytes === 0
  return !isAlone && changes.reduce((sum, change) => sum + bytesOf(change), bytes) > maxBytes
}

function add(change: Change, batch: Batch): void {
  const { key, value } = change
  if (batch.changes.has(key)) batch.bytes -= bytesOf({ key, value: batch.changes.get(key) })
  batch.changes.set(key, value)
  batch.bytes += bytesOf(change)
}

function bytesOf({ key, value }: Change): number {
  return key.length + (value?.length ?? 0)
}

function refuse(sentence: string): Promise<void> {
  const refused = Promise.reject(new HubError('cannot-write-store', sentence))
  refused.catch(() => {})
  return refused
}
