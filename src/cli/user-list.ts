import { parseArgs } from 'node:util'
import type { User } from '../access/user.ts'
import { readUsersFile } from '../access/users-file.ts'
import { type Command, readArguments } from './command.ts'
import { fileOption } from './user-options.ts'

const usage = 'user list [--file FILE]'

export const userList: Command = {
  usage,
  summary: 'list the users of a users file, without their secrets',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () => parseArgs({ args, options: fileOption }))
    for (const user of readUsersFile(values.file)) terminal.print(describe(user))
  },
}

function describe({ name, role, base, rules, passwordHash, digestSecret, tokens }: User): string {
  const parts = [
    role ?? 'no role',
    ...(base === undefined ? [] : [`base ${base}`]),
    ...rules.flatMap(({ allow = [], deny = [], topic }) => [
      ...(allow.length === 0 ? [] : [`${allow.join('+')} on ${topic}`]),
      ...(deny.length === 0 ? [] : [`no ${deny.join('+')} on ${topic}`]),
    ]),
    ...(passwordHash === undefined ? [] : ['password']),
    ...(digestSecret === undefined ? [] : ['digest']),
    ...tokens.map((token) => `token ${token.name}`),
  ]
  return `${name}: ${parts.join(', ')}`
}
