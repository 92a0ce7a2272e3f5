import { anonymousName, type Role, type Rule, type User } from './user.ts'
import { userFault } from './user-fault.ts'

/** A user as the configuration has it. */
interface InlineUser {
  readonly password?: string
  readonly passwordFile?: string
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

/** The users of the configuration, their passwords hashed. */
export function hashInlineUsers(
  users: Readonly<Record<string, Omit<InlineUser, 'passwordFile'>>>,
  hashPassword: (password: string) => Promise<string>,
): Promise<User[]> {
  const hashed = Object.entries(users).map(async ([name, { password, rules = [], ...rest }]) => {
    const user = { name, ...rest, rules, tokens: [] }
    return password === undefined ? user : { ...user, passwordHash: await hashPassword(password) }
  })
  return Promise.all(hashed)
}
