import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fieldOf, parseJson } from '../core/json.ts'
import { elsewhereName, restoreArchive } from '../store/archive.ts'
import { restoreBackup } from '../store/backup.ts'
import {
  type CliCommand,
  jsonOption,
  onlyOne,
  passphraseFrom,
  printAnswer,
  readArguments,
  readDataArguments,
  required,
} from './arguments.ts'
import { longWork } from './long-work.ts'
import { interruptedCode, type Terminal } from './terminal.ts'

const usage =
  'restore --data DIR FILE [--json] | restore --all DIR FILE [--passphrase-file FILE] [--json]'

export const restore: CliCommand = {
  usage,
  summary:
    'make a data folder from a backup, or with --all the folder of a whole hub; it has to be empty or not there',
  run: async (args, terminal) => {
    if (args.includes('--all')) return restoreAll(args, terminal)
    const { folder, file, json } = readDataArguments(args, usage, 1)
    return longWork(
      terminal,
      () => `${folder} has nothing of ${file}`,
      async ({ step }) => {
        const owners = new Map<string, number>()
        let seen = 0
        const values = await restoreBackup(file, folder, ([key, value]) => {
          step(`${++seen} values`)
          const user = key.startsWith('key/') && fieldOf(parseJson(value), 'user')
          if (typeof user === 'string') owners.set(user, (owners.get(user) ?? 0) + 1)
        })
        const keys = [...owners].map(([user, count]) => keysOf(user, count))
        const lines = [`${folder} has ${values} values from ${file}`, ...keys]
        const value = { folder, values, file, keys: Object.fromEntries(owners) }
        printAnswer(terminal, { json }, { value, lines })
        return 0
      },
    )
  },
}

async function restoreAll(args: string[], terminal: Terminal): Promise<number | undefined> {
  const { values, positionals } = readArguments(usage, () =>
    parseArgs({
      args,
      options: { all: { type: 'string' }, 'passphrase-file': { type: 'string' }, ...jsonOption },
      allowPositionals: true,
    }),
  )
  const folder = required(values.all, 'the folder of the hub after --all', usage)
  const file = onlyOne(positionals, 'the name of one file', usage)
  const passphrase = await passphraseFrom(values['passphrase-file'], terminal)
  if (passphrase === undefined) return interruptedCode
  const nothing = () => `${folder} has nothing of ${file}`
  return longWork(terminal, nothing, async ({ step }) => {
    const paths = await restoreArchive({ file, passphrase }, folder, step)
    const isElsewhere = paths.some((path) => path.startsWith(`${elsewhereName}/`))
    const copy = `cp -a ${join(folder, elsewhereName)}/. /`
    const lines = [
      `${folder} has ${paths.length} files from ${file}`,
      ...(isElsewhere
        ? [`what was not in the folder of the configuration goes there with: ${copy}`]
        : []),
    ]
    printAnswer(terminal, values, { value: { folder, file, paths }, lines })
    return 0
  })
}

function keysOf(user: string, count: number): string {
  return `with ${count} of ${user}'s keys for deCONZ or Jeedom, which let programs in again`
}
