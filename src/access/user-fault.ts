import { anonymousName, type Role } from './user.ts'

interface Entry {
  readonly role?: Role
  readonly base?: string
}

/** What is wrong with a user's entry that its schema cannot say; undefined when nothing is. */
export function userFault(name: string, entry: Entry, hasCredentials: boolean): string | undefined {
  const { role, base } = entry
  const place = `users.${name}`
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
