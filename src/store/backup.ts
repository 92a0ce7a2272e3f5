import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { HubError, systemCodeOf } from '../core/errors.ts'
import { syncFolder } from '../core/files.ts'
import { isRecord, parseJson } from '../core/json.ts'
import { openAccounting } from './account.ts'
import { checkDataFolder, fileError, namesIn, silentLog } from './data-folder.ts'
import { lockFolder, lockName, withFolder } from './folder-lock.ts'
import { migrations } from './format.ts'
import { storePath } from './level-files.ts'
import { accounted, copyInto, openLevel, openToRead } from './level-store.ts'
import { createStore, type Entry, formatKey, type Store } from './store.ts'

/** Of the file itself; that of the store within goes with it. */
const version = 1

/**
 * The lines of a backup: what it is, `[key, value in base64]` of each value as they all were at one
 * time, and last how many and their SHA-256, by which a file that was cut off is told from a whole one.
 */
export async function* backupLines(store: Pick<Store, 'get' | 'entries'>): AsyncGenerator<string> {
  const hash = createHash('sha256')
  const hashed = (value: unknown) => {
    const line = lineOf(value)
    hash.update(line)
    return line
  }
  yield hashed({ clownHubBackup: version, format: Number(await store.get(formatKey)) })
  let values = 0
  for await (const [key, value] of store.entries('')) {
    values += 1
    yield hashed([key, value.toString('base64')])
  }
  yield lineOf({ values, sha256: hash.digest('hex') })
}

/** JSON that has no line end within, not even one that only some readers take for one. */
function lineOf(value: unknown): string {
  const text = JSON.stringify(value).replace(/[\u2028\u2029]/g, (end) =>
    end === '\u2028' ? '\\u2028' : '\\u2029',
  )
  return `${text}\n`
}

/**
 * What is in a backup, its format first. Whoever takes it has to be able to leave it again: that it is
 * damaged may be found at its end alone.
 *
 * @throws HubError `unreadable-file`
 */
async function* readBackup(lines: AsyncIterable<string>): AsyncGenerator<Entry> {
  const hash = createHash('sha256')
  let before: string | undefined
  let values = -1
  for await (const line of lines) {
    if (before !== undefined) {
      yield values < 0 ? headIn(before) : entryIn(before)
      hash.update(`${before}\n`)
      values += 1
    }
    before = line
  }
  const end = parseJson(before ?? '')
  const isWhole = isRecord(end) && end['values'] === values && end['sha256'] === hash.digest('hex')
  if (!isWhole) throw unreadable('a whole one, got one that is damaged or cut off')
}

function headIn(line: string): Entry {
  const head = parseJson(line)
  if (!isRecord(head) || !('clownHubBackup' in head)) throw unreadable('one, got something else')
  const format = Number(head['format'])
  const isKnown = head['clownHubBackup'] === version && format <= migrations.length + 1
  if (isKnown) return [formatKey, Buffer.from(String(format))]
  throw unreadable('one of this version or an older one, got one that a newer Clown.Hub wrote')
}

/** Whose it is, and a slash, as `Store` has it. */
const keyForm = /^[a-z][a-z-]*\//

function entryIn(line: string): Entry {
  const entry = parseJson(line)
  const [key, value] = Array.isArray(entry) ? entry : []
  const isKey = typeof key === 'string' && keyForm.test(key) && key.isWellFormed()
  if (isKey && typeof value === 'string') return [key, Buffer.from(value, 'base64')]
  throw unreadable('a whole one, got one that is damaged')
}

function unreadable(rest: string): HubError {
  return new HubError('unreadable-file', `expected the backup to be ${rest}`)
}

/**
 * Writes a backup to a file for its owner only, and returns how many values it has. The file is there
 * when it is whole, and not before; it takes the place of another one.
 *
 * @throws HubError `unwritable-file`, and what `lines` throws.
 */
export function saveBackup(
  file: string,
  lines: AsyncIterable<string | Uint8Array>,
): Promise<number> {
  return saveWhole(file, lines, countIn)
}

/**
 * Writes a file for its owner only, which is there once `check` has read all of it, and returns what that returns. It takes the
 * place of another one.
 *
 * @throws HubError `unwritable-file`, and what `pieces` and `check` throw.
 */
