import { X509Certificate } from 'node:crypto'
import { parseArgs } from 'node:util'
import { exposures } from '../access/exposure.ts'
import { userWarnings } from '../access/user-check.ts'
import { type Config, readConfig } from '../config.ts'
import { type CertificateFiles, readCertificate } from '../core/certificate.ts'
import { HubError, quote } from '../core/errors.ts'
import { type CliCommand, configPath, readArguments, required } from './arguments.ts'
import { hubWarnings } from './doctor-hub.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { aclFor } from './mosquitto/acl.ts'
import type { Terminal } from './terminal.ts'
import { knownUsers } from './user-arguments.ts'

const usage = `doctor [CONFIG [--acl mosquitto] | URL [--origin ORIGIN]] [--json] ${hubUsage}`

const options = {
  acl: { type: 'string' },
  origin: { type: 'string' },
  json: { type: 'boolean', default: false },
  ...hubOptions,
} as const

export const doctor: CliCommand = {
  usage,
  summary:
    'look for what is wrong or unsafe, and say what mends it: of a configuration and its users, or of a hub that runs (exit code 1 when there is something)',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const [given, ...more] = positionals
    if (more.length > 0) required(undefined, 'one configuration file or URL', usage)
    if (values.acl !== undefined) {
      for (const line of await aclOf(values.acl, given, terminal)) terminal.print(line)
      return 0
    }
    const url = given !== undefined && /^https?:/.test(given) ? given : values.url
    const find = () => (url === undefined ? warningsOf(given, terminal) : visited(url))
    const visited = (url: string) => {
      const hub = hubAddress({ ...values, url }, terminal)
      return hubWarnings({ hub, origin: values.origin }, terminal)
    }
    const warnings = await orMessage(find)
    if (values.json) terminal.print(JSON.stringify({ warnings }))
    else for (const warning of warnings) terminal.print(warning)
    if (warnings.length > 0) return 1
    if (!values.json) terminal.print('nothing to fix was found')
    return 0
  },
}

async function aclOf(
  broker: string,
  file: string | undefined,
  { environment }: Terminal,
): Promise<string[]> {
  if (broker !== 'mosquitto') {
    const sentence = `expected --acl to be mosquitto, got ${quote(broker)}`
    throw new HubError('bad-command-line', sentence)
  }
  const config = readConfig(configPath(file), environment)
  return aclFor(config, await knownUsers(config))
}

async function warningsOf(file: string | undefined, { environment }: Terminal): Promise<string[]> {
  const oldNames: string[] = []
  const config = readConfig(configPath(file), environment, (sentence) => oldNames.push(sentence))
  const { tls } = config
  return [
    ...oldNames,
    ...knownPasswords(config),
    ...exposures(config),
    ...(await orMessage(async () => (tls === undefined ? [] : certificateWarnings(tls)))),
    ...userWarnings(await knownUsers(config)),
  ]
}

/** What keeps the hub from starting is the only warning of whoever looks for more. */
async function orMessage(find: () => Promise<string[]>): Promise<string[]> {
  try {
    return await find()
  } catch (error) {
    if (error instanceof HubError) return [error.message]
    throw error
  }
}

/** Passwords that everybody can read in our documents. */
const publicPasswords = ['bigclown', 'correct horse battery staple']

function knownPasswords({ users }: Config): string[] {
  return Object.entries(users).flatMap(([name, { password }]) =>
    password !== undefined && publicPasswords.includes(password)
      ? [`${name} has a password that everybody knows: choose another one`]
      : [],
  )
}

const dayMs = 24 * 60 * 60 * 1000
/** Authorities that renew by themselves do so at about this time. */
const soonDays = 30

/**
 * What is wrong with a certificate that is in order so far: that it has expired, or soon will.
 *
 * @throws HubError as `readCertificate`
 */
export function certificateWarnings(files: CertificateFiles, nowMs = Date.now()): string[] {
  const lastMs = Date.parse(new X509Certificate(readCertificate(files).cert).validTo)
  const daysLeft = (lastMs - nowMs) / dayMs
  if (daysLeft >= soonDays) return []
  const verb = daysLeft < 0 ? 'has expired' : 'expires'
  const lastDay = new Date(lastMs).toISOString().slice(0, 10)
  const sentence = `tls.certFile ${JSON.stringify(files.certFile)} ${verb} on ${lastDay}`
  return [`${sentence}: put a new pair in its place, which a running hub takes up by itself`]
}
