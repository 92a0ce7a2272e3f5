/** Many files and a store in one file that only a passphrase opens. */
import {
  createCipheriv,
  createDecipheriv,
  randomBytes,
  type ScryptOptions,
  scrypt,
} from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname, join, normalize, resolve } from 'node:path'
import { pipeline, Readable, type Transform } from 'node:stream'
import { promisify } from 'node:util'
import { createGunzip, createGzip } from 'node:zlib'
import { HubError } from '../core/errors.ts'
import { syncFolder } from '../core/files.ts'
import { isRecord, parseJson } from '../core/json.ts'
import { linesIn, restoreBackup, saveWhole } from './backup.ts'
import { fileError } from './data-folder.ts'

/** One file of an archive, or a store, by the folder it belongs to. */
export interface ArchivedFile {
  /** From the folder of the configuration on, or from the root for what is elsewhere. */
  readonly path: string
  readonly mode: number
  /** The pieces are lines of a backup, of which a store is to be made. */
  readonly isStore: boolean
  readonly pieces: AsyncIterable<Uint8Array | string>
}

type Head = Omit<ArchivedFile, 'pieces'>

const version = 1

/** OWASP's choice of 2023 for scrypt: 128 MiB and a third of a second for each guess. */
const scryptCost = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1_048_576 }

/** NIST SP 800-38D: 96 bits of a value that comes once, and the whole tag. */
const ivBytes = 12
const tagBytes = 16

/**
 * Writes an archive for its owner only, reads it back, and returns how many files it has. It is there when it is whole, and takes
 * the place of another one. The first line of it is `{"clownHubArchive":1,"salt","iv"}`; by scrypt (N 2^17, r 8, p 1) the
 * passphrase and the salt are the key of AES-256-GCM, with that line as what is authenticated besides; 16 bytes of tag end it.
 * Within is gzip of lines: the head of a file, then its pieces, `["text"]`, or `"base64"` of bytes.
 *
 * @throws HubError `unwritable-file`, and what reading the files throws.
 */
export function saveArchive(
  file: string,
  files: AsyncIterable<ArchivedFile>,
  passphrase: string,
): Promise<number> {
  return saveWhole(file, sealed(linesOf(files), passphrase), (written) =>
    countFiles({ file: written, passphrase }, () => {}),
  )
}

interface Opening {
  readonly file: string
  readonly passphrase: string
}

/** Reads all of an archive, before anything of it is believed. @throws HubError `unreadable-file`, and what `step` throws. */
async function countFiles(opening: Opening, step: (text: string) => void): Promise<number> {
  const heads = new Set<Head>()
  for await (const [head] of readArchive(opening)) {
    heads.add(head)
    step(`${heads.size} files read`)
  }
  return heads.size
}

async function* linesOf(files: AsyncIterable<ArchivedFile>): AsyncGenerator<string> {
  for await (const { pieces, ...head } of files) {
    yield `${JSON.stringify(head)}\n`
    for await (const piece of pieces) {
      const entry = typeof piece === 'string' ? [piece] : Buffer.from(piece).toString('base64')
      yield `${JSON.stringify(entry)}\n`
    }
  }
}

async function* sealed(lines: AsyncIterable<string>, passphrase: string) {
  const [salt, iv] = [randomBytes(16), randomBytes(ivBytes)]
  const [saltText, ivText] = [salt, iv].map((bytes) => bytes.toString('base64'))
  const head = Buffer.from(
    `${JSON.stringify({ clownHubArchive: version, salt: saltText, iv: ivText })}\n`,
  )
  yield head
  const cipher = createCipheriv('aes-256-gcm', await keyOf(passphrase, salt), iv).setAAD(head)
  for await (const piece of through(createGzip(), lines)) yield cipher.update(piece)
  yield cipher.final()
  yield cipher.getAuthTag()
}

/** What `transform` makes of the pieces; what fails on the way is thrown to whoever reads it. */
function through(
  transform: Transform,
  pieces: AsyncIterable<string | Buffer>,
): AsyncIterable<Buffer> {
  // A failure before it ends it, with the same reason.
  pipeline(Readable.from(pieces), transform, () => {})
  return transform
}

/** Away from the event loop. The same word typed on two keyboards is the same passphrase. */
function keyOf(passphrase: string, salt: Uint8Array): Promise<Buffer> {
  return derived(passphrase.normalize('NFKC'), salt, 32, scryptCost)
}

const derived = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt)

/** Which file, and a piece of it; the first one is empty. */
type Entry = readonly [head: Head, piece: Buffer]

/**
 * What is in an archive. That it is damaged is found at its end alone.
 *
 * @throws HubError `unreadable-file`
 */
async function* readArchive({ file, passphrase }: Opening): AsyncGenerator<Entry> {
  // Only one that nobody sealed begins otherwise than with a head, which is told at its end.
  let head: Head = { path: '', mode: 0o600, isStore: false }
  for await (const line of linesIn(unsealed(file, passphrase))) {
    const entry = parseJson(line)
    if (isHead(entry)) head = entry
    yield [head, bytesOf(entry)]
  }
}

function bytesOf(entry: unknown): Buffer {
  if (typeof entry === 'string') return Buffer.from(entry, 'base64')
  return Buffer.from(Array.isArray(entry) ? String(entry[0]) : '')
}

