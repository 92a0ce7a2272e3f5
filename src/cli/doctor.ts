import { parseArgs } from 'node:util'
import { isLoopbackHost } from '../access/address.ts'
import { userFindings } from '../access/user-findings.ts'
import { type Config, readConfig } from '../config.ts'
import { HubError } from '../core/errors.ts'
import { type Command, configPath, readArguments, required, type Terminal } from './command.ts'
import { knownUsers } from './known-users.ts'

const usage = 'doctor [CONFIG]'

export const doctor: Command = {
  usage,
  summary: 'look for what is wrong or unsafe in a configuration and its users (exit code 1)',
  run: async (args, terminal) => {
    const { positionals } = readArguments(usage, () => parseArgs({ args, allowPositionals: true }))
    if (positionals.length > 1) required(undefined, 'one configuration file', usage)
    const findings = await findingsOf(positionals[0], terminal)
    for (const finding of findings) terminal.print(finding)
    if (findings.length > 0) return 1
    terminal.print('nothing to mend was found')
    return 0
  },
}

/** A configuration that cannot be used at all is the only finding. */
async function findingsOf(file: string | undefined, { environment }: Terminal): Promise<string[]> {
  try {
    const config = readConfig(configPath(file), environment)
    const users = userFindings(await knownUsers(config))
    return [...knownPasswords(config), ...openPorts(config), ...users]
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

function openPorts({ http, mqtt }: Config): string[] {
  return Object.entries({ http, mqtt }).flatMap(([key, { host }]) =>
    isLoopbackHost(host)
      ? []
      : [
          `${key}.host ${host} lets other machines in without TLS, and passwords can be read on the way: set it to 127.0.0.1, with a proxy that speaks TLS before it`,
        ],
  )
}
