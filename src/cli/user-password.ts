import { parseArgs } from 'node:util'
import { changeUser } from '../access/users-file.ts'
import { type CliCommand, onlyOne, printAnswer, readArguments } from './arguments.ts'
import { known, newPassword, passwordOptions } from './user-arguments.ts'

const usage = 'user password NAME [--digest | --no-digest] [--stdin] [--file FILE] [--json]'

export const userPassword: CliCommand = {
  usage,
  summary: 'give a user another password, generated or from standard input',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options: passwordOptions, allowPositionals: true, allowNegative: true }),
    )
    const name = onlyOne(positionals, 'the name of one user', usage)
    const { hash, digestSecretFor, generated, lines } = await newPassword(terminal, values.stdin)
    changeUser(values.file, name, (before) => {
      const { digest, ...entry } = known(before, name, values.file)
      // Whoever signs in by Digest goes on doing so, by the new password.
      const wantsDigest = values.digest ?? digest !== undefined
      const secret = wantsDigest ? { digest: digestSecretFor(name) } : {}
      return { ...entry, password: hash, ...secret }
    })
    const all = [`${name} has another password now`, ...lines]
    printAnswer(terminal, values, { value: { user: name, password: generated }, lines: all })
  },
}
