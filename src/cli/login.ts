import { parseArgs } from 'node:util'
import { HubError } from '../core/errors.ts'
import {
  type CliCommand,
  jsonOption,
  onlyOne,
  passwordIn,
  printAnswer,
  readArguments,
  required,
} from './arguments.ts'
import { askHub } from './ask-hub.ts'
import { readHubUrl, readLogins, writeLogins } from './hub-address.ts'
import { interruptedCode, readHidden } from './terminal.ts'

const usage = 'login URL [--password-file FILE] [--json]'

export const login: CliCommand = {
  usage,
  summary:
    'keep who you are to a hub, such as http://ann@192.0.2.7:8080, in a file for you only; the password is asked for',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const given = readHubUrl(onlyOne(positionals, 'the URL of a hub', usage), 'the URL')
    if (given.user === '') required(undefined, 'a user in the URL, http://USER@HOST:PORT', usage)
    const asked = passwordIn(values['password-file']) || given.password
    const password =
      asked || (await readHidden('a password', `password of ${given.user}: `, terminal))
    if (password === undefined) return interruptedCode
    const hub = { ...given, password }
    const answer = await askHub(hub, { path: '/api/nodes' }, terminal)
    if (answer === undefined) return interruptedCode
    const others = readLogins(terminal.environment).filter(({ url }) => url !== hub.url)
    const { url, user } = hub
    const file = writeLogins(terminal.environment, [hub, ...others])
    const line = `logged in to ${url} as ${user}: commands ask this hub from now on (${file})`
    printAnswer(terminal, values, { value: { url, user, file }, lines: [line] })
    return 0
  },
}

const options = { 'password-file': { type: 'string' }, ...jsonOption } as const

const logoutUsage = 'logout [URL] [--json]'

export const logout: CliCommand = {
  usage: logoutUsage,
  summary: 'forget who you are to a hub, the one of the latest login unless told otherwise',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(logoutUsage, () =>
      parseArgs({ args, options: jsonOption, allowPositionals: true }),
    )
    const logins = readLogins(terminal.environment)
    const [text = logins[0]?.url, ...more] = positionals
    if (more.length > 0) required(undefined, 'one URL', logoutUsage)
    const url = text && readHubUrl(text, 'the URL').url
    const others = logins.filter((known) => known.url !== url)
    if (others.length === logins.length) {
      throw new HubError('bad-command-line', `expected a login to ${url ?? 'a hub'}, got none`)
    }
    writeLogins(terminal.environment, others)
    printAnswer(terminal, values, { value: { url }, lines: [`logged out of ${url}`] })
    return 0
  },
}
