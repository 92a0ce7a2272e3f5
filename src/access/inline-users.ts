import { digestSecretOf } from './digest.ts'
import { normalForm } from './normal-form.ts'
import { digestOf, isToken } from './tokens.ts'
import { anonymousName, type Role, type Rule, type User } from './user.ts'
import { userFault } from './user-fault.ts'

/** A user as the configuration has it. */
interface InlineUser {
  readonly password?: string
  readonly passwordFile?: string
  readonly digest?: boolean
  readonly role?: Role
  readonly base?: string
  readonly rules?: readonly Rule[]
}

/** What is wrong with a user of the configuration that its schema cannot say. */
export function inlineUserFault(name: string, user: InlineUser): string | undefined {
  const { password, passwordFile } = user
  const given = [password, passwordFile].filter((value) => value !== undefined).length
  const fault = userFault(name, user, given > 0)
  if (fault !== undefined || name === anonymousName || given === 1) return fault
  const got = given === 0 ? 'neither' : 'both'
  return `expected users.${name} to have "password" or "passwordFile", got ${got}`
}

/**
 * The users of the configuration. Each password is hashed once, now; one that has the form of a token is
 * kept as a token, so that a machine that signs in with it costs no hash.
 */
export function hashInlineUsers(
  users: Readonly<Record<string, Omit<InlineUser, 'passwordFile'>>>,
  hashPassword: (password: string) => Promise<string>,
): Promise<User[]> {
  const hashed = Object.entries(users).map(async ([key, entry]) => {
    const name = normalForm(key)
    const { password, digest, rules = [], ...rest } = entry
    const plain = { name, ...rest, rules, tokens: [] }
    if (password === undefined) return plain
    const user = digest ? { ...plain, digestSecret: digestSecretOf(name, password) } : plain
    if (!isToken(password)) return { ...user, passwordHash: await hashPassword(password) }
    return { ...user, tokens: [{ name: 'configuration', sha256: digestOf(password), created }] }
  })
  return Promise.all(hashed)
}

/** The configuration does not tell when its tokens were made. */
const created = '1970-01-01T00:00:00Z'
