import { parseArgs } from 'node:util'
import { readSecretFile, valueIn } from '../core/text-file.ts'
import { type Command, readArguments, required } from './command.ts'
import { faultOptions, faultUsage, readAbsence, readFaults } from './fault-options.ts'

const usage = `simulate --base BASE --url mqtt://USER:PASSWORD@HOST:PORT [--password-file FILE] ${faultUsage}`

export const simulate: Command = {
  usage,
  summary:
    'be a hardware node: sensors, relays and a led, connected by MQTT, with faults to try a hub with',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () =>
      parseArgs({
        args,
        options,
      }),
    )
    const url = required(values.url, 'the URL of an MQTT broker', usage)
    const log = (line: string) => terminal.print(`${values.base}: ${line}`)
    const file = values['password-file']
    const secret = file === undefined ? {} : { password: passwordIn(file) }
    const absence = readAbsence(values)
    const { startSimulatedNode } = await import('../simulator/start-simulated-node.ts')
    const node = await startSimulatedNode({
      url,
      base: values.base,
      log,
      ...secret,
      faults: readFaults(values),
      ...(absence && { absence }),
    })
    await terminal.stopped
    await node.close()
  },
}

const options = {
  base: { type: 'string', default: 'nodes/bridge/0' },
  url: { type: 'string' },
  'password-file': { type: 'string' },
  ...faultOptions,
} as const

/** Other users of a machine see its command lines, so a password may also stand in a file. */
function passwordIn(file: string): string {
  return valueIn(readSecretFile('--password-file', file))
}
