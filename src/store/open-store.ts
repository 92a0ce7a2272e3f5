import { existsSync } from 'node:fs'
import { HubError, reasonOf } from '../core/errors.ts'
import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import {
  createReserveFile,
  type DiskWatch,
  type DiskWatchOptions,
  type ReserveFile,
  watchDisk,
} from './disk-room.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import { storePath } from './level-files.ts'
import { accounted, openLevelAgain, openLevelEngine } from './level-store.ts'
import { openMemoryStore } from './memory-store.ts'
import { createStore, type Engine, type Store } from './store.ts'
import { isFull } from './store-errors.ts'

/**
 * Opens the store in the data folder, or one in memory when there is none.
 *
 * @throws HubError `cannot-open-store`
 */
export async function openStore(
  folder: string | undefined,
  options: Omit<WatchedStoreOptions, 'folder'>,
): Promise<WatchedStore> {
  if (folder) return openWatchedStore({ ...options, folder })
  return { ...openMemoryStore(), error: () => undefined }
}

interface WatchedStoreOptions extends Pick<DiskWatchOptions, 'readRoom' | 'intervalMs'> {
  /** The data folder, as in `level-store.ts`. */
  readonly folder: string
  readonly limits: Readonly<Config['limits']['store']>
  readonly sampledLog: SampledLog
  /** When it aborts, what is written waits no longer: what cannot be written then is refused. */
  readonly ending: AbortSignal
  readonly reserveBytes?: number
}

/** A store that may be unable to write for a while. */
export interface WatchedStore extends Store {
  /** Why it cannot; undefined while it can. */
  error(): string | undefined
}

const mebibyte = 1024 * 1024

/** To open a LevelDB takes as much as its logs have: two of 4 MiB, or one of a large batch. */
const usualReserveBytes = 16 * mebibyte

/**
 * Opens the store in a data folder. While its disk has no room, what is written waits.
 *
 * @throws HubError as `openLevelStore`
 */
export async function openWatchedStore(options: WatchedStoreOptions): Promise<WatchedStore> {
  const { folder, sampledLog, reserveBytes = usualReserveBytes } = options
  const reserve = createReserveFile({ ...options, bytes: reserveBytes })
  const making = async <T>(open: () => Promise<T>) => {
    try {
      return await open()
    } catch (error) {
      if (!isFull(error) || !(await reserve.giveUp())) throw error
      sampledLog.warn('store-reserve-given-up', {}, 'the disk is full: the reserve made room')
      return open()
    }
  }
  const lock = await making(() => lockFolder(folder))
  try {
    checkRestored(folder)
    return await openLocked(options, { lock, reserve, making })
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Nobody who has begun to restore a backup wants an empty hub in its place. */
function checkRestored(folder: string): void {
  const path = storePath(folder)
  if (existsSync(path) || !existsSync(`${path}.tmp`)) return
  const sentence = `expected the data folder ${JSON.stringify(folder)} to have a store, got a restore that was cut off`
  const fix = 'restore the backup again, or "clown-hub wipe" what there is of it'
  throw new HubError('cannot-open-store', `${sentence}: ${fix}`)
}

interface Making {
  readonly lock: FolderLock
  readonly reserve: ReserveFile
  /** Opens something; a full disk gives up the reserve for it. */
  making<T>(open: () => Promise<T>): Promise<T>
}

async function openLocked(
  options: WatchedStoreOptions,
  { lock, reserve, making }: Making,
): Promise<WatchedStore> {
  const { folder, limits, sampledLog } = options
  const first = await making(() => openLevelEngine(options))
  const lookAtFolder = lock.look
  const disk = await watchDisk({ ...options, lookAtFolder, onRoom: reserve.take })
  const open = () => making(() => openLevelAgain(storePath(folder), sampledLog))
  const { isThere } = lock
  const retrying = createRetryingEngine(first.engine, { ...options, disk, open, isThere })
  const engine = tellingLoss(accounted(retrying, first.accounting))
  const close = async () => {
    disk.close()
    await reserve.close()
    try {
      await engine.close()
    } finally {
      lock.release()
    }
  }
  const store = createStore(
    { ...engine, close },
    {
      maxBytes: limits.waitingMiB * mebibyte,
      onRefused: () =>
        sampledLog.warn(
          'store-write-refused',
          {},
          'too much waits for the disk: a write was refused',
        ),
    },
  )
  return { ...store, error: retrying.error }
}

/** The same engine; closing it throws when something was given up, which happens at the end only. */
function tellingLoss(engine: Engine): Engine {
  let lost = 0
  return {
    ...engine,
    apply: async (changes) => {
      try {
        await engine.apply(changes)
      } catch (error) {
        lost += changes.size
        throw error
      }
    },
    close: async () => {
      await engine.close()
      if (lost === 0) return
      const sentence = `expected to write everything before the end, got a disk that did not take ${lost} values`
      throw new HubError('cannot-write-store', sentence)
    },
  }
}

interface RetryOptions {
  readonly disk: Pick<DiskWatch, 'error' | 'nextLook'>
  /** From when on a write that cannot be done is given up. */
  readonly ending: AbortSignal
  /** Opens what was closed again. */
  open(): Promise<Engine>
  /** Whether what was written is where the next hub looks for it, and not in a folder that was removed. */
  isThere(): boolean
}

/** An engine whose writes wait until they can be done. */
interface RetryingEngine extends Engine {
  /** Why nothing can be written now. */
  error(): string | undefined
}

/**
 * Lets writes wait while the disk has no room, and tries again each second what could not be written.
 * LevelDB is opened anew then: after an error its log may end with half a record, and what would be
 * written behind that would be lost the next time it is read.
 */
export function createRetryingEngine(first: Engine, options: RetryOptions): RetryingEngine {
  const { disk, ending } = options
  const engine = reopening(first, options.open)
  let failure: string | undefined
  const tryOnce = async (changes: Parameters<Engine['apply']>[0]) => {
    try {
      const current = await engine.current()
      await current.apply(changes)
      if (!options.isThere()) throw new Error('the data folder is gone')
      failure = undefined
    } catch (error) {
      // The path is for the log alone.
      const reason = reasonOf(error).replace(/^.*: /s, '')
      failure = `the store could not be written: ${reason}`
      await engine.renew()
      if (ending.aborted) throw error
      await disk.nextLook()
    }
  }
  return {
    ...first,
    get: async (key) => (await engine.current()).get(key),
    entries: async function* (prefix) {
      yield* (await engine.current()).entries(prefix)
    },
    clear: async (prefix) => (await engine.current()).clear(prefix),
    apply: async (changes) => {
      do {
        while (disk.error() !== undefined && !ending.aborted) await disk.nextLook()
        await tryOnce(changes)
      } while (failure !== undefined)
    },
    error: () => disk.error() ?? failure,
    close: engine.close,
  }
}

/** One engine after the other, never two at once. */
function reopening(first: Engine, open: () => Promise<Engine>) {
  let opened: Promise<Engine> | undefined = Promise.resolve(first)
  const begin = (from: () => Promise<Engine>) => {
    const opening = from()
    opened = opening
    opening.catch(() => {
      // Whoever needs it next tries again.
      opened = undefined
    })
    return opening
  }
  const closed = async (before: Promise<Engine> | undefined) => {
    const engine = await before?.catch(() => undefined)
    await engine?.close()
  }
  return {
    current: () => opened ?? begin(open),
    /** Does not throw: who asks for `current` next learns why it could not be opened. */
    renew: async () => {
      const before = opened
      await begin(() => closed(before).then(open)).catch(() => {})
    },
    close: () => closed(opened),
  }
}
