import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { saveArchive } from '../store/archive.ts'
import { folderLines, saveBackup } from '../store/backup.ts'
import { isLocked } from '../store/store-errors.ts'
import { filesOf } from '../whole-backup.ts'
import {
  type CliCommand,
  configPath,
  dataName,
  jsonOption,
  onlyOne,
  passphraseFrom,
  printAnswer,
  readArguments,
  required,
} from './arguments.ts'
import { streamFromHub } from './ask-hub.ts'
import { hubAddress, hubOptions, hubUsage } from './hub-address.ts'
import { type LongWork, longWork } from './long-work.ts'
import { interruptedCode, type Terminal } from './terminal.ts'

const usage = `backup --data DIR FILE [--json] ${hubUsage} | backup --all FILE [--config FILE] [--passphrase-file FILE] [--json] ${hubUsage}`

const options = {
  data: { type: 'string' },
  all: { type: 'boolean', default: false },
  config: { type: 'string' },
  'passphrase-file': { type: 'string' },
  ...jsonOption,
  ...hubOptions,
} as const

type Values = ReturnType<typeof read>['values']

function read(args: string[]) {
  return parseArgs({ args, options, allowPositionals: true })
}

export const backup: CliCommand = {
  usage,
  summary:
    'save what a hub keeps, from its data folder, or by HTTP from an admin while it runs; with --all its configuration, users, certificates and logs, too, encrypted',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () => read(args))
    const given = values.all ? '' : values.data
    const folder = required(given, 'the data folder after --data, or --all', usage)
    const file = onlyOne(positionals, 'the name of one file', usage)
    if (values.all) return saveAll(file, values, terminal)
    const untouched = () => `${file} is as it was before`
    return longWork(terminal, untouched, async (long) => {
      const save = async (source: Source) => {
        const count = await saveBackup(file, source.lines)
        const lines = [`${file} has ${count} values of ${source.name}`]
        const value = { file, values: count, source: source.name }
        printAnswer(terminal, values, { value, lines })
      }
      await fromFolderOrHub({ folder, values, terminal, long }, save)
      return 0
    })
  },
}

/** Where the lines of a backup come from. */
interface Source {
  readonly lines: AsyncIterable<string | Uint8Array>
  readonly name: string
}

interface Sources {
  readonly folder: string
  readonly values: Values
  readonly terminal: Terminal
  readonly long: LongWork
}

/** Saves what is in a data folder, or asks the hub whose it is. */
async function fromFolderOrHub(
  { folder, values, terminal, long }: Sources,
  save: (source: Source) => Promise<void>,
): Promise<void> {
  try {
    await save({ lines: long.counted(folderLines(folder), 'values'), name: folder })
  } catch (error) {
    if (!isLocked(error)) throw error
    const hub = hubAddress(values, terminal)
    const pieces = await streamFromHub(hub, { path: '/api/backup', json: '{}' }, terminal)
    await save({ lines: long.counted(pieces, 'pieces'), name: `the hub at ${hub.url}` })
  }
}

async function saveAll(
  file: string,
  values: Values,
  terminal: Terminal,
): Promise<number | undefined> {
  const configFile = configPath(values.config)
  const read = readConfig(configFile, terminal.environment)
  const folder = read.data.folder ?? join(dirname(configFile), dataName)
  const config = { ...read, data: { folder } }
  const passphrase = await passphraseFrom(values['passphrase-file'], terminal)
  if (passphrase === undefined) return interruptedCode
  const untouched = () => `${file} is as it was before`
  return longWork(terminal, untouched, async (long) => {
    const save = async (source: Source) => {
      const { name } = source
      const files = filesOf({ config, configFile, storeLines: source.lines })
      const count = await saveArchive(file, files, passphrase)
      const lines = [`${file} has ${count} files: ${configFile}, what it names, and ${name}`]
      printAnswer(terminal, values, { value: { file, files: count, source: name }, lines })
    }
    await fromFolderOrHub({ folder, values, terminal, long }, save)
    return 0
  })
}
