import { setImmediate as endOfTick } from 'node:timers/promises'
import { createListeners } from '../core/callbacks.ts'
import { HubError } from '../core/errors.ts'

/** Gives a key its value, or takes it away. */
export interface Change {
  readonly key: string
  /** Not changed by anybody from now on; undefined removes the key. */
  readonly value: Buffer | undefined
}

export type Entry = readonly [key: string, value: Buffer]

/**
 * What the hub keeps: values by key, on disk or in memory. Keys are well-formed text that begins with
 * the name of whose they are, and a slash: `node/nodes/bridge/0`.
 */
export interface Store {
  /** Whether what was written is there again when the hub starts again. */
  readonly isLasting: boolean
  /** What was written; a value that is on its way to the disk is not there yet. */
  get(key: string): Promise<Buffer | undefined>
  /** All whose keys begin with `prefix`, in the order of their bytes, as they are at the first step. */
  entries(prefix: string): AsyncIterable<Entry>
  /**
   * Resolves when the changes are on disk, in the order of the calls; rejects when none of them is.
   * All changes of one tick come there together or not at all; without any it
   * resolves when those before are there. Nobody has to catch the rejection.
   *
   * @throws HubError `cannot-write-store`
   */
  write(changes: readonly Change[]): Promise<void>
  /**
   * Takes away all whose keys begin with `prefix`, which ends with a slash, and gives back their room.
   * Not in order with what is written.
   *
   * @throws HubError `cannot-write-store`
   */
  clear(prefix: string): Promise<void>
  /** Calls `listener` with how long each batch took to be on disk, in milliseconds; what it returns ends that. */
  onWritten(listener: (ms: number) => void): () => void
  /** Waits for what is being written. Nothing may be asked of the store afterwards. */
  close(): Promise<void>
}

/** Changes by key: of several, the last one. They belong to whoever applies them. */
export type Changes = Map<string, Buffer | undefined>

/** What a store keeps its values in. */
export interface Engine extends Pick<Store, 'isLasting' | 'get' | 'entries' | 'clear' | 'close'> {
  /** Resolves when all changes are on disk; is not called again before. */
  apply(changes: Changes): Promise<void>
}

/** Under this key a store keeps its own format: how keys and values are to be read. */
export const formatKey = 'format'

/** Under this key it keeps a record of what it has, as `account.ts` writes it. */
export const accountKey = 'account'

/**
 * Values that are read when somebody asks for them: there are too many of the history's to be counted at each start,
 * and reading them says what is broken.
 */
export const uncounted = ['history/hour/', 'history/minute/', 'history/raw/']

/** Whether keys that begin so are in no account. */
export function isUncounted(key: string): boolean {
  return uncounted.some((prefix) => key.startsWith(prefix))
}

/** A store that keeps its values in `engine`, and writes a batch a tick. */
export function createStore(engine: Engine, limit?: WaitingLimit): Store {
  const { add: onWritten, tell } = createListeners<[ms: number]>()
  const apply = async (changes: Changes) => {
    const sinceMs = performance.now()
    await engine.apply(changes)
    tell(performance.now() - sinceMs)
  }
  const writer = createBatchWriter(apply, limit)
  /** The account, which goes with what is written, has to know. */
  const clearCounted = async (prefix: string) => {
    const gone: Change[] = []
    for await (const [key] of engine.entries(prefix)) gone.push({ key, value: undefined })
    await writer.write(gone)
  }
  let closing: Promise<void> | undefined
  return {
    isLasting: engine.isLasting,
    get: engine.get,
    entries: async function* (prefix) {
      for await (const entry of engine.entries(prefix)) if (!isOwn(entry[0])) yield entry
    },
    write: writer.write,
    clear: (prefix) => (isUncounted(prefix) ? engine.clear(prefix) : clearCounted(prefix)),
    onWritten,
    close: () => {
      closing ??= writer.close().then(engine.close)
      return closing
    },
  }
}

/** Whether a key is the store's own, and not one of what is kept in it. */
export function isOwn(key: string): boolean {
  return key === formatKey || key === accountKey
}

/** The first key after all that begin with `prefix`, whose last character is one of ASCII. */
export function afterPrefix(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}

type BatchWriter = Pick<Store, 'write' | 'close'>

/** What is written together, and the promise of everybody who asked for it. */
interface Batch {
  readonly changes: Map<string, Buffer | undefined>
  readonly written: Promise<void>
  /** Of its keys and values. */
  bytes: number
}

/** What may wait for a slow or full disk. */
interface WaitingLimit {
  readonly maxBytes: number
  /** Called for each write that is refused. */
  onRefused(): void
}

/**
 * Writes what is asked for in one tick together: syncing a disk costs about a millisecond, however much
 * it is. While one batch is being written, the next one collects.
 */
function createBatchWriter(
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
      // What else this tick brings belongs to the batch.
      await endOfTick()
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
