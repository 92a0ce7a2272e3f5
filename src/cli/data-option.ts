import { parseArgs } from 'node:util'
import { readArguments, required } from './command.ts'

/** The folder of `--data`, for a command that takes nothing else but `files` names. */
export function readDataArguments(args: string[], usage: string, files: 0 | 1) {
  const { values, positionals } = readArguments(usage, () =>
    parseArgs({ args, options: { data: { type: 'string' } }, allowPositionals: true }),
  )
  const folder = required(values.data, 'the data folder after --data', usage)
  const [file = ''] = positionals
  if (positionals.length !== files) required(undefined, `${files} file names`, usage)
  return { folder, file }
}
