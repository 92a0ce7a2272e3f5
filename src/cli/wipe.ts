import { parseArgs } from 'node:util'
import { wipeFolder } from '../store/data-folder.ts'
import { type CliCommand, readArguments, required } from './arguments.ts'

const usage = 'wipe --data DIR --yes'

export const wipe: CliCommand = {
  usage,
  summary: 'remove all that hubs have kept in a data folder, for good',
  run: async (args, { print }) => {
    const options = { data: { type: 'string' }, yes: { type: 'boolean', default: false } } as const
    const { values } = readArguments(usage, () => parseArgs({ args, options }))
    const folder = required(values.data, 'the data folder after --data', usage)
    if (!values.yes) required(undefined, '--yes, since nothing brings it back', usage)
    print(`removed ${await wipeFolder(folder)} files and folders from ${folder}`)
  },
}
