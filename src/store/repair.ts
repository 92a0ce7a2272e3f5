import { cpSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { syncFolder } from '../core/files.ts'
import { createStore } from './batched-store.ts'
import { cannotOpen } from './broken-store.ts'
import { refuseLocked, silentLog } from './data-folder.ts'
import { openLevelAgain, storePath } from './level-store.ts'

export interface Repaired {
  /** How many values were saved, and the bytes they have. */
  readonly values: number
  readonly bytes: number
  /** Where the store is kept as it was. */
  readonly asideIn: string
}

/**
 * Saves what can be read of a broken store. A copy of it is kept aside first, so that nothing gets
 * worse.
 *
 * @throws HubError `cannot-open-store` while a hub uses it, or when nothing can be read.
 */
export async function repairStore(folder: string, now = new Date()): Promise<Repaired> {
  await refuseLocked(folder)
  const path = storePath(folder)
  const asideIn = `${path}-broken-${now.toISOString().replaceAll(/[:.]/g, '-')}`
  copyAside(path, asideIn)
  await repairLevel(path)
  return { ...(await measure(path)), asideIn }
}

function copyAside(path: string, asideIn: string): void {
  const unfinished = `${path}-broken.tmp`
  try {
    rmSync(unfinished, { recursive: true, force: true })
    cpSync(path, unfinished, { recursive: true })
    renameSync(unfinished, asideIn)
    syncFolder(dirname(path))
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true })
    throw cannotOpen(path, error)
  }
}

async function repairLevel(path: string): Promise<void> {
  const { ClassicLevel } = await import('classic-level')
  try {
    await ClassicLevel.repair(path)
  } catch (error) {
    throw cannotOpen(path, error)
  }
}

/** Reads all of it, so that nobody finds out later that it cannot be. */
async function measure(path: string): Promise<{ values: number; bytes: number }> {
  const store = createStore(await openLevelAgain(path, silentLog()))
  try {
    let values = 0
    let bytes = 0
    for await (const [, value] of store.entries('')) {
      values += 1
      bytes += value.length
    }
    return { values, bytes }
  } finally {
    await store.close()
  }
}
