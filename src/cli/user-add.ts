import { parseArgs } from 'node:util'
import { anonymousName, type Role, roles } from '../access/user.ts'
import { changeUser } from '../access/users-file.ts'
import { HubError, quote } from '../core/errors.ts'
import { type Command, onlyOne, readArguments } from './command.ts'
import { newPassword, passwordOptions } from './user-options.ts'

const usage = 'user add NAME [--role ROLE] [--base BASE] [--digest] [--stdin] [--file FILE]'

export const userAdd: Command = {
  usage,
  summary: 'add a user to a users file, with a generated password or the one on standard input',
  run: async (args, terminal) => {
    const options = {
      ...passwordOptions,
      role: { type: 'string' },
      base: { type: 'string' },
    } as const
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const name = onlyOne(positionals, 'the name of one user', usage)
    const { file, base } = values
    const role = roleNamed(values.role)
    const password = name === anonymousName ? undefined : await newPassword(terminal, values.stdin)
    changeUser(file, name, (before) => {
      if (before !== undefined) {
        throw new HubError('bad-command-line', `expected a new name, ${quote(name)} is in ${file}`)
      }
      return {
        ...(role && { role }),
        ...(base !== undefined && { base }),
        ...(password && { password: password.hash }),
        ...(password && values.digest && { digest: password.digestSecretFor(name) }),
      }
    })
    const rights = role ?? 'without a role: nothing is allowed until you write rules there'
    terminal.print(`${name} is in ${file} now, ${rights}`)
    for (const line of password?.lines ?? []) terminal.print(line)
  },
}

function roleNamed(text: string | undefined): Role | undefined {
  const role = roles.find((known) => known === text)
  if (role !== undefined || text === undefined) return role
  const sentence = `expected --role to be one of ${roles.join(', ')}, got ${quote(text)}`
  throw new HubError('bad-command-line', sentence)
}
