import { parseArgs } from 'node:util'
import { createTotpSecret, totpUri } from '../access/totp.ts'
import { changeUser } from '../access/users-file.ts'
import { HubError } from '../core/errors.ts'
import { type CliCommand, onlyOne, readArguments } from './arguments.ts'
import { fileOption, known } from './user-arguments.ts'

const usage = 'user totp NAME [--remove] [--file FILE]'

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
      terminal.print(`${name} signs in without a code now`)
      return
    }
    terminal.print(`${name} signs in to pages by password and code now, and to all else by token`)
    terminal.print(`uri: ${totpUri(name, totp)}`)
    terminal.print(`secret: ${totp}`)
    terminal.print(
      'Enter the secret in an authenticator app, or show it as a picture: qrencode -t ansiutf8',
    )
  },
}
