import { parseArgs } from 'node:util'
import { startSimulatedNode } from '../simulator/start-simulated-node.ts'
import { type Command, readArguments, required } from './command.ts'

const usage = 'simulate --base BASE --url mqtt://USER:PASSWORD@HOST:PORT'

export const simulate: Command = {
  usage,
  summary: 'be a hardware node: sensors, relays and a led, connected by MQTT',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () =>
      parseArgs({
        args,
        options: { base: { type: 'string', default: 'nodes/bridge/0' }, url: { type: 'string' } },
      }),
    )
    const url = required(values.url, 'the URL of an MQTT broker', usage)
    const log = (line: string) => terminal.print(`${values.base}: ${line}`)
    const node = await startSimulatedNode({ url, base: values.base, log })
    await terminal.stopped
    await node.close()
  },
}
