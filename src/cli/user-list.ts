import { parseArgs } from 'node:util'
import { isMosquittoHash } from '../access/passwords.ts'
import type { Rule, User } from '../access/user.ts'
import { readRoles, readUsersFile } from '../access/users-file.ts'
import { type CliCommand, printAnswer, readArguments } from './arguments.ts'
import { describeRules, fileOption } from './user-arguments.ts'

const usage = 'user list [--file FILE] [--json]'

export const userList: CliCommand = {
  usage,
  summary: 'list the users and roles of a users file, without their secrets',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () => parseArgs({ args, options: fileOption }))
    const users = readUsersFile(values.file)
    const roles = [...readRoles(values.file)]
    const lines = [
      ...users.flatMap((user) => [describe(user), ...indented(user.rules)]),
      ...roles.flatMap(([name, rules]) => [`role ${name}`, ...indented(rules)]),
    ]
    const value = { users: users.map(withoutSecrets), roles: Object.fromEntries(roles) }
    printAnswer(terminal, values, { value, lines })
  },
}

function indented(rules: readonly Rule[]): string[] {
  return describeRules(rules).map((line) => `  ${line}`)
}

function withoutSecrets({ name, role, base, rules, tokens, ...secrets }: User) {
  return {
    ...{ name, role, base, rules, tokens: tokens.map((token) => token.name) },
    hasPassword: secrets.passwordHash !== undefined,
    hasDigest: secrets.digestSecret !== undefined,
    hasCode: secrets.totp !== undefined,
  }
}

function describe({ name, role, base, passwordHash, digestSecret, totp, tokens }: User): string {
  const parts = [
    role ?? 'no role',
    ...(base === undefined ? [] : [`base ${base}`]),
    ...(passwordHash === undefined ? [] : [passwordOf(passwordHash)]),
    ...(digestSecret === undefined ? [] : ['digest']),
    ...(totp === undefined ? [] : ['code']),
    ...tokens.map((token) => `token ${token.name}`),
  ]
  return `${name}: ${parts.join(', ')}`
}

/** Who has not signed in since an import can be told from the others. */
function passwordOf(hash: string): string {
  return isMosquittoHash(hash) ? 'password (hashed by Mosquitto)' : 'password'
}
