import { readdirSync, renameSync, rmSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HubError, reasonOf, systemCodeOf } from '../core/errors.ts'
import { syncFolder } from '../core/files.ts'
import { openLog } from '../core/log.ts'
import { createCounters, createSampledLog, type SampledLog } from '../core/sampled-log.ts'
import { isMarked, settleAccount } from './account.ts'
import { reserveFileName } from './disk-room.ts'
import { lockName, withFolder } from './folder-lock.ts'
import { keepAside, levelFile, storePath } from './level-files.ts'
import { openLevelAgain } from './level-store.ts'
import { createStore } from './store.ts'
import { cannotOpen, isLocked } from './store-errors.ts'

/** For a command, which tells by itself what went wrong. */
export function silentLog(): SampledLog {
  return createSampledLog(openLog('silent'), createCounters())
}

export function fileError(
  code: 'unreadable-file' | 'unwritable-file',
  what: string,
  cause: unknown,
): HubError {
  const reason = reasonOf(cause).replace(/,.*/s, '')
  return new HubError(code, `expected to ${what}: ${reason}`, { cause })
}

/** @throws HubError `unreadable-file` */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    throw fileError('unreadable-file', `read the folder ${JSON.stringify(folder)}`, error)
  }
}

/**
 * Checks that a hub has made a store in the folder: LevelDB makes one in any folder, whatever is asked
 * of it.
 *
 * @throws HubError `cannot-open-store` when there is none.
 */
export function checkDataFolder(folder: string): void {
  const path = storePath(folder)
  try {
    if (isStore(path)) return
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw cannotOpen(path, error)
  }
  throw noDataFolder(folder)
}

/** Other programs have folders that are called `store`, too. */
function isStore(path: string): boolean {
  const names = readdirSync(path)
  return names.length === 0 || names.some((name) => levelFile.test(name))
}

function noDataFolder(folder: string): HubError {
  const sentence = `expected a data folder, got ${JSON.stringify(folder)} without a store`
  return new HubError('cannot-open-store', sentence)
}

/**
 * @throws HubError `cannot-open-store` when a hub of an earlier release has the store, which has no lock but LevelDB's:
 * that is known by opening it, after which the store is put back as it was.
 */
async function refuseLocked(path: string): Promise<void> {
  if (isMarked(path)) return
  const aside = keepAside(path)
  try {
    await (await openLevelAgain(path, silentLog())).close()
  } catch (error) {
    if (!isLocked(error)) return aside.putBack()
    aside.drop()
    throw error
  }
  aside.putBack()
}

/** The store, what a restore or a copy has left of one, and stores that were kept aside. */
const storeName = /^store(\.tmp|-before(\.tmp)?|-broken\.tmp|-broken-.*Z|-format-\d+(\.tmp)?)?$/
const auditName = /^commands\.ndjson(\.\d)?$/

/** The logs of commands in a data folder, the newest first. */
export function auditLogsIn(folder: string): string[] {
  return namesIn(folder)
    .filter((name) => auditName.test(name))
    .sort()
    .map((name) => join(folder, name))
}

/** What a hub has made in its data folder; the rest of it is not ours. */
function ownNamesIn(folder: string): string[] {
  return readdirSync(folder).filter((name) =>
    storeName.test(name)
      ? isStore(join(folder, name))
      : name === reserveFileName || name === lockName || auditName.test(name),
  )
}

/**
 * Removes what hubs have kept in a data folder, and returns how many files and folders that were.
 *
 * @throws HubError `cannot-open-store` while a hub uses it, or when it is none; `unwritable-file`
 */
export async function wipeFolder(folder: string): Promise<number> {
  try {
    const names = ownNamesIn(folder)
    if (names.length === 0) throw noDataFolder(folder)
    return await withFolder(folder, async () => {
      if (names.includes('store')) await refuseLocked(storePath(folder))
      for (const name of names) rmSync(join(folder, name), { recursive: true, force: true })
      syncFolder(folder)
      return names.length
    })
  } catch (error) {
    if (error instanceof HubError) throw error
    throw fileError('unwritable-file', `wipe the folder ${JSON.stringify(folder)}`, error)
  }
}

interface Repaired {
  /** How many values were saved, and the bytes they have. */
  readonly values: number
  readonly bytes: number
  /** What of all that was written is not among them, in words; undefined when nothing is known to be. */
  readonly missing: string | undefined
  /** Where the store is kept as it was. */
  readonly asideIn: string
}

/** Who looks on while a store is repaired. */
interface Onlooker {
  /** Called while nothing is changed yet; what it throws ends the repair. */
  step(text: string): void
  tell(text: string): void
}

/**
 * Saves what can be read of a broken store. A copy of it is kept aside first, so that nothing gets
 * worse.
 *
 * @throws HubError `cannot-open-store` while a hub uses it, or when nothing can be read.
 */
export async function repairStore(
  folder: string,
  onlooker: Onlooker = { step: () => {}, tell: () => {} },
  now = new Date(),
): Promise<Repaired> {
  checkDataFolder(folder)
  const path = storePath(folder)
  const asideIn = `${path}-broken-${now.toISOString().replaceAll(/[:.]/g, '-')}`
  return withFolder(folder, async () => {
    await refuseLocked(path)
    await copyAside(path, { asideIn, step: onlooker.step })
    onlooker.tell('reading what can be read')
    await repairLevel(path)
    return { ...(await measure(path, onlooker.tell)), asideIn }
  })
}

async function copyAside(
  path: string,
  { asideIn, step }: { readonly asideIn: string; readonly step: Onlooker['step'] },
): Promise<void> {
  const unfinished = `${path}-broken.tmp`
  const filter = (source: string) => {
    step(`keeping ${source} aside`)
    return true
  }
  try {
    rmSync(unfinished, { recursive: true, force: true })
    await cp(path, unfinished, { recursive: true, filter })
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
async function measure(path: string, tell: Onlooker['tell']): Promise<Omit<Repaired, 'asideIn'>> {
  const engine = await openLevelAgain(path, silentLog())
  const store = createStore(engine)
  try {
    const missing = await settleAccount(engine, path)
    let values = 0
    let bytes = 0
    for await (const [, value] of store.entries('')) {
      values += 1
      bytes += value.length
      tell(`${values} values saved`)
    }
    return { values, bytes, missing }
  } finally {
    await store.close()
  }
}
