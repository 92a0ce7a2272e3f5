import { anonymousName, type User, type UserDirectory } from './user.ts'

/** Who somebody is that gives no credentials: the user `anonymous`, where one is defined without any. */
export function anonymousIn(directory: Pick<UserDirectory, 'find'>): User | undefined {
  const user = directory.find(anonymousName)
  const hasCredentials = user?.passwordHash !== undefined || user?.tokens.length !== 0
  return hasCredentials ? undefined : user
}
