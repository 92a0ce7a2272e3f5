import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { startHub } from '../hub.ts'
import { type Command, readArguments, required } from './command.ts'

const usage = 'run --config FILE'

export const run: Command = {
  usage,
  summary: 'start the hub with a configuration file',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () =>
      parseArgs({ args, options: { config: { type: 'string' } } }),
    )
    const file = required(values.config, 'a configuration file', usage)
    const hub = await startHub(readConfig(file, terminal.environment))
    terminal.print(`Clown.Hub listens: HTTP port ${hub.httpPort}, MQTT port ${hub.mqttPort}`)
    await terminal.stopped
    await hub.close()
  },
}
