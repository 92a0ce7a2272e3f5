import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { HubError, reasonOf } from './errors.ts'
import { syncFolder } from './sync-folder.ts'

/**
 * Writes a file that holds secrets: mode 0600, or the owner and mode it had, but never more than
 * reading for its group. Whenever the machine stops, the file is the old one or the new one, whole.
 *
 * @throws HubError `unwritable-file`
 */
export function writeSecret(path: string, text: string): void {
  try {
    const before = statSync(path, { throwIfNoEntry: false })
    replace(before === undefined ? path : realpathSync(path), text, before)
  } catch (cause) {
    const reason = reasonOf(cause).replace(/,.*/s, '')
    const sentence = `expected to write ${JSON.stringify(path)}: ${reason}`
    throw new HubError('unwritable-file', sentence, { cause })
  }
}

function replace(path: string, text: string, before: Stats | undefined): void {
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
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  // The new name is safe when the folder is.
  syncFolder(dirname(path))
}
