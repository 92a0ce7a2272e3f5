import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ClassicLevel } from 'classic-level'
import { HubError, reasonOf, systemCodeOf } from '../core/errors.ts'
import { syncFolder } from '../core/files.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { checkFormat, type Migration, migrations } from './format.ts'
import { type Changes, createStore, type Engine, type Entry, type Store } from './store.ts'

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
  return createStore(await openLevelEngine(options))
}

/** What keeps the values of that store; throws the same. */
export async function openLevelEngine(options: LevelStoreOptions): Promise<Engine> {
  const path = storePath(options.folder)
  const engine = await openLevel(path, options.sampledLog)
  try {
    const copy = (format: number) => copyTo(`${path}-format-${format}`, engine, options.sampledLog)
    await checkFormat(engine, { migrations, ...options, path, copy })
    return engine
  } catch (error) {
    await engine.close()
    throw error
  }
}

/** Where a data folder has its LevelDB. */
export function storePath(folder: string): string {
  return join(folder, 'store')
}

/**
 * Opens a LevelDB; one that is not there is made first.
 *
 * @throws HubError `cannot-open-store`
 */
export async function openLevel(path: string, sampledLog: SampledLog): Promise<Engine> {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return await openThere(path, sampledLog, { createIfMissing: !hasValues(path) })
  } catch (thrown) {
    throw cannotOpen(path, thrown)
  }
}

/** The same, but one that is not there is an error. */
export async function openLevelAgain(path: string, sampledLog: SampledLog): Promise<Engine> {
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
): Promise<Engine> {
  // Only who has a data folder needs the binary.
  const { ClassicLevel } = await import('classic-level')
  const encodings = { keyEncoding: 'utf8', valueEncoding: 'buffer' } as const
  const level: Level = new ClassicLevel(path, { ...encodings, ...options })
  await level.open()
  return tellingReads(engineOf(level, sampledLog), path)
}

/** LevelDB takes a folder that has lost its file CURRENT for a new one, and removes what is in it. */
function hasValues(path: string): boolean {
  return readdirSync(path).some((name) => /^\d+\.(ldb|sst|log)$/.test(name))
}

function engineOf(level: Level, sampledLog: SampledLog): Engine {
  return {
    isLasting: true,
    get: (key) => level.get(key),
    entries: async function* (prefix) {
      for await (const entry of level.iterator({ gte: prefix })) {
        if (!entry[0].startsWith(prefix)) return
        yield entry
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
      // The slash at the end becomes the character after it.
      const end = `${prefix.slice(0, -1)}0`
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

/** Whether a store could not be opened because somebody else has it open. */
export function isLocked(error: unknown): boolean {
  return error instanceof HubError && systemCodeOf(error.cause) === 'LEVEL_LOCKED'
}

/** Whether a store could not be opened because of its disk, which may be full. */
export function isDiskError(error: unknown): boolean {
  return error instanceof HubError && systemCodeOf(error.cause) === 'LEVEL_IO_ERROR'
}

const repair = '"clown-hub repair --data DIR" saves what can be read'

/** What is to be done about what LevelDB says. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [/^Corruption|No such file|create_if_missing is false/, repair],
  [/No space left|quota exceeded/, 'make room on its disk'],
]

/** Tells why the LevelDB in `path` was not opened, and what to do about it. */
export function cannotOpen(path: string, thrown: unknown): HubError {
  // LevelDB's own reason is the cause of what the package throws.
  const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown
  if (systemCodeOf(cause) === 'LEVEL_LOCKED') {
    const sentence = `expected no other hub to use the store ${JSON.stringify(path)}, but one does`
    const fix = 'end it, or choose another data folder'
    return new HubError('cannot-open-store', `${sentence}: ${fix}`, { cause })
  }
  const sentence = `expected to open the store ${JSON.stringify(path)}: ${withRemedy(cause)}`
  return new HubError('cannot-open-store', sentence, { cause })
}

function withRemedy(cause: unknown): string {
  const reason = reasonOf(cause)
  const remedy = remedies.find(([pattern]) => pattern.test(reason))
  return remedy === undefined ? reason : `${reason}; ${remedy[1]}`
}

/**
 * The same engine, whose reads throw sentences.
 *
 * @throws HubError `cannot-read-store`
 */
function tellingReads(engine: Engine, path: string): Engine {
  const cannotRead = (cause: unknown) => {
    const sentence = `expected to read the store ${JSON.stringify(path)}: ${withRemedy(cause)}`
    return new HubError('cannot-read-store', sentence, { cause })
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
    entries: async function* (prefix) {
      try {
        yield* engine.entries(prefix)
      } catch (cause) {
        throw cannotRead(cause)
      }
    },
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
  let changes = new Map<string, Buffer>()
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
