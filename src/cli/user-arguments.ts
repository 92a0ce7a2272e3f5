/** What the commands about users share: who is meant, which password, and which rules. */
import { text } from 'node:stream/consumers'
import { digestSecretOf } from '../access/digest.ts'
import { hashPassword, newPasswordError } from '../access/passwords.ts'
import { generatePassword } from '../access/tokens.ts'
import { actions, type Rule, type User } from '../access/user.ts'
import { hashInlineUsers } from '../access/user-directory.ts'
import { readUsersFile, type UserEntry } from '../access/users-file.ts'
import type { Config } from '../config.ts'
import { HubError, nearest, quote } from '../core/errors.ts'
import { checkFilter } from '../core/topic.ts'
import { jsonOption, usersName } from './arguments.ts'
import type { Terminal } from './terminal.ts'

/** Options of `parseArgs` that all commands for users have. */
export const fileOption = { file: { type: 'string', default: usersName }, ...jsonOption } as const

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

/** All users of a configuration, those of its file too. Nobody can sign in with these hashes. */
export async function knownUsers({ users, usersFile }: Config): Promise<User[]> {
  const inline = await hashInlineUsers(users, async () => 'a password')
  return usersFile === undefined ? inline : [...inline, ...readUsersFile(usersFile)]
}

interface NewPassword {
  readonly hash: string
  /** What the user of this name needs for HTTP Digest. */
  digestSecretFor(name: string): string
  /** That nobody knows yet. */
  readonly generated: string | undefined
  /** Lines that show it. */
  readonly lines: readonly string[]
}

/** A password from standard input, or a generated one that is shown this once. */
export async function newPassword(terminal: Terminal, isOnInput: boolean): Promise<NewPassword> {
  const password = isOnInput ? readPassword(await text(terminal.input)) : generatePassword()
  return {
    hash: await hashPassword(password),
    digestSecretFor: (name) => digestSecretOf(name, password),
    generated: isOnInput ? undefined : password,
    lines: isOnInput ? [] : [`password: ${password}`, shownOnce],
  }
}

export const shownOnce = 'It is shown only now: the file has nothing it could be read from.'

/** What `limits.mqtt.passwordBytes` is unless configured. */
const mostBytes = 256

/**
 * The password on standard input, without one line break at its end.
 *
 * @throws HubError `bad-command-line` when it is too short or too long.
 */
function readPassword(input: string): string {
  const password = input.replace(/\r?\n$/, '')
  const error = newPasswordError(password, mostBytes, ' on standard input')
  if (error === undefined) return password
  throw new HubError('bad-command-line', error)
}

export type RulePart = 'allow' | 'deny'

/**
 * The rule that `text` says, such as `read:home/#` or `read,command:home/#`; `where` is what an error calls it.
 *
 * @throws HubError `bad-command-line`
 */
export function readRule(part: RulePart, text: string, where: string): Rule {
  const [words = '', ...rest] = text.split(':')
  const topic = rest.join(':')
  const asked = words.split(',')
  const known = actions.filter((action) => asked.includes(action))
  if (known.length === asked.length && isFilter(topic)) return { [part]: known, topic }
  const expected = `expected ${where} to be like read:home/#, with ${listed} before the colon`
  throw new HubError('bad-command-line', `${expected} and a filter behind it, got ${quote(text)}`)
}

const listed = actions.join(', ').replace(/, (\w+)$/, ' or $1')

function isFilter(text: string): boolean {
  try {
    checkFilter(text)
    return true
  } catch {
    return false
  }
}

/** What `rules` say, in one phrase for each part of each. */
export function describeRules(rules: readonly Rule[]): string[] {
  return rules.flatMap(({ allow = [], deny = [], topic }) => [
    ...(allow.length === 0 ? [] : [`${allow.join('+')} on ${topic}`]),
    ...(deny.length === 0 ? [] : [`no ${deny.join('+')} on ${topic}`]),
  ])
}
