import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { readUsersFile } from '../access/users-file.ts'
import { type Config, readConfig, readFirstConfig } from '../config.ts'
import { watchFiles } from '../core/files.ts'
import { detached } from '../core/guard.ts'
import { compileSooner } from '../core/process-watch.ts'
import type { Hub } from '../hub.ts'
import {
  type CliCommand,
  configPath,
  dataName,
  forPeople,
  jsonOption,
  printAnswer,
  readArguments,
  usersName,
} from './arguments.ts'
import { tellServiceManager } from './service-manager.ts'
import { straySignals, type Terminal, warningsTo } from './terminal.ts'

const usage = 'run [--config FILE] [--json]'

export const run: CliCommand = {
  usage,
  summary: 'start the hub with a configuration file, clown-hub.yaml unless told otherwise',
  run: async (args, terminal) => {
    const { values } = readArguments(usage, () =>
      parseArgs({ args, options: { config: { type: 'string' }, ...jsonOption } }),
    )
    terminal.ignore(['SIGHUP', ...straySignals])
    const file = configPath(values.config)
    const environment = await environmentWithUsers(file, values, terminal)
    if (environment === undefined) return
    const folder = join(dirname(file), dataName)
    const read = () => {
      const config = readConfig(file, environment, warningsTo(forPeople(terminal, values)))
      return { ...config, data: { folder, ...config.data } }
    }
    const config = read()
    const [{ startHub }, { openLog }, { dialectsLine }] = await Promise.all([
      import('../hub.ts'),
      import('../core/log.ts'),
      import('./lab-dialects.ts'),
    ])
    // By a log of its own, which waits for nobody: that of the hub may be what is broken.
    terminal.endOnDefect((error) =>
      openLog('fatal').fatal({ event: 'defect', err: error }, 'a defect ends the hub'),
    )
    const hub = await startHub(config, { configFile: file })
    compileSooner()
    const reload = () => detached(hub.reload(read))
    terminal.onReload(reload)
    const stopWatching = watchFiles([file], reload)
    const others = hub.dialects.length === 0 ? '' : `; ${dialectsLine(hub.dialects)}`
    const { httpPort, mqttPort, httpsPort, mqttsPort, dialects } = hub
    const value = { httpPort, mqttPort, httpsPort, mqttsPort, dialects }
    const line = `Clown.Hub listens: ${portsOf(hub)}${others}`
    printAnswer(terminal, values, { value, lines: [line] })
    const tellEnd = tellServiceManager(terminal)
    await terminal.stopped
    tellEnd()
    stopWatching()
    await hub.close()
  },
}

/**
 * The environment that the configuration is to be read with, once somebody can sign in: in a users file beside it, where it
 * names no users itself. Undefined when the hub is stopped before.
 */
async function environmentWithUsers(
  file: string,
  values: { readonly json: boolean },
  terminal: Terminal,
): Promise<Terminal['environment'] | undefined> {
  const { environment } = terminal
  const first = readFirstConfig(file, environment)
  if (Object.keys(first.users).length > 0) return environment
  const usersFile = first.usersFile ?? join(dirname(file), usersName)
  const hasUsers = existsSync(usersFile) && readUsersFile(usersFile).length > 0
  if (!hasUsers && !(await setUp(first, { ...values, usersFile }, terminal))) return undefined
  return { ...environment, CLOWN_USERS_FILE: usersFile }
}

/** Returns whether there is a first admin, and not the end of the hub or of the time for that. */
async function setUp(
  config: Config,
  values: { readonly json: boolean; readonly usersFile: string },
  terminal: Terminal,
): Promise<boolean> {
  const [{ openSetup }, { openLog }] = await Promise.all([
    import('../setup.ts'),
    import('../core/log.ts'),
  ])
  const log = openLog(config.log.level)
  const setup = await openSetup(config, { usersFile: values.usersFile, log })
  const sentence = 'Nobody can sign in yet. Open this within 30 minutes to make the first admin:'
  const { link } = setup
  printAnswer(terminal, values, { value: { link }, lines: [`${sentence} ${link}`] })
  void terminal.stopped.then(setup.close)
  const isDone = await setup.ended
  if (!isDone) terminal.printError('Nobody was made. Start the hub again for another link.')
  return isDone
}

function portsOf({ httpPort, mqttPort, httpsPort, mqttsPort }: Hub): string {
  const plain = [`HTTP port ${httpPort}`, mqttPort > 0 && `MQTT port ${mqttPort}`]
  const secure = [httpsPort, mqttsPort].filter((port) => port !== undefined).join(' and ')
  return [...plain, secure && `with TLS ${secure}`].filter(Boolean).join(', ')
}
