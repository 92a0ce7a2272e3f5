// How long until a server can be reached? From the start of its process to an accepted connection: the hub
// as it is installed, Mosquitto, and an empty Node.js process to its end.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/programs.ts'
import { alternate } from './bench.ts'
import { startMosquitto } from './mosquitto.ts'
import { end, median } from './processes.ts'
import type { Row } from './table.ts'

const program = fileURLToPath(new URL('../dist/cli/bin.js', import.meta.url))

const starts: Readonly<Record<string, () => Promise<ChildProcess>>> = {
  hub: async () => {
    const port = await freePort()
    const env = {
      ...process.env,
      CLOWN_HTTP_PORT: '0',
      CLOWN_MQTT_PORT: `${port}`,
      CLOWN_LOG_LEVEL: 'error',
    }
    const child = spawn(process.execPath, [program, 'lab'], { env, stdio: 'ignore' })
    while (child.exitCode === null && !(await isReachable(port))) {}
    return child
  },
  Mosquitto: async () => (await startMosquitto()).child,
  'empty Node.js': async () => {
    const child = spawn(process.execPath, ['--eval', '0'])
    await once(child, 'exit')
    return child
  },
}

function isReachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => setTimeout(() => resolve(false), 2))
  })
}

export async function startTime(): Promise<Row[]> {
  const names = Object.keys(starts)
  const times = await alternate(Object.values(starts), async (startOne) => {
    const startMs = performance.now()
    const child = await startOne()
    const ms = performance.now() - startMs
    await end(child)
    return ms
  })
  const [hub = Number.NaN, ...others] = times.map(median)
  return others.map((theirs, at) => ({
    question: 'start',
    hub: `${hub.toFixed(0)} ms`,
    peer: names[at + 1] ?? '',
    theirs: `${theirs.toFixed(0)} ms`,
    ratio: hub / theirs,
  }))
}
