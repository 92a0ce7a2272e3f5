import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { type CliCommand, jsonOption, printAnswer, readArguments, required } from './arguments.ts'

const usage = 'check-config FILE [--json]'

export const checkConfigFile: CliCommand = {
  usage,
  summary: 'check a configuration file, and the CLOWN_… variables with it, without starting',
  run: async (args, terminal) => {
    const { values, positionals } = readArguments(usage, () =>
      parseArgs({ args, options: jsonOption, allowPositionals: true }),
    )
    const file = required(positionals[0], 'a configuration file', usage)
    if (positionals.length > 1) required(undefined, 'one configuration file', usage)
    const warnings: string[] = []
    readConfig(file, terminal.environment, (sentence) => warnings.push(sentence))
    const lines = warnings.map((sentence) => `warning: ${sentence}`)
    printAnswer(terminal, values, {
      value: { file, warnings },
      lines: [...lines, `${file} is a valid configuration`],
    })
  },
}
