import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { GenerateResult, SubjectAltNameEntry } from 'selfsigned'
import { hashPassword } from '../access/passwords.ts'
import { generatePassword } from '../access/tokens.ts'
import { HubError, quote, reasonOf } from '../core/errors.ts'
import { writeSecret } from '../core/files.ts'
import {
  type CliCommand,
  configName,
  dataName,
  jsonOption,
  printAnswer,
  readArguments,
  required,
  usersName,
} from './arguments.ts'

const usage = 'init [--bus URL] [--tls | --open] [--host NAME]… [--dir DIR] [--json]'

export const init: CliCommand = {
  usage,
  summary:
    'write a configuration, and a users file with an admin whose password is shown once; with --tls a certificate, too, and other machines are let in by TLS, with --open in the clear; with --bus for a hub beside a broker that is there',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () => parseArgs({ args, options }))
    const { dir, host = [], tls: isTls, open: isOpen } = values
    checkValues(values)
    const broker = values.bus === undefined ? undefined : brokerIn(values.bus)
    const [configFile = '', usersFile = '', ...others] = [
      configName,
      usersName,
      ...(isTls ? Object.values(certificateNames) : []),
      ...(broker?.password === undefined ? [] : [brokerPasswordName]),
    ].map((name) => join(dir ?? '', name))
    const files = [configFile, usersFile, ...others]
    for (const file of files) checkAbsent(file)

    const made = isTls ? await makeCertificate(dir ?? '', [localName(), ...host]) : undefined
    const password = generatePassword()
    writeSecret(usersFile, usersText(await hashPassword(password)))
    const hosts = (made?.names ?? host).filter(isFurtherName)
    writeSecret(configFile, configText({ hosts, isTls, isOpen, broker }))
    if (broker?.password !== undefined) {
      writeSecret(join(dir ?? '', brokerPasswordName), `${broker.password}\n`)
    }

    const given = dir === undefined ? '' : ` --config ${configFile}`
    const lines = [
      `${listed(files)} are written. Start the hub: clown-hub run${given}`,
      ...(made ? [`The certificate is good for ${listed(made.names)}.`] : []),
      'user: admin',
      `password: ${password}`,
      'The password is shown only now; clown-hub user password admin makes another one.',
    ]
    const value = { files, user: 'admin', password, names: made?.names }
    printAnswer(terminal, values, { value, lines })
  },
}

const options = {
  bus: { type: 'string' },
  dir: { type: 'string' },
  tls: { type: 'boolean', default: false },
  open: { type: 'boolean', default: false },
  host: { type: 'string', multiple: true },
  ...jsonOption,
} as const

interface InitValues {
  readonly host?: readonly string[] | undefined
  readonly tls: boolean
  readonly open: boolean
}

/** @throws HubError `bad-command-line` */
function checkValues({ host = [], tls, open }: InitValues): void {
  if (tls && open) required(undefined, '--tls or --open, and not both', usage)
  for (const name of host) checkHost(name)
}

const brokerPasswordName = 'broker-password.txt'

/** A broker that is there, and as whom the hub comes to it. */
interface Broker {
  readonly url: string
  readonly user: string | undefined
  readonly password: string | undefined
}

/** Reads mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT]. */
function brokerIn(text: string): Broker {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^mqtts?:$/.test(url.protocol) || url.hostname === '') {
    const sentence = 'expected --bus to be mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT]'
    throw new HubError('bad-command-line', `${sentence}, got ${quote(text)}`)
  }
  const given = (part: string) => (part === '' ? undefined : decodeURIComponent(part))
  return {
    url: `${url.protocol}//${url.host}`,
    user: given(url.username),
    password: given(url.password),
  }
}

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

interface FirstConfig {
  /** Names that browsers may call the hub by. */
  readonly hosts: readonly string[]
  /** Opens the ports with TLS for other machines, by the certificate beside the configuration. */
  readonly isTls: boolean
  /** Lets other machines in without TLS. */
  readonly isOpen: boolean
  /** Beside which the hub runs, in place of being one. */
  readonly broker: Broker | undefined
}

/** A configuration whose plain ports are for this machine only. */
function configText({ hosts, isTls, isOpen, broker }: FirstConfig): string {
  const host = isOpen ? '0.0.0.0' : '127.0.0.1'
  return `# Clown.Hub. "clown-hub check-config" says whether the hub understands this file, and
# "clown-hub doctor" whether it is safe. Relative paths start here, at the folder of this file. All
# settings: schemas/config.schema.json in the package.

# Who may sign in, and what they may do.
usersFile: ${usersName}

# What the hub has to remember when it ends. The folder is made at the first start.
data:
  folder: ${dataName}

${isOpen ? openHead : ''}http:
  # ${isOpen ? allOpen : isTls ? whatIsOpen : howToOpen}
  host: ${host}
  port: 8080
  # Names that browsers may call the hub by, besides localhost and IP addresses.
  ${hosts.length === 0 ? '# hosts: ["hub.local"]' : `hosts: ${JSON.stringify(hosts)}`}

${broker === undefined ? ownBroker(host) : busText(broker)}${isTls ? tlsText(broker) : ''}
log:
  level: info
`
}

const openHead = `# Passwords travel in the clear, between machines on one network that trust each other.
accept: [plain-http, plain-mqtt]

`

const allOpen = 'Every machine on the network. It finds the hub by the name clown-hub.local.'

