import { setImmediate as endOfTick } from 'node:timers/promises'
import { createListeners } from '../core/callbacks.ts'
import { systemClock } from '../core/clock.ts'
import { HubError } from '../core/errors.ts'
import { guarded } from '../core/guard.ts'

/** Gives a key its value, or takes it away. */
export interface Change {
  readonly key: string
  /** Not changed by anybody from now on; undefined removes the key. */
  readonly value: Buffer | undefined
}

export type Entry = readonly [key: string, value: Buffer]

/**
 * For who keeps values in memory, notes in the same breath where they change, and goes on when that is on disk. What is
 * noted goes with what is written in the same tick, is never refused, and waits as long as the disk takes nothing.
 */
export interface Notes {
  /** Whether what was written is there again when the hub starts again. If not, nothing is noted, and nothing ever waits. */
  readonly isLasting: boolean
  /** The value of `key` from now on; undefined when it has none. */
  note(key: string, value: Buffer | undefined): void
  /**
   * The same for a key that has no value by now. If it is taken away before a write of it was begun,
   * nothing has to be written: so what comes and goes while the disk takes nothing does not add up.
   */
  noteNew(key: string, value: Buffer): void
  /**
   * The same as `note` for what nobody is promised: it is written with what comes next, within 9 s. Each
   * sync costs a disk some 4 KiB, whatever is in it.
   */
  noteLater(key: string, value: Buffer | undefined): void
  /**
   * Calls `done` when all that was noted so far is on disk, at once if it is; in the order of the calls, and
   * not at all once something noted was lost. What is noted for later does not count.
   */
  settled(done: () => void): void
}

/**
 * What the hub keeps: values by key, on disk or in memory. Keys are well-formed text that begins with
 * the name of whose they are, and a slash: `node/nodes/bridge/0`.
 */
export interface Store extends Notes {
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
  /** From now on each batch has this change besides its own. */
  stamp(change: () => Change): void
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
  let stamp: (() => Change) | undefined
  const apply = async (changes: Changes) => {
    const sinceMs = performance.now()
    if (stamp !== undefined) {
      const { key, value } = stamp()
      changes.set(key, value)
    }
    await engine.apply(changes)
    tell(performance.now() - sinceMs)
  }
  const writer = new BatchWriter(apply, limit)
  const notes = engine.isLasting ? writer : noNotes
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
    note: notes.note,
    noteNew: notes.noteNew,
    noteLater: notes.noteLater,
    settled: notes.settled,
    stamp: (change) => {
      stamp = change
    },
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

/** What is written and noted together. */
interface Batch {
  readonly changes: Changes
  /** Keys that have no value on disk, nor in a batch before. */
  readonly newKeys: Set<string>
  /** Who is called when it is there. */
  readonly waiting: (() => void)[]
  /** What everybody has who writes, and not only notes. */
  written: Promise<void> | undefined
  /** Ends that, with an error or without one. */
  end: (error?: unknown) => void
  /** Of what was written. */
  bytes: number
  /** Whether something is in it that does not wait. */
  isDue: boolean
}

function newBatch(): Batch {
  const lists = { changes: new Map(), newKeys: new Set<string>(), waiting: [] }
  return { ...lists, written: undefined, end: () => {}, bytes: 0, isDue: false }
}

/** Whether nothing is to be written, and nobody waits: not even for what was taken back again. */
function isEmpty({ changes, waiting, written }: Batch): boolean {
  return changes.size + waiting.length === 0 && written === undefined
}

function promiseOf(batch: Batch): Promise<void> {
  batch.written ??= new Promise((resolve, reject) => {
    batch.end = (error) => (error === undefined ? resolve() : reject(error))
  })
  // Who does not wait for it need not catch either.
  batch.written.catch(() => {})
  return batch.written
}

/** What may wait for a slow or full disk. */
interface WaitingLimit {
  readonly maxBytes: number
  /** Called for each write that is refused. */
  onRefused(): void
}

/** How long what nobody is promised may wait for a batch: 10 s, of which it has taken one to be noted. */
const laterMs = 9000

const noNotes: Omit<Notes, 'isLasting'> = {
  note: () => {},
  noteNew: () => {},
  noteLater: () => {},
  settled: (done) => done(),
}

/**
 * Writes what is asked for in one tick together: syncing a disk costs about a millisecond, however much
 * it is. While one batch is being written, the next one collects.
 */
class BatchWriter implements Omit<Notes, 'isLasting'>, Pick<Store, 'write' | 'close'> {
  readonly #apply: (changes: Changes) => Promise<void>
  readonly #limit: WaitingLimit | undefined
  #next = newBatch()
  #current: Batch | undefined
  #writing: Promise<void> | undefined
  #cancelLater: (() => void) | undefined
  #isClosed = false
  /** Whether a batch was not written. */
  #isLost = false

  constructor(apply: (changes: Changes) => Promise<void>, limit: WaitingLimit | undefined) {
    this.#apply = apply
    this.#limit = limit
  }

  readonly write: Store['write'] = (changes) => {
    if (this.#isClosed) return refuse('expected an open store, got one that was closed')
    const limit = this.#limit
    if (limit !== undefined && isTooMuch(changes, this.#next, limit)) {
      limit.onRefused()
      return refuse(`expected at most ${limit.maxBytes} bytes to wait for the disk, got more`)
    }
    for (const change of changes) add(change, this.#next)
    const written = promiseOf(this.#next)
    this.#hurry()
    return written
  }

  readonly note: Notes['note'] = (key, value) => {
    if (this.#isClosed) return
    this.#change(key, value)
    this.#hurry()
  }

  readonly noteNew: Notes['noteNew'] = (key, value) => {
    if (!this.#next.changes.has(key)) this.#next.newKeys.add(key)
    this.note(key, value)
  }

  readonly noteLater: Notes['noteLater'] = (key, value) => {
    if (this.#isClosed) return
    this.#change(key, value)
    if (!this.#next.isDue) this.#cancelLater ??= systemClock.after(laterMs, () => this.#hurry())
  }

  readonly settled: Notes['settled'] = (done) => {
    const last = this.#next.isDue && !isEmpty(this.#next) ? this.#next : this.#current
    if (last !== undefined) last.waiting.push(done)
    else if (!this.#isLost) done()
  }

  readonly close = async (): Promise<void> => {
    this.#isClosed = true
    if (!isEmpty(this.#next)) this.#hurry()
    await this.#writing
  }

  #change(key: string, value: Buffer | undefined): void {
    const { newKeys, changes } = this.#next
    if (value === undefined && newKeys.delete(key)) changes.delete(key)
    else changes.set(key, value)
  }

  #hurry(): void {
    this.#next.isDue = true
    this.#writing ??= this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    while (this.#next.isDue && !isEmpty(this.#next)) {
      // What else this tick brings belongs to the batch.
      await endOfTick()
      this.#cancelLater?.()
      this.#cancelLater = undefined
      const batch = this.#next
      this.#current = batch
      this.#next = newBatch()
      await this.#writeOne(batch)
    }
    this.#writing = undefined
    // All that was due may have been taken back.
    if (isEmpty(this.#next)) this.#next.isDue = false
  }

  async #writeOne({ changes, waiting, end }: Batch): Promise<void> {
    let failure: unknown
    try {
      if (changes.size > 0) await this.#apply(changes)
    } catch (error) {
      this.#isLost = true
      failure = error
    }
    // What was noted before may be lost as well: nobody is told otherwise. Who waits from here on is called behind them.
    if (!this.#isLost) for (const done of waiting) guarded(done)
    this.#current = undefined
    end(failure)
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
