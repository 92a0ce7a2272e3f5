import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { hashPassword } from '../access/passwords.ts'
import { HubError, quote } from '../core/errors.ts'
import { writeSecret } from '../core/write-secret.ts'
import { type Command, configName, readArguments, usersName } from './command.ts'
import { configText, usersText } from './init-files.ts'
import { generatePassword } from './password.ts'
import { certificateNames, makeCertificate } from './self-signed.ts'

const usage = 'init [--tls] [--host NAME]… [--dir DIR]'

export const init: Command = {
  usage,
  summary:
    'write a configuration, and a users file with an admin whose password is shown once; with --tls a certificate, too, and other machines are let in by TLS',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () => parseArgs({ args, options }))
    const { dir, host = [], tls: isTls = false } = values
    for (const name of host) checkHost(name)
    const [configFile = '', usersFile = '', ...others] = [
      configName,
      usersName,
      ...(isTls ? Object.values(certificateNames) : []),
    ].map((name) => join(dir ?? '', name))
    const files = [configFile, usersFile, ...others]
    for (const file of files) checkAbsent(file)

    const made = isTls ? await makeCertificate(dir ?? '', [localName(), ...host]) : undefined
    const password = generatePassword()
    writeSecret(usersFile, usersText(await hashPassword(password)))
    const hosts = (made?.names ?? host).filter(isFurtherName)
    writeSecret(configFile, configText({ hosts, isTls }))

    const given = dir === undefined ? '' : ` --config ${configFile}`
    terminal.print(`${listed(files)} are written. Start the hub: clown-hub run${given}`)
    if (made) terminal.print(`The certificate is good for ${listed(made.names)}.`)
    terminal.print('user: admin')
    terminal.print(`password: ${password}`)
    terminal.print(
      'The password is shown only now; clown-hub user password admin makes another one.',
    )
  },
}

const options = {
  dir: { type: 'string' },
  tls: { type: 'boolean' },
  host: { type: 'string', multiple: true },
} as const

/** What `http.hosts` takes. */
const hostPattern = /^[A-Za-z0-9._-]{1,253}$/

function checkHost(name: string): void {
  if (hostPattern.test(name) || isIP(name) !== 0) return
  const sentence = 'expected --host to be a host name or an IP address, without a port'
  throw new HubError('bad-command-line', `${sentence}, got ${quote(name)}`)
}

/** Names that `http.hosts` has to have, for the hub to be called by them. */
function isFurtherName(name: string): boolean {
  return hostPattern.test(name) && isIP(name) === 0 && name !== 'localhost'
}

/** RFC 6762: what other machines on the same network call this one, where nobody set up names. */
function localName(): string {
  return hostname().replace(/(\..*)?$/s, '.local')
}

function listed(items: readonly string[]): string {
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}

function checkAbsent(file: string): void {
  if (!existsSync(file)) return
  const sentence = `expected no ${file}, and will not write over it: move it away, or use --dir`
  throw new HubError('unwritable-file', sentence)
}
