import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ClassicLevel } from 'classic-level'
import { HubError, reasonOf } from '../core/errors.ts'
import { syncFolder } from '../core/files.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { type Accounting, type CountedEngine, checkMark, openAccounting } from './account.ts'
import { lockFolder } from './folder-lock.ts'
import { checkFormat, type Migration, migrations } from './format.ts'
import { brokenTable, hasValues, keepAside, storePath, tablesIn } from './level-files.ts'
import {
  afterPrefix,
  type Changes,
  createStore,
  type Engine,
  type Entry,
  type Store,
} from './store.ts'
import { cannotOpen, isLocked, withRemedy } from './store-errors.ts'

type Level = ClassicLevel<string, Buffer>

interface LevelStoreOptions {
  /** The data folder; it is made when it is not there, for its owner only. */
  readonly folder: string
  readonly sampledLog: SampledLog
  /** For tests: as those of `format.ts`. */
  readonly migrations?: readonly Migration[]
}

/**
 * Opens the store in a data folder, a LevelDB in its folder `store`.
 *
 * @throws HubError `cannot-open-store` when another hub has it, a newer version wrote it, or the
 * folder cannot be used.
 */
export async function openLevelStore(options: LevelStoreOptions): Promise<Store> {
  const lock = await lockFolder(options.folder)
  try {
    const { engine, accounting } = await openLevelEngine(options)
    const { close, ...rest } = accounted(engine, accounting)
    return createStore({ ...rest, close: () => close().finally(lock.release) })
  } catch (error) {
    lock.release()
    throw error
  }
}

/** The same engine, which keeps its account. */
export function accounted(engine: Engine, accounting: Accounting): Engine {
  const close = async () => {
    await engine.close()
    await accounting.close()
  }
  return { ...engine, apply: accounting.keeping(engine.apply), close }
}

export interface LevelEngine extends Engine, CountedEngine {}

interface Opened {
  readonly engine: LevelEngine
  readonly accounting: Accounting
}

/** What keeps the values of that store, and its account; throws the same. */
export async function openLevelEngine(options: LevelStoreOptions): Promise<Opened> {
  const path = storePath(options.folder)
  makeFolder(path)
  const { opened, aside } = await openKeeping(path, () => openChecked(path, options))
  aside.drop()
  return opened
}

async function openChecked(path: string, options: LevelStoreOptions): Promise<Opened> {
  const tables = tablesIn(path)
  const engine = await openLevel(path, options.sampledLog)
  return closingOnError(engine, async () => {
    const accounting = await checkWhole(engine, { path, tables })
    const copy = (format: number) => copyTo(`${path}-format-${format}`, engine, options.sampledLog)
    const checked = { ...engine, apply: accounting.keeping(engine.apply) }
    await checkFormat(checked, { migrations, ...options, path, copy })
    return { engine, accounting }
  })
}

/**
 * Opens the store in `path` to read it: it is what it was before when it is closed again.
 *
 * @throws HubError `cannot-open-store`, also when something of it is gone.
 */
export async function openToRead(path: string, sampledLog: SampledLog): Promise<Engine> {
  const { opened: engine, aside } = await openKeeping(path, async () => {
    const tables = tablesIn(path)
    const level = await openLevelAgain(path, sampledLog)
    await closingOnError(level, () => checkWhole(level, { path, tables }))
    return level
  })
  const close = async () => {
    await engine.close()
    aside.putBack()
  }
  return { ...engine, close }
}

/** Opens the store in `path`, which stays as it was when that fails. */
async function openKeeping<T>(path: string, open: () => Promise<T>) {
  const aside = keepAside(path)
  try {
    checkMark(path)
    return { opened: await open(), aside }
  } catch (error) {
    // What somebody else has open is theirs.
    if (isLocked(error)) aside.drop()
    else aside.putBack()
    throw error
  }
}

async function closingOnError<T>(engine: Engine, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    await engine.close()
    throw error
  }
}

interface Files {
  readonly path: string
  /** As they were before it was opened. */
  readonly tables: readonly string[]
}

/** @throws HubError `cannot-open-store` when something is gone. */
async function checkWhole(engine: LevelEngine, { path, tables }: Files): Promise<Accounting> {
  const broken = brokenTable(tables)
  if (broken !== undefined) throw cannotOpen(path, new Error(`Corruption: ${broken} is cut off`))
  return openAccounting(engine, path)
}

/**
 * Opens a LevelDB; one that is not there is made first.
 *
 * @throws HubError `cannot-open-store`
 */
