import { parseArgs } from 'node:util'
import { wipeFolder } from '../store/data-folder.ts'
import { type CliCommand, jsonOption, printAnswer, readArguments, required } from './arguments.ts'

const usage = 'wipe --data DIR --yes [--json]'

export const wipe: CliCommand = {
  usage,
  summary: 'remove all that hubs have kept in a data folder, for good',
  run: async (args, terminal) => {
    const options = {
      data: { type: 'string' },
      yes: { type: 'boolean', default: false },
      ...jsonOption,
    } as const
    const { values } = readArguments(usage, () => parseArgs({ args, options }))
    const folder = required(values.data, 'the data folder after --data', usage)
    if (!values.yes) required(undefined, '--yes, since nothing brings it back', usage)
    const removed = await wipeFolder(folder)
    const lines = [`removed ${removed} files and folders from ${folder}`]
    printAnswer(terminal, values, { value: { folder, removed }, lines })
  },
}
