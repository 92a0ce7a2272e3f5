import { randomBytes } from 'node:crypto'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HubError, systemCodeOf } from '../core/errors.ts'
import { syncFolder } from '../core/files.ts'
import { backupLines, readBackup } from './backup.ts'
import { createStore } from './batched-store.ts'
import { checkDataFolder, fileError, namesIn, silentLog } from './data-folder.ts'
import { fillEngine } from './fill-engine.ts'
import { openLevel, openLevelAgain, storePath } from './level-store.ts'

/**
 * Writes a backup to a file for its owner only, and answers how many values it has. The file is there
 * when it is whole, and not before; it takes the place of another one.
 *
 * @throws HubError `unwritable-file`, and what `lines` throws.
 */
export async function saveBackup(
  file: string,
  lines: AsyncIterable<string | Uint8Array>,
): Promise<number> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await writeFile(temporary, lines, { flag: 'wx', mode: 0o600, flush: true })
    const values = await countIn(temporary)
    renameSync(temporary, file)
    syncFolder(dirname(file))
    return values
  } catch (error) {
    rmSync(temporary, { force: true })
    if (systemCodeOf(error) === undefined || error instanceof HubError) throw error
    throw fileError('unwritable-file', `write ${JSON.stringify(file)}`, error)
  }
}

async function countIn(file: string): Promise<number> {
  let values = -1
  for await (const _entry of entriesOf(file)) values += 1
  return values
}

/**
 * The lines of the store in a data folder that no hub uses.
 *
 * @throws HubError `cannot-open-store`, `cannot-read-store`
 */
export async function* folderLines(folder: string): AsyncGenerator<string> {
  checkDataFolder(folder)
  const store = createStore(await openLevelAgain(storePath(folder), silentLog()))
  try {
    yield* backupLines(store)
  } finally {
    await store.close()
  }
}

/**
 * Makes the store of a data folder from a backup, and answers how many values it has.
 *
 * @throws HubError `unreadable-file` for the backup, `unwritable-file` when the folder is not empty.
 */
export async function restoreBackup(file: string, folder: string): Promise<number> {
  const path = storePath(folder)
  const names = existsSync(folder) ? namesIn(folder) : []
  if (names.length > 0) {
    const sentence = `expected the folder ${JSON.stringify(folder)} to be empty, got ${names.length} files`
    const mend = 'choose another one, or end its hub and use "clown-hub wipe"'
    throw new HubError('unwritable-file', `${sentence}: ${mend}`)
  }
  const temporary = `${path}.tmp`
  try {
    const values = await fillStore(temporary, file)
    renameSync(temporary, path)
    syncFolder(folder)
    return values
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    throw error
  }
}

async function fillStore(path: string, file: string): Promise<number> {
  const engine = await openLevel(path, silentLog())
  try {
    // The first one is the format, which is no value.
    return (await fillEngine(engine, entriesOf(file))) - 1
  } finally {
    await engine.close()
  }
}

async function* entriesOf(file: string) {
  try {
    const opened = await open(file, 'r')
    yield* readBackup(opened.readLines())
  } catch (error) {
    if (error instanceof HubError) throw error
    throw fileError('unreadable-file', `read ${JSON.stringify(file)}`, error)
  }
}