function isHead(entry: unknown): entry is Head {
  return isRecord(entry) && typeof entry['path'] === 'string' && typeof entry['mode'] === 'number'
}

function notOpened(): HubError {
  const expected = 'expected the passphrase of the backup, and all of it'
  return new HubError('unreadable-file', `${expected}: it is another one, or the file is damaged`)
}

async function* unsealed(file: string, passphrase: string): AsyncGenerator<string> {
  const { head, salt, iv, tag, endAt } = await envelopeOf(file)
  const decipher = createDecipheriv('aes-256-gcm', await keyOf(passphrase, salt), iv)
  decipher.setAAD(head).setAuthTag(tag)
  const decoder = new TextDecoder()
  const sealedBytes = createReadStream(file, { start: head.length, end: endAt })
  try {
    for await (const piece of through(createGunzip(), through(decipher, sealedBytes))) {
      yield decoder.decode(piece, { stream: true })
    }
  } catch {
    throw notOpened()
  }
}

/** The first line of an archive has less. */
const mostHeadBytes = 200

async function envelopeOf(file: string) {
  const { start, tag, bytes } = await edgesOf(file)
  const head = start.subarray(0, start.indexOf(10) + 1)
  const { clownHubArchive, salt, iv } = Object(parseJson(head.toString()))
  const endAt = bytes - tagBytes - 1
  if (clownHubArchive !== version || endAt < head.length) {
    const got = clownHubArchive > version ? 'one that a newer Clown.Hub wrote' : 'something else'
    const expected = 'expected a file that "clown-hub backup --all" wrote'
    throw new HubError('unreadable-file', `${expected}, got ${got}`)
  }
  return { head, salt: Buffer.from(salt, 'base64'), iv: Buffer.from(iv, 'base64'), tag, endAt }
}

async function edgesOf(file: string) {
  try {
    const opened = await open(file)
    try {
      const { size } = await opened.stat()
      const start = await opened.read(Buffer.alloc(mostHeadBytes), 0, mostHeadBytes, 0)
      const at = Math.max(0, size - tagBytes)
      const end = await opened.read(Buffer.alloc(tagBytes), 0, tagBytes, at)
      return { start: start.buffer, tag: end.buffer, bytes: size }
    } finally {
      await opened.close()
    }
  } catch (error) {
    throw fileError('unreadable-file', `read ${JSON.stringify(file)}`, error)
  }
}

/** Where files go that were outside of the folder of the configuration: below the place they had. */
export const elsewhereName = 'elsewhere'

/**
 * Makes a folder of an archive, which has to be empty or not there, and returns the paths within it. It is there when all of it is.
 *
 * @throws HubError `unreadable-file` for the archive, `unwritable-file` for the folder, and what `step` throws.
 */
export async function restoreArchive(
  opening: Opening,
  given: string,
  step: (text: string) => void,
): Promise<string[]> {
  const folder = resolve(given)
  checkEmpty(folder)
  const temporary = `${folder}.restoring`
  await countFiles(opening, step)
  try {
    mkdirSync(dirname(temporary), { recursive: true })
    // Of a restore that was cut off.
    rmSync(temporary, { recursive: true, force: true })
    mkdirSync(temporary, { mode: 0o700 })
    const paths = await fillFolder(temporary, readArchive(opening), step)
    renameSync(temporary, folder)
    syncFolder(dirname(folder))
    return paths
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary, { recursive: true })
    throw fileError('unwritable-file', `write the folder ${JSON.stringify(folder)}`, error)
  }
}

function checkEmpty(folder: string): void {
  const names = existsSync(folder) ? readdirSync(folder) : []
  if (names.length === 0) return
  const sentence = `expected the folder ${JSON.stringify(folder)} to be empty or not there`
  throw new HubError('unwritable-file', `${sentence}, got ${names.length} files`)
}

/** Where the lines of a store wait until all of them are there. */
const storeLinesName = 'store.lines'

async function fillFolder(
  folder: string,
  entries: AsyncIterable<Entry>,
  step: (text: string) => void,
): Promise<string[]> {
  const paths: string[] = []
  const lines = join(folder, storeLinesName)
  let last: { readonly head: Head; readonly written: FileHandle } | undefined
  const finish = async () => {
    if (last === undefined) return
    await last.written.sync()
    await last.written.close()
    if (!last.head.isStore) return
    await restoreBackup(lines, join(folder, placeOf(last.head.path)))
    rmSync(lines)
  }
  try {
    for await (const [head, piece] of entries) {
      if (head !== last?.head) {
        await finish()
        paths.push(placeOf(head.path))
        const place = head.isStore ? lines : join(folder, placeOf(head.path))
        mkdirSync(dirname(place), { recursive: true, mode: 0o700 })
        last = { head, written: await open(place, 'a', head.mode) }
      }
      step(`${paths.length} files`)
      await last.written.appendFile(piece)
    }
    await finish()
    return paths
  } finally {
    // Where it was closed already nothing happens.
    await last?.written.close()
  }
}

/** Nothing leads out of the folder, whoever wrote the archive. */
function placeOf(path: string): string {
  const isOutside = path.startsWith('/')
  return join(isOutside ? elsewhereName : '', normalize(`/${path}`))
}
