import { nearest, quote } from '../core/errors.ts'
import { actionsOf } from './rights.ts'
import { anonymousName, isRole, normalForm, roles, type User } from './user.ts'

/** What `limits.mqtt.userBytes` is unless configured: nobody could sign in by a longer name. */
const mostNameBytes = 64

interface Entry {
  readonly role?: string
  readonly base?: string
}

/** What is wrong with a user's entry that its schema cannot say; undefined when nothing is. */
export function userError(name: string, entry: Entry, hasCredentials: boolean): string | undefined {
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

/**
 * What is wrong with a role that is called `name`, of somebody called `owner`, where the users file has those of
 * `own`; undefined when nothing is.
 */
export function roleError(name: string, owner: string, own: readonly string[]): string | undefined {
  const known = [...roles, ...own]
  if (known.includes(name)) return undefined
  const meant = nearest(name, known)
  const hint = meant === undefined ? '' : `: did you mean ${quote(meant)}?`
  return `expected ${owner} to be one of ${known.join(', ')}, got ${quote(name)}${hint}`
}

/** What is wrong with the names of roles in a users file; undefined when nothing is. */
export function roleNamesError(names: readonly string[]): string | undefined {
  const given = names.find(isRole)
  if (given === undefined) return undefined
  return `expected roles.${given} to have another name: ${roles.join(', ')} are roles of the hub`
}

/** What is wrong when two of these names cannot be told apart; undefined when nothing is. */
export function namesError(names: readonly string[]): string | undefined {
  const known = new Set<string>()
  for (const name of names) {
    if (known.has(normalForm(name))) {
      return `expected users.${normalForm(name)} once, got two spellings of it that look the same`
    }
    known.add(normalForm(name))
  }
  return undefined
}

/**
 * What an administrator should hear of at the start: what people without credentials may do besides
 * reading. Undefined when there is nothing to say.
 */
export function anonymousWarning(users: readonly User[]): string | undefined {
  const anonymous = users.find(({ name }) => name === anonymousName)
  const powers = anonymous === undefined ? [] : actionsOf(anonymous)
  const tooMuch = powers.filter((action) => action !== 'read')
  if (tooMuch.length === 0) return undefined
  return `whoever reaches a port may ${tooMuch.join(' and ')}: let the user anonymous read only`
}

/** What is odd about users, in one sentence each with the way to mend it. */
export function userWarnings(users: readonly User[]): string[] {
  const warnings = users.flatMap((user) => {
    const { name, passwordHash, tokens } = user
    const canSignIn = name === anonymousName || passwordHash !== undefined || tokens.length > 0
    return [
      ...(canSignIn
        ? []
        : [`${name} has no password and no token: clown-hub user password ${name}`]),
      ...(actionsOf(user).length > 0
        ? []
        : [`${name} may do nothing: give that user a role or rules`]),
    ]
  })
  return [anonymousWarning(users) ?? [], warnings].flat()
}
