import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { hashPassword } from '../access/passwords.ts'
import { HubError } from '../core/errors.ts'
import { writeSecret } from '../core/write-secret.ts'
import { type Command, configName, readArguments, usersName } from './command.ts'
import { configText, usersText } from './init-files.ts'
import { generatePassword } from './password.ts'

const usage = 'init [--dir DIR]'

export const init: Command = {
  usage,
  summary: 'write a configuration, and a users file with an admin whose password is shown once',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () =>
      parseArgs({ args, options: { dir: { type: 'string' } } }),
    )
    const { dir } = values
    const configFile = join(dir ?? '', configName)
    const usersFile = join(dir ?? '', usersName)
    for (const file of [configFile, usersFile]) checkAbsent(file)
    const password = generatePassword()
    writeSecret(usersFile, usersText(await hashPassword(password)))
    // A configuration in another folder is started from who knows where.
    writeSecret(configFile, configText(dir === undefined ? usersFile : resolve(usersFile)))
    const given = dir === undefined ? '' : ` --config ${configFile}`
    terminal.print(
      `${configFile} and ${usersFile} are written. Start the hub: clown-hub run${given}`,
    )
    terminal.print('user: admin')
    terminal.print(`password: ${password}`)
    terminal.print(
      'The password is shown only now; clown-hub user password admin makes another one.',
    )
  },
}

function checkAbsent(file: string): void {
  if (!existsSync(file)) return
  const sentence = `expected no ${file}, and will not write over it: move it away, or use --dir`
  throw new HubError('unwritable-file', sentence)
}
