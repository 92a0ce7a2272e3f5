import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { type CliCommand, readArguments, required } from './arguments.ts'
import { warningsTo } from './terminal.ts'

const usage = 'check-config FILE'

export const checkConfigFile: CliCommand = {
  usage,
  summary: 'check a configuration file, and the CLOWN_… variables with it, without starting',
  run: async (args, terminal) => {
    const { positionals } = readArguments(usage, () => parseArgs({ args, allowPositionals: true }))
    const file = required(positionals[0], 'a configuration file', usage)
    if (positionals.length > 1) required(undefined, 'one configuration file', usage)
    readConfig(file, terminal.environment, warningsTo(terminal))
    terminal.print(`${file} is a valid configuration`)
  },
}
