import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ClassicLevel } from 'classic-level'
import { HubError, reasonOf } from '../core/errors.ts'
import { syncFolder } from '../core/files.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import { createStore } from './batched-store.ts'
import { cannotOpen, tellingReads } from './broken-store.ts'
import { fillEngine } from './fill-engine.ts'
import { checkFormat, type Migration, migrations } from './format.ts'
import type { Changes, Engine, Store } from './store.ts'

type Level = ClassicLevel<string, Buffer>

export interface LevelStoreOptions {
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
    await fillEngine(to, from.entries(''))
  } finally {
    await to.close()
  }
  rmSync(path, { recursive: true, force: true })
  renameSync(unfinished, path)
  syncFolder(dirname(path))
  sampledLog.warn('store-copied', { path }, 'the store is brought to a new format; this is a copy')
}
