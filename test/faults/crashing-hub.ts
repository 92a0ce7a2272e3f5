import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { ConfigInput } from '../../src/config.ts'
import { writePrivate } from '../access/users.ts'
import { createInbox } from '../inbox.ts'
import { everybody, type HubPorts } from '../started-hub.ts'

const program = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))

/** Of what is killed no coverage is counted. */
const { NODE_OPTIONS: _, ...unrecorded } = process.env

/** A hub that can be ended and started again, and keeps what it keeps in one folder. */
export interface CrashingHub {
  /** Starts it, with options for Node.js; answers where it listens, how long it took, and its process. */
  start(
    nodeOptions?: readonly string[],
  ): Promise<HubPorts & { readonly startMs: number; readonly pid: number }>
  /** Ends it by a signal; answers its exit code, which `SIGKILL` leaves null. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>
}

/** The one that everybody runs, with room for a load that one client may not make. */
const config = {
  http: { port: 0 },
  mqtt: { port: 0 },
  users: everybody,
  limits: {
    // A busy machine would have it drop reports at QoS 0.
    process: { lagMs: 60_000 },
    mqtt: { publishesPerSecond: 100_000, publishBurst: 200_000, qos2Window: 1000 },
    sessions: { messages: 100_000, bytes: 67_108_864, totalBytes: 1_073_741_824 },
  },
  log: { level: 'error' },
}

interface ProcessOptions {
  /** Beside what all have. */
  readonly commands?: ConfigInput['commands']
  readonly notify?: ConfigInput['notify']
  /** Of the disk. */
  readonly store?: NonNullable<ConfigInput['limits']>['store']
  /** Where its errors go; to those of the test unless told otherwise. */
  readonly stderr?: 'ignore'
  readonly uid?: number
}

/** `folder` is its own. */
export function crashingHub(
  t: Test,
  folder: string,
  { stderr, commands = {}, notify, store = {}, ...options }: ProcessOptions = {},
): CrashingHub {
  const configFile = join(folder, 'clown-hub.yaml')
  const data = { folder: join(folder, 'data') }
  const limits = { ...config.limits, store }
  writePrivate(configFile, JSON.stringify({ ...config, limits, commands, notify, data }))
  let end: CrashingHub['end'] = async () => null
  t.teardown(() => end('SIGKILL'))
  return {
    start: async (nodeOptions = []) => {
      const startedAtMs = performance.now()
      const child = spawn(
        process.execPath,
        [...nodeOptions, program, 'run', '--config', configFile],
        {
          ...options,
          env: unrecorded,
          stdio: ['ignore', 'pipe', stderr ?? 'inherit'],
        },
      )
      const ended = once(child, 'close')
      end = async (signal) => {
        child.kill(signal)
        return (await ended)[0]
      }
      const output = createInbox<string>()
      createInterface({ input: child.stdout }).on('line', output.put)
      void ended.then(([code]) => output.put(`exit code ${code}`))
      const line = await output.next((text) => /listens|^exit code/.test(text))
      if (line.startsWith('exit')) throw new Error(`expected the hub to start, got ${line}`)
      const [, http, mqtt] = /HTTP port (\d+), MQTT port (\d+)/.exec(line) ?? []
      const startMs = performance.now() - startedAtMs
      return { httpPort: Number(http), mqttPort: Number(mqtt), startMs, pid: Number(child.pid) }
    },
    end: (signal) => end(signal),
  }
}
