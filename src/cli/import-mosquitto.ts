import { existsSync, mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { Document, isScalar, visit } from 'yaml'
import { readConfig } from '../config.ts'
import { HubError } from '../core/errors.ts'
import { readTextFile, writeSecret } from '../core/files.ts'
import { type BrokerAddress, readBrokerUrl } from '../simulator/broker-address.ts'
import {
  type CliCommand,
  configName,
  dataName,
  forPeople,
  jsonOption,
  passwordIn,
  printAnswer,
  readArguments,
  required,
  usersName,
} from './arguments.ts'
import { longWork } from './long-work.ts'
import {
  type Conf,
  type ConfLine,
  locate,
  readAcl,
  readConf,
  readPasswords,
} from './mosquitto/files.ts'
import { type ImportedConfig, importConfig } from './mosquitto/settings.ts'
import { type ImportedUsers, importUsers } from './mosquitto/users.ts'
import { interruptedCode, type Terminal } from './terminal.ts'

const usage =
  'import mosquitto [DIR] [--from mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT] [--password-file FILE]] [--to DIR] [--force] [--json]'

const options = {
  from: { type: 'string' },
  'password-file': { type: 'string' },
  to: { type: 'string', default: '.' },
  force: { type: 'boolean', default: false },
  ...jsonOption,
} as const

export const importMosquitto: CliCommand = {
  usage,
  summary:
    'write a configuration and users from those of a Mosquitto, and copy the retained values of a running one; what has no counterpart is listed',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options, allowPositionals: true }),
    )
    const [dir, ...more] = positionals
    const isOneSource = more.length === 0 && (dir ?? values.from) !== undefined
    required(isOneSource ? '' : undefined, 'one folder, or --from, or both', usage)
    const { print: say } = forPeople(terminal, values)
    const target: Target = { folder: values.to, isForced: values.force, terminal, say, done: {} }
    const code = await importAll({ dir, broker: brokerOf(values), target })
    if (code === interruptedCode) return code
    const config = inFolder(target, configName)
    const next = `Next: clown-hub doctor ${config}, and then clown-hub run --config ${config}`
    printAnswer(terminal, values, { value: { config, ...target.done }, lines: [next] })
    return code
  },
}

function brokerOf(values: {
  readonly from?: string | undefined
  readonly 'password-file'?: string | undefined
}): BrokerAddress | undefined {
  const { from, 'password-file': file } = values
  const password = passwordIn(file)
  return from === undefined ? undefined : { ...readBrokerUrl(from), ...(password && { password }) }
}

interface Sources {
  readonly dir: string | undefined
  readonly broker: BrokerAddress | undefined
  readonly target: Target
}

/** Returns the exit code: 1 when values are missing. A broker has to let us in before anything is written. */
async function importAll({ dir, broker, target }: Sources): Promise<number | undefined> {
  if (broker === undefined) {
    if (dir !== undefined) importFiles(dir, target)
    return 0
  }
  const { connectBroker, copyRetained } = await import('./mosquitto/retained.ts')
  const client = await connectBroker(broker)
  try {
    if (dir !== undefined) importFiles(dir, target)
    const config = readConfig(inFolder(target, configName), target.terminal.environment)
    const folder = config.data.folder ?? inFolder(target, dataName)
    const { isForced, terminal } = target
    const some = () => `a part of the retained values is in ${folder}; --force brings all of them`
    return await longWork(terminal, some, async ({ step }) => {
      const wanted = { folder, isForced, limits: config.limits, step }
      const { lines, counts, isWhole } = await copyRetained({ broker, client }, wanted)
      for (const line of lines) target.say(line)
      Object.assign(target.done, { retained: { ...counts, isWhole } })
      return isWhole ? 0 : 1
    })
  } finally {
    await client.endAsync(true)
  }
}

