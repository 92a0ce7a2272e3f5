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
 * With `isStillDue`, it is asked when all that is left is to put the new file into the place of the old
 * one, and may leave the old one there; the answer is whether the file was written.
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
