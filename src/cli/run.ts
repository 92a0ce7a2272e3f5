import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { watchFiles } from '../core/files.ts'
import { detached } from '../core/guard.ts'
import type { Hub } from '../hub.ts'
import { type CliCommand, configPath, dataName, readArguments } from './arguments.ts'
import { straySignals, warningsTo } from './terminal.ts'

const usage = 'run [--config FILE]'

export const run: CliCommand = {
  usage,
  summary: 'start the hub with a configuration file, clown-hub.yaml unless told otherwise',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () =>
      parseArgs({ args, options: { config: { type: 'string' } } }),
    )
    terminal.ignore(['SIGHUP', ...straySignals])
    const file = configPath(values.config)
    const folder = join(dirname(file), dataName)
    const read = () => {
      const config = readConfig(file, terminal.environment, warningsTo(terminal))
      return { ...config, data: { folder, ...config.data } }
    }
    const config = read()
    const [{ startHub }, { openLog }, { dialectsLine }] = await Promise.all([
      import('../hub.ts'),
      import('../core/log.ts'),
      import('./lab-dialects.ts'),
    ])
    // By a log of its own, which waits for nobody: that of the hub may be what is broken.
    terminal.endOnDefect((error) => openLog('fatal').fatal({ err: error }, 'a defect ends the hub'))
    const hub = await startHub(config)
    const reload = () => detached(hub.reload(read))
    terminal.onReload(reload)
    const stopWatching = watchFiles([file], reload)
    const others = hub.dialects.length === 0 ? '' : `; ${dialectsLine(hub.dialects)}`
    terminal.print(`Clown.Hub listens: ${portsOf(hub)}${others}`)
    await terminal.stopped
    stopWatching()
    await hub.close()
  },
}

function portsOf({ httpPort, mqttPort, httpsPort, mqttsPort }: Hub): string {
  const plain = [`HTTP port ${httpPort}`, mqttPort > 0 && `MQTT port ${mqttPort}`]
  const secure = [httpsPort, mqttsPort].filter((port) => port !== undefined).join(' and ')
  return [...plain, secure && `with TLS ${secure}`].filter(Boolean).join(', ')
}
