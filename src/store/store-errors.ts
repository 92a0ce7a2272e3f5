/** Why a store is not opened or read, and what to do about it. */
import { HubError, reasonOf, systemCodeOf } from '../core/errors.ts'

/** What to do about a store that is damaged. */
export const repairRemedy = '"clown-hub repair --data DIR" saves what can be read'

/** Whether a store could not be opened because somebody else has it open. */
export function isLocked(error: unknown): boolean {
  return error instanceof HubError && systemCodeOf(error.cause) === 'LEVEL_LOCKED'
}

const fullDisk = /no space left|quota exceeded/i

/** Whether a store could not be opened because its disk is full. */
export function isFull(error: unknown): boolean {
  return error instanceof HubError && fullDisk.test(reasonOf(error.cause))
}

/** What is to be done about what LevelDB says. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [fullDisk, 'make room on its disk'],
  [/Read-only file system|EROFS/, 'let its disk be written'],
  [/Permission denied|EACCES|EPERM/, 'let the user of the hub read and write it'],
  [/Input\/output error|EIO/, 'look after its disk'],
  // Also "Invalid argument", which is what LevelDB says of a table that ends too early.
  [/^Corruption|No such file|Invalid argument|create_if_missing is false/, repairRemedy],
]

/** Tells why the LevelDB in `path` was not opened, and what to do about it. */
export function cannotOpen(path: string, thrown: unknown): HubError {
  // LevelDB's own reason is the cause of what the package throws.
  const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown
  if (systemCodeOf(cause) === 'LEVEL_LOCKED') {
    const sentence = `expected no other hub to use the store ${JSON.stringify(path)}, but one does`
    const fix = 'end it, or choose another data folder'
    return new HubError('cannot-open-store', `${sentence}: ${fix}`, { cause })
  }
  const sentence = `expected to open the store ${JSON.stringify(path)}: ${withRemedy(cause)}`
  return new HubError('cannot-open-store', sentence, { cause })
}

/** A reason, and what is to be done about it. */
export function withRemedy(cause: unknown): string {
  const reason = reasonOf(cause)
  const remedy = remedies.find(([pattern]) => pattern.test(reason))
  return remedy === undefined ? reason : `${reason}; ${remedy[1]}`
}
