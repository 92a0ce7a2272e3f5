import { parseArgs } from 'node:util'
import { changeUser } from '../access/users-file.ts'
import { type CliCommand, onlyOne, printAnswer, readArguments } from './arguments.ts'
import { fileOption, known } from './user-arguments.ts'

const usage = 'user remove NAME [--file FILE] [--json]'

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
    const lines = [`${name} is not in ${values.file} any more`]
    printAnswer(terminal, values, { value: { user: name, removed: true }, lines })
  },
}
