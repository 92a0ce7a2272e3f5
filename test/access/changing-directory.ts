import type { User, UserDirectory } from '../../src/access/user.ts'

export interface ChangingDirectory extends UserDirectory {
  /** Puts `users` in the place of all there were, and tells everybody. */
  change(...users: User[]): void
}

/** A directory that a test changes, as an operator changes the file of the users. */
export function changingDirectory(...first: User[]): ChangingDirectory {
  let users = first
  const listeners = new Set<() => void>()
  return {
    get edition() {
      return users
    },
    find: (name) => users.find((user) => user.name === name),
    all: () => users,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    replaceHash: () => {},
    close: () => listeners.clear(),
    change: (...next) => {
      users = next
      for (const listener of listeners) listener()
    },
  }
}

/** A user who may do nothing, and signs in by whatever `fields` say. */
export function userNamed(name: string, fields: Partial<User> = {}): User {
  return { name, rules: [], tokens: [], ...fields }
}
