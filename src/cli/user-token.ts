import { parseArgs } from 'node:util'
import { withNewToken } from '../access/user-changes.ts'
import { changeUser } from '../access/users-file.ts'
import { type CliCommand, onlyOne, printAnswer, readArguments } from './arguments.ts'
import { fileOption, known, shownOnce } from './user-arguments.ts'

const usage = 'user token NAME [--label LABEL] [--file FILE] [--json]'

export const userToken: CliCommand = {
  usage,
  summary: 'give a user one more token: a long password for one device or program',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({
        args,
        options: { ...fileOption, label: { type: 'string' } },
        allowPositionals: true,
      }),
    )
    const name = onlyOne(positionals, 'the name of one user', usage)
    const { token, name: label, added } = withNewToken(values.label)
    changeUser(values.file, name, (before) => added(known(before, name, values.file)))
    const sentence = `${name} may also sign in with the token ${label}, in place of a password`
    const lines = [sentence, `token: ${token}`, shownOnce]
    printAnswer(terminal, values, { value: { user: name, label, token }, lines })
  },
}
