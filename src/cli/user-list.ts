import { parseArgs } from 'node:util'
import { isMosquittoHash } from '../access/passwords.ts'
import type { User } from '../access/user.ts'
import { readRoles, readUsersFile } from '../access/users-file.ts'
import { type CliCommand, readArguments } from './arguments.ts'
import { describeRules, fileOption } from './user-arguments.ts'

const usage = 'user list [--file FILE]'

export const userList: CliCommand = {
  usage,
  summary: 'list the users and roles of a users file, without their secrets',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () => parseArgs({ args, options: fileOption }))
    for (const user of readUsersFile(values.file)) {
      terminal.print(describe(user))
      for (const line of describeRules(user.rules)) terminal.print(`  ${line}`)
    }
    for (const [name, rules] of readRoles(values.file)) {
      terminal.print(`role ${name}`)
      for (const line of describeRules(rules)) terminal.print(`  ${line}`)
    }
  },
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
