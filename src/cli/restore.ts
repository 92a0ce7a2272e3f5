import { fieldOf, parseJson } from '../core/json.ts'
import { restoreBackup } from '../store/backup.ts'
import { type CliCommand, readDataArguments } from './arguments.ts'
import { longWork } from './long-work.ts'

const usage = 'restore --data DIR FILE'

export const restore: CliCommand = {
  usage,
  summary: 'make a data folder from a backup; the folder has to be empty or not there',
  run: async (args, terminal) => {
    const { folder, file } = readDataArguments(args, usage, 1)
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
        terminal.print(`${folder} has ${values} values from ${file}`)
        for (const [user, count] of owners) terminal.print(keysOf(user, count))
        return 0
      },
    )
  },
}

function keysOf(user: string, count: number): string {
  return `with ${count} of ${user}'s keys for deCONZ or Jeedom, which let programs in again`
}
