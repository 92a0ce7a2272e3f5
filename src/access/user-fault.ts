import { normalForm } from './normal-form.ts'
import { anonymousName, type Role } from './user.ts'

/** What `limits.mqtt.userBytes` is unless configured: nobody could sign in by a longer name. */
const mostNameBytes = 64

interface Entry {
  readonly role?: Role
  readonly base?: string
}

/** What is wrong with a user's entry that its schema cannot say; undefined when nothing is. */
export function userFault(name: string, entry: Entry, hasCredentials: boolean): string | undefined {
  const { role, base } = entry
  const place = `users.${name}`
  const bytes = Buffer.byteLength(normalForm(name))
  if (bytes > mostNameBytes) {
    return `expected the name of ${place} to have at most ${mostNameBytes} bytes in UTF-8, got ${bytes}`
  }
  if (role === 'node' && base === undefined) {
    return `expected ${place} to have "base", since its role is node, for example "nodes/bridge/0"`
  }
  if (role !== 'node' && base !== undefined) {
    return `expected ${place} to have no "base", since its role is not node`
  }
  if (name === anonymousName && hasCredentials) {
    return `expected ${place} to have no password and no tokens: it stands for all who give none`
  }
  return undefined
}

/** What is wrong when two of these names cannot be told apart; undefined when nothing is. */
export function namesFault(names: readonly string[]): string | undefined {
  const known = new Set<string>()
  for (const name of names) {
    if (known.has(normalForm(name))) {
      return `expected users.${normalForm(name)} once, got two spellings of it that look the same`
    }
    known.add(normalForm(name))
  }
  return undefined
}
