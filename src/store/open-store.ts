import type { SampledLog } from '../core/sampled-log.ts'
import { openLevelStore } from './level-store.ts'
import { openMemoryStore } from './memory-store.ts'
import type { Store } from './store.ts'

/**
 * Opens the store in the data folder, or one in memory when there is none.
 *
 * @throws HubError `cannot-open-store`
 */
export async function openStore(
  folder: string | undefined,
  sampledLog: SampledLog,
): Promise<Store> {
  return folder ? openLevelStore({ folder, sampledLog }) : openMemoryStore()
}