export async function openLevel(path: string, sampledLog: SampledLog): Promise<LevelEngine> {
  makeFolder(path)
  try {
    return await openThere(path, sampledLog, { createIfMissing: !hasValues(path) })
  } catch (thrown) {
    throw cannotOpen(path, thrown)
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (thrown) {
    throw cannotOpen(path, thrown)
  }
}

/** The same, but one that is not there is an error. */
export async function openLevelAgain(path: string, sampledLog: SampledLog): Promise<LevelEngine> {
  try {
    return await openThere(path, sampledLog, { createIfMissing: false })
  } catch (thrown) {
    throw cannotOpen(path, thrown)
  }
}

async function openThere(
  path: string,
  sampledLog: SampledLog,
  options: { readonly createIfMissing: boolean },
): Promise<LevelEngine> {
  // Only who has a data folder needs the binary.
  const { ClassicLevel } = await import('classic-level')
  const encodings = { keyEncoding: 'utf8', valueEncoding: 'buffer' } as const
  const level: Level = new ClassicLevel(path, { ...encodings, ...options })
  await level.open()
  return tellingReads(engineOf(level, sampledLog), path)
}

const keysAtOnce = 1000

function engineOf(level: Level, sampledLog: SampledLog): LevelEngine {
  return {
    isLasting: true,
    get: (key) => level.get(key),
    entries: async function* (prefix) {
      // LevelDB tells of what it could not read where a range ends, and only there.
      yield* level.iterator(prefix === '' ? {} : { gte: prefix, lt: afterPrefix(prefix) })
    },
    keys: async function* (range) {
      const iterator = level.keys({ ...range, fillCache: false })
      try {
        for (;;) {
          const some = await iterator.nextv(keysAtOnce)
          if (some.length === 0) return
          yield some
        }
      } finally {
        await iterator.close()
      }
    },
    apply: async (changes) => {
      try {
        await batchOf(level, changes).write({ sync: true })
      } catch (cause) {
        throw cannotWrite(level, cause, sampledLog)
      }
    },
    clear: async (prefix) => {
      const end = afterPrefix(prefix)
      try {
        await level.clear({ gte: prefix, lt: end })
        // LevelDB gives room back only when it comes by those keys again, which may be never.
        await level.compactRange(prefix, end)
      } catch (cause) {
        throw cannotWrite(level, cause, sampledLog)
      }
    },
    close: () => level.close(),
  }
}

function cannotWrite(level: Level, cause: unknown, sampledLog: SampledLog): HubError {
  const reason = reasonOf(cause)
  sampledLog.warn('store-write-failed', { reason }, 'the store could not be written')
  const sentence = `expected to write to the store ${JSON.stringify(level.location)}: ${reason}`
  return new HubError('cannot-write-store', sentence, { cause })
}

/** One by one: given as a list, they cost eight times as much. */
function batchOf(level: Level, changes: Changes) {
  const batch = level.batch()
  for (const [key, value] of changes) {
    if (value === undefined) batch.del(key)
    else batch.put(key, value)
  }
  return batch
}

/** Makes a store in the folder `path` that holds the same, in place of one that is there. */
async function copyTo(path: string, from: Engine, sampledLog: SampledLog): Promise<void> {
  const unfinished = `${path}.tmp`
  rmSync(unfinished, { recursive: true, force: true })
  const to = await openLevel(unfinished, sampledLog)
  try {
    await copyInto(to, from.entries(''))
  } finally {
    await to.close()
  }
  rmSync(path, { recursive: true, force: true })
  renameSync(unfinished, path)
  syncFolder(dirname(path))
  sampledLog.warn('store-copied', { path }, 'the store is brought to a new format; this is a copy')
}

/**
 * The same engine, whose reads throw sentences.
 *
 * @throws HubError `cannot-read-store`
 */
function tellingReads(engine: LevelEngine, path: string): LevelEngine {
  const cannotRead = (cause: unknown) => {
    const sentence = `expected to read the store ${JSON.stringify(path)}: ${withRemedy(cause)}`
    return new HubError('cannot-read-store', sentence, { cause })
  }
  const told = async function* <T>(read: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* read
    } catch (cause) {
      throw cannotRead(cause)
    }
  }
  return {
    ...engine,
    get: async (key) => {
      try {
        return await engine.get(key)
      } catch (cause) {
        throw cannotRead(cause)
      }
    },
    entries: (prefix) => told(engine.entries(prefix)),
    keys: (range) => told(engine.keys(range)),
  }
}

/** How much is written at a time. */
const batchBytes = 1024 * 1024

/** Writes all `entries` into `engine`, and returns how many there were. */
export async function copyInto(
  engine: Pick<Engine, 'apply'>,
  entries: AsyncIterable<Entry>,
): Promise<number> {
  let count = 0
  let bytes = 0
  let changes: Changes = new Map()
  for await (const [key, value] of entries) {
    count += 1
    changes.set(key, value)
    bytes += value.length
    if (bytes < batchBytes) continue
    await engine.apply(changes)
    changes = new Map()
    bytes = 0
  }
  await engine.apply(changes)
  return count
}
