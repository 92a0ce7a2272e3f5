import { parseArgs } from 'node:util'
import { changeUser } from '../access/users-file.ts'
import { type CliCommand, onlyOne, readArguments } from './arguments.ts'
import { fileOption, known } from './user-arguments.ts'

const usage = 'user remove NAME [--file FILE]'

export const userRemove: CliCommand = {
  usage,
  summary: 'remove a user from a users file; a running hub ends what that user has open',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options: fileOption, allowPositionals: true }),
    )
    const name = onlyOne(positionals, 'the name of one user', usage)
    changeUser(values.file, name, (before) => {
      known(before, name, values.file)
      return undefined
    })
    terminal.print(`${name} is not in ${values.file} any more`)
  },
}