/** Where an import goes. */
interface Target {
  readonly folder: string
  /** Whether what is there may be written over. */
  readonly isForced: boolean
  readonly terminal: Terminal
  /** Tells people how far it is. */
  say(line: string): void
  /** What is done, for programs. */
  readonly done: object
}

function inFolder({ folder }: Target, name: string): string {
  return join(folder, name)
}

/** Writes the configuration and the users, and tells what has no counterpart. */
function importFiles(dir: string, target: Target): void {
  const conf = readConf(dir)
  const { config, notes: onConfig, ...security } = importConfig(conf)
  const { users, notes: onUsers } = usersOf(conf, security)
  const [configFile = '', usersFile = ''] = [configName, usersName].map((name) => {
    const file = inFolder(target, name)
    if (existsSync(file) && !target.isForced) throw isThere(file)
    return file
  })
  mkdirSync(target.folder, { recursive: true })
  writeSecret(usersFile, written(usersHead, { users }))
  writeSecret(configFile, written(configHead, { usersFile: usersName, ...config }))
  const notes = [...onConfig, ...onUsers]
  if (notes.length > 0)
    target.say('What has no counterpart here, or another one (docs/from-mosquitto.md):')
  for (const note of notes) target.say(`  ${note}`)
  const withPassword = [...users.values()].filter(({ password }) => password !== undefined)
  target.say(
    `${configFile} and ${usersFile} are written: ${users.size} users, ${withPassword.length} of them with the password they have`,
  )
  Object.assign(target.done, { usersFile, users: users.size, notes })
  // Whatever was written has to be right, or say now what is missing.
  readConfig(configFile, target.terminal.environment)
}

/** Lists of words on one line. */
function written(head: string, value: unknown): string {
  const document = new Document(value)
  visit(document, {
    Seq: (_key, list) => {
      list.flow = list.items.every(isScalar)
    },
  })
  return head + document.toString({ lineWidth: 0, flowCollectionPadding: false })
}

const configHead = `# Clown.Hub, as imported from Mosquitto. "clown-hub check-config" says whether the hub understands this
# file, and "clown-hub doctor" whether it is safe. All settings: schemas/config.schema.json in the package.

`

const usersHead = `# Who may sign in, and what they may do, as imported from Mosquitto. A password that begins with $6$ or $7$
# is a hash of Mosquitto's; when its user signs in, one that is harder to guess takes its place.
# "clown-hub user add", "remove", "list", "password" and "token" work on this file. Keep it at mode 0600.

`

function isThere(file: string): HubError {
  const sentence = `expected no ${file}, and will not write over it`
  return new HubError('unwritable-file', `${sentence}: move it away, use --to, or --force`)
}

type Security = Pick<ImportedConfig, 'passwordFiles' | 'aclFiles' | 'allowsAnonymous'>

function usersOf(
  conf: Conf,
  { passwordFiles, aclFiles, allowsAnonymous }: Security,
): ImportedUsers {
  const [aclFile, ...furtherAcls] = aclFiles
  const passwords = passwordFiles.flatMap((line) => readPasswords(...textOf(line, conf)))
  const acl = aclFile && readAcl(...textOf(aclFile, conf))
  const { users, notes } = importUsers({ passwords, acl, allowsAnonymous })
  const further = furtherAcls.map(
    ({ place }) => `${place}: acl_file: left out, since there is one for all ports`,
  )
  const unknown = passwordFiles.length > 0 ? [] : [allowsAnonymous ? namedAnyhow : nobodyYet]
  return { users, notes: [...further, ...unknown, ...notes] }
}

const namedAnyhow =
  'mosquitto.conf: no password_file: who gives a name there is let in with any password, here that takes a user'

const nobodyYet = 'mosquitto.conf: no password_file: nobody may sign in before clown-hub user add'

/** What a file says, and how to call it. */
function textOf(line: ConfLine, { folder }: Conf): [text: string, file: string] {
  const path = locate(line.value, folder)
  return [readTextFile(`${line.place}: ${line.name}`, path).text, basename(path)]
}
