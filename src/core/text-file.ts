import { closeSync, fstatSync, openSync, readFileSync, realpathSync, type Stats } from 'node:fs'
import { HubError, quote, reasonOf } from './errors.ts'

export interface TextFile {
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
