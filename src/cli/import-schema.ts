/** What our own schemas take of what is imported. */
import { validateCheckedConfig } from '../generated/validate-config.js'
import { validateUsersFile } from '../generated/validate-users.js'

type Part = 'user-name' | 'password' | 'rule-topic'

/** The users of a file with `value` in one place, and nothing else that could be wrong. */
const usersWith: Readonly<Record<Part, (value: string) => object>> = {
  'user-name': (value) => Object.fromEntries([[value, {}]]),
  password: (value) => ({ somebody: { password: value } }),
  'rule-topic': (value) => ({ somebody: { rules: [{ topic: value, allow: [] }] } }),
}

/** Whether `value` may stand in a users file, as what `part` says. */
export function fits(part: Part, value: string): boolean {
  return validateUsersFile({ users: usersWith[part](value) })
}

/** `value` where a limit of the configuration can be set to it, or else the nearest that it can be set to. */
export function nearestLimit(path: readonly [group: string, key: string], value: number): number {
  const { limits } = validateCheckedConfig.schema['properties']
  const { minimum, maximum } = limits.properties[path[0]].properties[path[1]]
  return Math.min(Math.max(value, minimum), maximum)
}
