import { parseArgs } from 'node:util'
import { userWarnings } from '../access/user-check.ts'
import { type Config, readConfig } from '../config.ts'
import { HubError } from '../core/errors.ts'
import { exposures } from '../exposure.ts'
import { certificateFindings } from './certificate-findings.ts'
import { type Command, configPath, readArguments, required, type Terminal } from './command.ts'
import { knownUsers } from './known-users.ts'

const usage = 'doctor [CONFIG]'

export const doctor: Command = {
  usage,
  summary: 'look for what is wrong or unsafe in a configuration and its users (exit code 1)',
  run: async (args, terminal) => {
    const { positionals } = readArguments(usage, () => parseArgs({ args, allowPositionals: true }))
    if (positionals.length > 1) required(undefined, 'one configuration file', usage)
    const findings = await orMessage(() => findingsOf(positionals[0], terminal))
    for (const finding of findings) terminal.print(finding)
    if (findings.length > 0) return 1
    terminal.print('nothing to mend was found')
    return 0
  },
}

async function findingsOf(file: string | undefined, { environment }: Terminal): Promise<string[]> {
  const oldNames: string[] = []
  const config = readConfig(configPath(file), environment, (sentence) => oldNames.push(sentence))
  const { tls } = config
  return [
    ...oldNames,
    ...knownPasswords(config),
    ...exposures(config),
    ...(await orMessage(async () => (tls === undefined ? [] : certificateFindings(tls)))),
    ...userWarnings(await knownUsers(config)),
  ]
}

/** What keeps the hub from starting is the only finding of whoever looks for more. */
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
