import { parseArgs } from 'node:util'
import { changeUser } from '../access/users-file.ts'
import { type Command, onlyOne, readArguments } from './command.ts'
import { known, newPassword, passwordOptions } from './user-options.ts'

const usage = 'user password NAME [--stdin] [--file FILE]'

export const userPassword: Command = {
  usage,
  summary: 'give a user another password, generated or from standard input',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options: passwordOptions, allowPositionals: true }),
    )
    const name = onlyOne(positionals, 'the name of one user', usage)
    const { hash, lines } = await newPassword(terminal, values.stdin)
    changeUser(values.file, name, (before) => ({
      ...known(before, name, values.file),
      password: hash,
    }))
    terminal.print(`${name} has another password now`)
    for (const line of lines) terminal.print(line)
  },
}
