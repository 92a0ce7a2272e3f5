import { hashPassword } from './passwords.ts'
import { digestOf, isToken } from './tokens.ts'
import type { User, UserDirectory } from './user.ts'

/** A user as the configuration holds it, with the password itself. */
export interface InlineUser extends Pick<User, 'role' | 'base'> {
  /** Only `anonymous` has none. */
  readonly password?: string
  readonly rules?: User['rules']
}

/**
 * Users that stay as they are. Each password is hashed once, now; one that has the form of a token is
 * kept as a token, so that a machine that signs in with it costs no hash.
 */
export async function fixedDirectory(
  inline: Readonly<Record<string, InlineUser>>,
): Promise<UserDirectory> {
  const entries = Object.entries(inline)
  const users = await Promise.all(entries.map(([name, user]) => userOf(name, user)))
  const byName = new Map(users.map((user) => [user.name, user]))
  return {
    find: (name) => byName.get(name),
    all: () => users,
    onChange: () => () => {},
    close: () => {},
  }
}

async function userOf(name: string, { password, ...rest }: InlineUser): Promise<User> {
  const user = { rules: [], tokens: [], ...rest, name }
  if (password === undefined) return user
  if (!isToken(password)) return { ...user, passwordHash: await hashPassword(password) }
  return { ...user, tokens: [{ name: 'configuration', sha256: digestOf(password), created }] }
}

/** The configuration does not tell when its tokens were made. */
const created = '1970-01-01T00:00:00Z'
