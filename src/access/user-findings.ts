import { actionsOf } from './rights.ts'
import { anonymousName, type User } from './user.ts'

/**
 * What an administrator should hear of at the start: what people without credentials may do besides
 * reading. Undefined when there is nothing to say.
 */
export function anonymousFinding(users: readonly User[]): string | undefined {
  const anonymous = users.find(({ name }) => name === anonymousName)
  const powers = anonymous === undefined ? [] : actionsOf(anonymous)
  const tooMuch = powers.filter((action) => action !== 'read')
  if (tooMuch.length === 0) return undefined
  return `whoever reaches a port may ${tooMuch.join(' and ')}: let the user anonymous read only`
}

/** What is odd about users, in one sentence each with the way to mend it. */
export function userFindings(users: readonly User[]): string[] {
  const findings = users.flatMap((user) => {
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
  return [anonymousFinding(users) ?? [], findings].flat()
}
