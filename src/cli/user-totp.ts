import { parseArgs } from 'node:util'
import { createTotpSecret, totpUri } from '../access/totp.ts'
import { changeUser } from '../access/users-file.ts'
import { HubError } from '../core/errors.ts'
import { type CliCommand, onlyOne, printAnswer, readArguments } from './arguments.ts'
import { fileOption, known } from './user-arguments.ts'

const usage = 'user totp NAME [--remove] [--file FILE] [--json]'

export const userTotp: CliCommand = {
  usage,
  summary: 'have a user sign in to pages by password and code, that of an authenticator app',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({
        args,
        options: { ...fileOption, remove: { type: 'boolean', default: false } },
        allowPositionals: true,
      }),
    )
    const name = onlyOne(positionals, 'the name of one user', usage)
    const totp = values.remove ? undefined : createTotpSecret()
    changeUser(values.file, name, (before) => {
      const { totp: _, digest, ...entry } = known(before, name, values.file)
      if (totp === undefined) return { ...entry, ...(digest && { digest }) }
      if (entry.password !== undefined) return { ...entry, totp }
      const sentence = `expected ${name} to have a password, beside which a code is given`
      throw new HubError('bad-command-line', `${sentence}: clown-hub user password ${name}`)
    })
    if (totp === undefined) {
      const lines = [`${name} signs in without a code now`]
      printAnswer(terminal, values, { value: { user: name, code: false }, lines })
      return
    }
    const uri = totpUri(name, totp)
    const lines = [
      `${name} signs in to pages by password and code now, and to all else by token`,
      `uri: ${uri}`,
      `secret: ${totp}`,
      'Enter the secret in an authenticator app, or show it as a picture: qrencode -t ansiutf8',
    ]
    const value = { user: name, code: true, uri, secret: totp }
    printAnswer(terminal, values, { value, lines })
  },
}