export async function saveWhole<T>(
  file: string,
  pieces: AsyncIterable<string | Uint8Array>,
  check: (written: string) => Promise<T>,
): Promise<T> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  try {
    removeKilled(file)
    await writeFile(temporary, pieces, { flag: 'wx', mode: 0o600, flush: true })
    const values = await check(temporary)
    renameSync(temporary, file)
    syncFolder(dirname(file))
    return values
  } catch (error) {
    rmSync(temporary, { force: true })
    if (systemCodeOf(error) === undefined || error instanceof HubError) throw error
    throw fileError('unwritable-file', `write ${JSON.stringify(file)}`, error)
  }
}

/** What is being written grows all the time. */
const killedAfterMs = 60_000

/** Removes what backups to the same file have left that were killed. */
function removeKilled(file: string): void {
  const rest = /^\.[0-9a-f]{12}\.tmp$/
  const folder = dirname(file)
  for (const name of readdirSync(folder)) {
    const isOurs = name.startsWith(basename(file)) && rest.test(name.slice(basename(file).length))
    const path = join(folder, name)
    const age = () => Date.now() - statSync(path).mtimeMs
    if (isOurs && age() > killedAfterMs) rmSync(path, { force: true })
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
  const lock = await lockFolder(folder)
  try {
    const store = createStore(await openToRead(storePath(folder), silentLog()))
    try {
      yield* backupLines(store)
    } finally {
      await store.close()
    }
  } finally {
    lock.release()
  }
}

/**
 * Makes the store of a data folder from a backup, and returns how many values it has. Each is shown to `look`.
 *
 * @throws HubError `unreadable-file` for the backup, `unwritable-file` when the folder is not empty.
 */
export async function restoreBackup(
  file: string,
  folder: string,
  look: (entry: Entry) => void = () => {},
): Promise<number> {
  if (existsSync(folder)) checkEmpty(folder)
  return withFolder(folder, async () => {
    const path = storePath(folder)
    const temporary = `${path}.tmp`
    try {
      // Of a restore that was cut off.
      rmSync(temporary, { recursive: true, force: true })
      const values = await fillStore(temporary, seenBy(look, entriesOf(file)))
      renameSync(temporary, path)
      syncFolder(folder)
      return values
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true })
      throw error
    }
  })
}

/** But for what a restore has left that was cut off. */
function checkEmpty(folder: string): void {
  const names = namesIn(folder).filter((name) => name !== lockName && name !== 'store.tmp')
  if (names.length === 0) return
  const sentence = `expected the folder ${JSON.stringify(folder)} to be empty, got ${names.length} files`
  const fix = 'choose another one, or end its hub and use "clown-hub wipe"'
  throw new HubError('unwritable-file', `${sentence}: ${fix}`)
}

async function* seenBy(look: (entry: Entry) => void, entries: AsyncIterable<Entry>) {
  for await (const entry of entries) {
    look(entry)
    yield entry
  }
}

async function fillStore(path: string, entries: AsyncIterable<Entry>): Promise<number> {
  const level = await openLevel(path, silentLog())
  const engine = accounted(level, await openAccounting(level, path))
  try {
    // The first one is the format, which is no value.
    return (await copyInto(engine, entries)) - 1
  } finally {
    await engine.close()
  }
}

/** The longest value is a retained one of some megabytes, in base64; all else is damage, or no backup. */
const longestLine = 64 * 1_048_576

/** The lines of a text that comes in pieces. @throws HubError `unreadable-file` for one without end. */
export async function* linesIn(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const piece of text) {
    const lines = piece.split('\n')
    lines[0] = `${rest}${lines[0]}`
    rest = String(lines.pop())
    yield* lines
    if (rest.length > longestLine) {
      throw unreadable('one with values of at most 64 MiB, got one that is damaged, or none')
    }
  }
  if (rest !== '') yield rest
}

async function* entriesOf(file: string) {
  try {
    yield* readBackup(linesIn(createReadStream(file, 'utf8')))
  } catch (error) {
    if (error instanceof HubError) throw error
    throw fileError('unreadable-file', `read ${JSON.stringify(file)}`, error)
  }
}
