import type { SampledLog } from '../core/sampled-log.ts'
import type { Config } from '../generated/config.ts'
import { createBallast } from './ballast.ts'
import { createStore } from './batched-store.ts'
import { isDiskError } from './broken-store.ts'
import { type DiskWatchOptions, watchDisk } from './disk-watch.ts'
import { openLevelAgain, openLevelEngine, storePath } from './level-store.ts'
import { createPatientEngine } from './patient-engine.ts'
import type { Engine, Store } from './store.ts'

export interface WatchedStoreOptions extends Pick<DiskWatchOptions, 'readRoom' | 'intervalMs'> {
  /** The data folder, as in `level-store.ts`. */
  readonly folder: string
  readonly limits: Readonly<Config['limits']['store']>
  readonly sampledLog: SampledLog
  /** When it aborts, what is written waits no longer: what cannot be written then is refused. */
  readonly ending: AbortSignal
  readonly ballastBytes?: number
}

/** A store that may be unable to write for a while. */
export interface WatchedStore extends Store {
  /** Why it cannot; undefined while it can. */
  trouble(): string | undefined
}

const mebibyte = 1024 * 1024

/** To open a LevelDB takes as much as its logs have: two of 4 MiB, or one of a large batch. */
const usualBallastBytes = 16 * mebibyte

/**
 * Opens the store in a data folder. While its disk has no room, what is written waits.
 *
 * @throws HubError as `openLevelStore`
 */
export async function openWatchedStore(options: WatchedStoreOptions): Promise<WatchedStore> {
  const { folder, limits, sampledLog, ballastBytes = usualBallastBytes } = options
  const ballast = createBallast({ ...options, bytes: ballastBytes })
  const making = async (open: () => Promise<Engine>) => {
    try {
      return await open()
    } catch (error) {
      if (!isDiskError(error) || !(await ballast.giveUp())) throw error
      sampledLog.warn('store-ballast-given-up', {}, 'the disk is full: the ballast made room')
      return open()
    }
  }
  const first = await making(() => openLevelEngine(options))
  const disk = await watchDisk({ ...options, onRoom: ballast.take })
  const open = () => making(() => openLevelAgain(storePath(folder), sampledLog))
  const engine = createPatientEngine(first, { ...options, disk, open })
  const close = async () => {
    disk.close()
    await ballast.close()
    await engine.close()
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
  return { ...store, trouble: engine.trouble }
}
