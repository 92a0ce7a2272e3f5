import { digestSecretOf } from '../access/digest.ts'
import { hashPassword } from '../access/passwords.ts'
import type { User } from '../access/user.ts'
import { readUsersFile, type UserEntry } from '../access/users-file.ts'
import { HubError, quote } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { type Terminal, usersName } from './command.ts'
import { generatePassword, readPassword } from './password.ts'

/** Options of `parseArgs` that all commands for users have. */
export const fileOption = { file: { type: 'string', default: usersName } } as const

/** Options of those that set a password. */
export const passwordOptions = {
  ...fileOption,
  stdin: { type: 'boolean', default: false },
  digest: { type: 'boolean' },
} as const

/** The entry of somebody who has to be in the file. */
export function known(entry: UserEntry | undefined, name: string, file: string): UserEntry {
  if (entry !== undefined) return entry
  throw unknownUser(name, readUsersFile(file), ` in ${file}`)
}

/** What to say to somebody who asks for a user that is not among `users`; `place` is where they are. */
export function unknownUser(name: string, users: readonly User[], place = ''): HubError {
  const names = users.map((user) => user.name)
  const meant = nearest(name, names)
  const some = names.slice(0, 10).map(quote).join(', ')
  const others = names.length === 0 ? 'nobody is there yet' : `known here: ${some}`
  const hint = meant ? `did you mean ${quote(meant)}?` : others
  return new HubError('bad-command-line', `unknown user ${quote(name)}${place}: ${hint}`)
}

export interface NewPassword {
  readonly hash: string
  /** What the user of this name needs for HTTP Digest. */
  digestSecretFor(name: string): string
  /** Lines that show a password nobody knows yet. */
  readonly lines: readonly string[]
}

/** A password from standard input, or a generated one that is shown this once. */
export async function newPassword(terminal: Terminal, isOnInput: boolean): Promise<NewPassword> {
  const password = isOnInput ? await readPassword(terminal.readInput) : generatePassword()
  return {
    hash: await hashPassword(password),
    digestSecretFor: (name) => digestSecretOf(name, password),
    lines: isOnInput ? [] : [`password: ${password}`, shownOnce],
  }
}

export const shownOnce = 'It is shown only now: the file has nothing it could be read from.'
