import { openMemoryStore } from './memory-store.ts'
import { openWatchedStore, type WatchedStore, type WatchedStoreOptions } from './watched-store.ts'

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
  return { ...openMemoryStore(), trouble: () => undefined }
}
