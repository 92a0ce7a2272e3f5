import { parseArgs } from 'node:util'
import { type Command, readArguments } from './command.ts'

const usage = 'lab [--dialects NAME=PORT,… | none]'

export const lab: Command = {
  usage,
  summary: 'start a hub and a simulated node, for this machine only, without any configuration',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () =>
      parseArgs({ args, options: { dialects: { type: 'string' } } }),
    )
    const { startLab } = await import('./start-lab.ts')
    await startLab(values.dialects, terminal)
  },
}
