import { fieldOf, parseJson } from '../core/json.ts'
import { restoreBackup } from '../store/backup.ts'
import { type CliCommand, readDataArguments } from './arguments.ts'

const usage = 'restore --data DIR FILE'

export const restore: CliCommand = {
  usage,
  summary: 'make a data folder from a backup; the folder has to be empty or not there',
  run: async (args, { print }) => {
    const { folder, file } = readDataArguments(args, usage, 1)
    const owners = new Map<string, number>()
    const values = await restoreBackup(file, folder, ([key, value]) => {
      const user = key.startsWith('key/') && fieldOf(parseJson(value), 'user')
      if (typeof user === 'string') owners.set(user, (owners.get(user) ?? 0) + 1)
    })
    print(`${folder} has ${values} values from ${file}`)
    for (const [user, count] of owners) {
      print(`with ${count} of ${user}'s keys for deCONZ or Jeedom, which let programs in again`)
    }
  },
}