const howToOpen = `This machine only. "clown-hub init --tls" in another folder writes a configuration that
  # lets other machines in by TLS. With 0.0.0.0 here they would send passwords in the clear.`

const whatIsOpen = `This machine only. Other machines come in by TLS, below; with 0.0.0.0 here they would send
  # passwords in the clear.`

const certificateNames = { certFile: 'tls.crt', keyFile: 'tls.key' } as const

function ownBroker(host: string): string {
  return `mqtt:
  host: ${host}
  port: 1883
`
}

/** JSON is YAML. */
function busText({ url, user, password }: Broker): string {
  const credentials = [
    user !== undefined && `  user: ${JSON.stringify(user)}\n`,
    password !== undefined && `  passwordFile: ${brokerPasswordName}\n`,
  ]
  return `# The broker that is there: docs/beside-mosquitto.md.
bus:
  url: ${url}
${credentials.filter(Boolean).join('')}  # Who may write here is believed where devices are commanded. Take away homeassistant where not everybody
  # who announces something there may switch everything.
  trust: [homeassistant, tasmota/discovery]
`
}

function tlsText(broker: Broker | undefined): string {
  return broker === undefined ? `${tlsOfHttp}  mqttPort: 8883\n` : tlsOfHttp
}

const tlsOfHttp = `
# For other machines, too. The certificate signs itself: give it to clients, which have to trust it,
# or put one of an authority in its place. A running hub takes up a new pair.
tls:
  certFile: ${certificateNames.certFile}
  keyFile: ${certificateNames.keyFile}
  host: 0.0.0.0
  # HTTPS and wss, and MQTT.
  httpPort: 8443
`

/** A users file with one admin. */
function usersText(passwordHash: string): string {
  return `# Who may sign in, and what they may do. "clown-hub user add", "allow", "deny", "remove", "list",
# "password" and "token" work on this file. A running hub follows it within a second. Keep it at mode 0600.
#
# A role is viewer (reads), operator (also writes, retains and commands), admin (also reads $SYS),
# or node (writes and retains below its base, and reads the commands for it). Rules add to it, or
# take away:
#
#   wall-panel:
#     role: viewer
#     rules:
#       - allow: [command] # read, write, command or retain
#         topic: nodes/bridge/0/relay/+/set # {user} and {client} may stand for levels
#       - deny: [read] # deny beats allow
#         topic: nodes/bridge/0/microphone/#
#
# Programs need rules for their topics: "clown-hub user add NAME --kind tasmota" writes them, as it does
# for shelly, esphome, zigbee2mqtt, home-assistant and node-red.
#
# A user called anonymous, without password and tokens, stands for all who give none.
users:
  admin:
    role: admin
    password: ${passwordHash}
`
}

/** The files of a new certificate, to be named as `certFile` and `keyFile` of the part `tls`. */
export interface MadeCertificate {
  readonly certFile: string
  readonly keyFile: string
  /** The names and addresses it is good for. */
  readonly names: readonly string[]
}

const dayMs = 24 * 60 * 60 * 1000

/** Apple's systems accept 825 days at most. It begins yesterday, for clocks that are behind. */
const validDays = { before: 1, after: 824 }

/**
 * Makes a certificate that signs itself, for this machine and `names` (host names, IP addresses), as
 * `tls.crt` and `tls.key` in `directory`. The key is an elliptic curve one, for its owner only.
 *
 * @throws HubError `bad-command-line` when one of the files is there already or cannot be written,
 * and when the package selfsigned, which is optional, is not installed.
 */
export async function makeCertificate(
  directory: string,
  names: readonly string[] = [],
  load: () => Promise<Pick<typeof import('selfsigned'), 'generate'>> = () => import('selfsigned'),
): Promise<MadeCertificate> {
  const all = [...new Set(['localhost', '127.0.0.1', '::1', hostname(), ...names])]
  const pems = await generate(all, load)
  const certFile = join(directory, certificateNames.certFile)
  const keyFile = join(directory, certificateNames.keyFile)
  await writeNew(keyFile, pems.private, 0o600)
  try {
    await writeNew(certFile, pems.cert, 0o644)
  } catch (error) {
    await rm(keyFile)
    throw error
  }
  return { certFile, keyFile, names: all }
}

async function generate(
  names: readonly string[],
  load: () => Promise<Pick<typeof import('selfsigned'), 'generate'>>,
): Promise<GenerateResult> {
  const selfsigned = await load().catch((cause: unknown) => {
    const fix = 'npm install selfsigned, or make a certificate with openssl'
    throw new HubError('bad-command-line', `expected the package selfsigned: ${fix}`, { cause })
  })
  const nowMs = Date.now()
  return selfsigned.generate([{ name: 'commonName', value: 'Clown.Hub' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(nowMs - validDays.before * dayMs),
    notAfterDate: new Date(nowMs + validDays.after * dayMs),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: names.map(alternativeName) },
    ],
  })
}

/** RFC 5280, 4.2.1.6: 2 is a DNS name, 7 an address. */
function alternativeName(name: string): SubjectAltNameEntry {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name }
}

/** Never writes over a file: whoever made it may need it. */
async function writeNew(file: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx', mode, flush: true })
  } catch (cause) {
    const message = `expected to write a new file ${JSON.stringify(file)}: ${reasonOf(cause)}`
    throw new HubError('bad-command-line', message, { cause })
  }
}
