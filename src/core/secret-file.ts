import { readFileSync, realpathSync, statSync } from 'node:fs'
import { sep } from 'node:path'
import { HubError, reasonOf } from './errors.ts'

/** Where containers get their secrets: Docker and Kubernetes mount them readable, for nobody else. */
const containerSecrets = '/run/secrets'

/** All that the group and the world may do with a file. */
const openToOthers = 0o077

/**
 * The text of a file; `what` says in an error which setting names it.
 *
 * @throws HubError `unreadable-file`
 */
export function readNamedFile(what: string, file: string): string {
  return reading(what, file, () => readFileSync(file, 'utf8'))
}

/**
 * The text of a file with a secret, which has to be its owner's alone, except below `allowed`.
 *
 * @throws HubError `unreadable-file`, also when others may read or write the file.
 */
export function readSecretFile(what: string, file: string, allowed = containerSecrets): string {
  const place = reading(what, file, () => realpathSync(file))
  const mode = reading(what, place, () => statSync(place).mode)
  if ((mode & openToOthers) !== 0 && !place.startsWith(allowed + sep)) {
    const octal = (mode & 0o777).toString(8).padStart(4, '0')
    const mend = `chmod 600 ${JSON.stringify(file)}`
    const message = `expected ${what} to be readable by its owner only, got mode ${octal}: ${mend}`
    throw new HubError('unreadable-file', message)
  }
  return readNamedFile(what, place)
}

function reading<T>(what: string, file: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    const reason = reasonOf(cause).replace(/,.*/s, '')
    const sentence = `expected ${what} to name a file, got ${JSON.stringify(file)}: ${reason}`
    throw new HubError('unreadable-file', sentence, { cause })
  }
}
