import { restoreBackup } from '../store/backup.ts'
import { type CliCommand, readDataArguments } from './arguments.ts'

const usage = 'restore --data DIR FILE'

export const restore: CliCommand = {
  usage,
  summary: 'make a data folder from a backup; the folder has to be empty or not there',
  run: async (args, { print }) => {
    const { folder, file } = readDataArguments(args, usage, 1)
    print(`${folder} has ${await restoreBackup(file, folder)} values from ${file}`)
  },
}
