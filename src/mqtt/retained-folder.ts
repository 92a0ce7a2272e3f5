/** Puts retained values into the data folder of a hub that does not run: the next one finds them there. */
import type { DeepReadonly } from '../core/json.ts'
import { switchesActuator } from '../core/switching.ts'
import { isTopic } from '../core/topic.ts'
import type { Config } from '../generated/config.ts'
import { silentLog } from '../store/data-folder.ts'
import { openLevelStore } from '../store/level-store.ts'
import type { Change } from '../store/store.ts'
import { createRetainedQuota, readRetained, retainedChange } from './retained.ts'

export interface RetainedValue {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1 | 2
}

/** `command`: it is one by the hub's rule, and those are never retained; `too-much`: past a limit. */
export type Kept = 'kept' | 'command' | 'bad-topic' | 'too-much'

export interface RetainedFolder {
  /** How many values were there before. */
  readonly count: number
  /** Keeps a value in place of the one before, as the hub would; resolves when there is room for more. */
  keep(value: RetainedValue): Promise<Kept>
  /** Waits until all of it is on disk. */
  close(): Promise<void>
}

/** So many bytes go to the disk together. */
const batchBytes = 4 * 1024 * 1024

/**
 * Opens the data folder of a hub; one that is not there is made.
 *
 * @throws HubError `cannot-open-store`, mostly because the hub runs.
 */
export async function openRetainedFolder(
  folder: string,
  limits: DeepReadonly<Pick<Config['limits'], 'retained' | 'topic'>>,
): Promise<RetainedFolder> {
  const store = await openLevelStore({ folder, sampledLog: silentLog() })
  const quota = createRetainedQuota(limits.retained)
  let count = 0
  for await (const { topic, payload } of readRetained(store)) {
    count++
    quota.take(topic, payload.length)
  }
  let changes: Change[] = []
  let bytes = 0
  const flush = async () => {
    const batch = changes
    changes = []
    bytes = 0
    await store.write(batch)
  }
  return {
    count,
    keep: async (value) => {
      if (!isTopic(value.topic, limits.topic)) return 'bad-topic'
      if (switchesActuator(value.topic)) return 'command'
      if (!quota.take(value.topic, value.payload.length)) return 'too-much'
      changes.push(retainedChange(value))
      bytes += value.payload.length
      if (bytes > batchBytes) await flush()
      return 'kept'
    },
    close: async () => {
      try {
        await flush()
      } finally {
        await store.close()
      }
    },
  }
}
