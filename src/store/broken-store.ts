import { HubError, reasonOf, systemCodeOf } from '../core/errors.ts'
import type { Engine } from './store.ts'

/** Whether a store could not be opened because somebody else has it open. */
export function isLocked(error: unknown): boolean {
  return error instanceof HubError && systemCodeOf(error.cause) === 'LEVEL_LOCKED'
}

/** Whether a store could not be opened because of its disk, which may be full. */
export function isDiskError(error: unknown): boolean {
  return error instanceof HubError && systemCodeOf(error.cause) === 'LEVEL_IO_ERROR'
}

const repair = '"clown-hub repair --data DIR" saves what can be read'

/** What is to be done about what LevelDB says. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [/^Corruption|No such file|create_if_missing is false/, repair],
  [/No space left|quota exceeded/, 'make room on its disk'],
]

/** Tells why the LevelDB in `path` was not opened, and what to do about it. */
export function cannotOpen(path: string, thrown: unknown): HubError {
  // LevelDB's own reason is the cause of what the package throws.
  const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown
  if (systemCodeOf(cause) === 'LEVEL_LOCKED') {
    const sentence = `expected no other hub to use the store ${JSON.stringify(path)}, but one does`
    const mend = 'end it, or choose another data folder'
    return new HubError('cannot-open-store', `${sentence}: ${mend}`, { cause })
  }
  const sentence = `expected to open the store ${JSON.stringify(path)}: ${withRemedy(cause)}`
  return new HubError('cannot-open-store', sentence, { cause })
}

function withRemedy(cause: unknown): string {
  const reason = reasonOf(cause)
  const remedy = remedies.find(([pattern]) => pattern.test(reason))
  return remedy === undefined ? reason : `${reason}; ${remedy[1]}`
}

/**
 * The same engine, whose reads throw sentences.
 *
 * @throws HubError `cannot-read-store`
 */
export function tellingReads(engine: Engine, path: string): Engine {
  const cannotRead = (cause: unknown) => {
    const sentence = `expected to read the store ${JSON.stringify(path)}: ${withRemedy(cause)}`
    return new HubError('cannot-read-store', sentence, { cause })
  }
  return {
    ...engine,
    get: async (key) => {
      try {
        return await engine.get(key)
      } catch (cause) {
        throw cannotRead(cause)
      }
    },
    entries: async function* (prefix) {
      try {
        yield* engine.entries(prefix)
      } catch (cause) {
        throw cannotRead(cause)
      }
    },
  }
}
