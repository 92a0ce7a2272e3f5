/** Files: read whole, watched for changes, and written so that a power cut leaves the old or the new one. */

import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { every } from './clock.ts'
import { HubError, quote, reasonOf } from './errors.ts'

interface TextFile {
  readonly path: string
  /** Where the path leads, past all links. */
  readonly place: string
  readonly text: string
  readonly stats: Pick<Stats, 'mode' | 'uid'>
}

/**
 * Reads a file; `what` says in an error who names it.
 *
 * @throws HubError `unreadable-file`
 */
export function readTextFile(what: string, path: string): TextFile {
  try {
    const place = realpathSync(path)
    const file = openSync(place, 'r')
    try {
      return { path, place, text: readFileSync(file, 'utf8'), stats: fstatSync(file) }
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    const reason = reasonOf(cause).replace(/,.*/s, '')
    const sentence = `expected ${what} to name a file, got ${JSON.stringify(path)}: ${reason}`
    throw new HubError('unreadable-file', sentence, { cause })
  }
}

/** The value a file holds: its text without one line break at the end. */
export function valueIn({ text }: TextFile): string {
  return text.replace(/\r?\n$/, '')
}

/** Where containers find their secrets: readable by all of the container, and by nobody outside. */
const secretsFolder = '/run/secrets/'

/**
 * Checks that a file with secrets can be read by its owner only. One that somebody else owns, mostly
 * root, may be readable by its group, for that is how it is given to us.
 *
 * @throws HubError `exposed-secret`
 */
export function checkPrivate({ path, place, stats }: TextFile, ownUid = process.getuid?.()): void {
  if (place.startsWith(secretsFolder)) return
  const forbidden = stats.uid === ownUid ? 0o077 : 0o027
  if ((stats.mode & forbidden) === 0) return
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
  const sentence = `expected ${quote(path)} to be for its owner only, since it holds secrets`
  throw new HubError('exposed-secret', `${sentence}, got mode ${mode}: chmod 600 ${path}`)
}

/**
 * Reads a file that holds secrets.
 *
 * @throws HubError `unreadable-file`, `exposed-secret`
 */
export function readSecretFile(what: string, path: string): TextFile {
  const file = readTextFile(what, path)
  checkPrivate(file)
  return file
}

/** A look costs microseconds, and what changes is to count within a second. */
const pollMs = 250

/**
 * Calls `changed` when one of `files` has become another: written anew, replaced, removed, given
 * other rights. Looks again and again, since the system's own watching misses what lies behind the
 * links with which certbot and Kubernetes replace files. Returns what ends the watch.
 */
export function watchFiles(
  files: readonly string[],
  changed: () => void,
  intervalMs = pollMs,
): () => void {
  let seen = signatureOf(files)
  return every(intervalMs, () => {
    const now = signatureOf(files)
    if (now === seen) return
    seen = now
    changed()
  })
}

/** Whatever is done to a file, its change time moves; a file in its place has another number. */
function signatureOf(files: readonly string[]): string {
  const signatures = files.map((file) => {
    try {
      const { dev, ino, size, ctimeNs } = statSync(file, { bigint: true })
      return [dev, ino, size, ctimeNs].join(':')
    } catch (error) {
      return reasonOf(error)
    }
  })
  return signatures.join()
}

interface Follow<T> {
  /** What the files say, as of now. It may throw. */
  read(): T
  /** Is told of each later value. */
  changed(now: T, before: T): void
  /** Is told why the files cannot be read any more. The value from before stays. */
  broken(error: unknown): void
  readonly pollMs?: number | undefined
}

/** What some files say, as they are now, or were when they could be read last. */
interface Followed<T> {
  current(): T
  /** Reads the files now. */
  look(): void
  /** Looks at the files no longer. */
  close(): void
}

/**
 * Reads `files`, and again whenever one of them has changed.
 *
 * @throws what `read` throws the first time; nothing is watched then.
 */
export function followFiles<T>(files: readonly string[], follow: Follow<T>): Followed<T> {
  const { read, changed, broken, pollMs } = follow
  let value: T
  const readAgain = () => {
    const before = value
    try {
      value = read()
    } catch (error) {
      broken(error)
      return
    }
    changed(value, before)
  }
  // Watched before they are read, so that no change falls in between.
  const close = watchFiles(files, readAgain, pollMs)
  try {
    value = read()
  } catch (error) {
    close()
    throw error
  }
  return { current: () => value, look: readAgain, close }
}

/**
 * Writes a file that holds secrets: mode 0600, or the owner and mode it had, but never more than
 * reading for its group. Whenever the machine stops, the file is the old one or the new one, whole.
 *
 * With `isStillDue`, it is asked when all that is left is to put the new file into the place of the old
 * one, and may leave the old one there; it returns whether the file was written.
 *
 * @throws HubError `unwritable-file`, and what `isStillDue` throws.
 */
export function writeSecret(path: string, text: string, isStillDue = () => true): boolean {
  try {
    const before = statSync(path, { throwIfNoEntry: false })
    return replace(before === undefined ? path : realpathSync(path), text, { before, isStillDue })
  } catch (cause) {
    if (cause instanceof HubError) throw cause
    const reason = reasonOf(cause).replace(/,.*/s, '')
    const sentence = `expected to write ${JSON.stringify(path)}: ${reason}`
    throw new HubError('unwritable-file', sentence, { cause })
  }
}

interface Replacing {
  readonly before: Stats | undefined
  isStillDue(): boolean
}

function replace(path: string, text: string, { before, isStillDue }: Replacing): boolean {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = openSync(temporary, 'wx', 0o600)
    try {
      if (before !== undefined) {
        fchownSync(file, before.uid, before.gid)
        fchmodSync(file, before.mode & 0o640)
      }
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    if (!isStillDue()) {
      rmSync(temporary)
      return false
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  // The new name is safe when the folder is.
  syncFolder(dirname(path))
  return true
}

/** Waits until the names in a folder are on disk, so that a file that was renamed has its new one. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
