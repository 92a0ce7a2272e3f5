import { X509Certificate } from 'node:crypto'
import { parseArgs } from 'node:util'
import { exposures } from '../access/exposure.ts'
import { userWarnings } from '../access/user-check.ts'
import { type Config, readConfig } from '../config.ts'
import { type CertificateFiles, readCertificate } from '../core/certificate.ts'
import { HubError, quote } from '../core/errors.ts'
import { type CliCommand, configPath, readArguments, required } from './arguments.ts'
import { aclFor } from './mosquitto/acl.ts'
import type { Terminal } from './terminal.ts'
import { knownUsers } from './user-arguments.ts'

const usage = 'doctor [--acl mosquitto] [CONFIG]'

export const doctor: CliCommand = {
  usage,
  summary: 'look for what is wrong or unsafe in a configuration and its users (exit code 1)',
  run: async (args, terminal) => {
    const { positionals, values } = readArguments(usage, () =>
      parseArgs({ args, allowPositionals: true, options: { acl: { type: 'string' } } }),
    )
    if (positionals.length > 1) required(undefined, 'one configuration file', usage)
    if (values.acl !== undefined) {
      for (const line of await aclOf(values.acl, positionals[0], terminal)) terminal.print(line)
      return 0
    }
    const warnings = await orMessage(() => warningsOf(positionals[0], terminal))
    for (const warning of warnings) terminal.print(warning)
    if (warnings.length > 0) return 1
    terminal.print('nothing to fix was found')
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
