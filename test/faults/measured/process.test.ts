import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createInbox } from '../../inbox.ts'
import { startControl } from '../control.ts'

const program = fileURLToPath(new URL('../../../dist/cli/bin.js', import.meta.url))
// Node opens the hub's modules many at a time, about 150 files when it starts.
const maxOpenFiles = 256
const faultMs = 3000
const recoveryMs = 15_000

interface CrampedLab {
  readonly httpPort: number
  readonly mqttPort: number
  isAlive(): boolean
}

/** The built hub in lab mode, in a process that may open few files. */
async function startCrampedLab(t: Test): Promise<CrampedLab> {
  const script = `ulimit -n ${maxOpenFiles}; exec "$0" "$1" lab`
  const child = spawn('sh', ['-c', script, process.execPath, program], {
    env: { ...process.env, CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const output = createInbox<string>()
  createInterface({ input: child.stdout }).on('line', output.put)
  const portOf = async (scheme: string) => {
    const line = await output.next((text) => text.includes(`${scheme}://`))
    return Number(/:(\d+)/.exec(line)?.[1])
  }
  const ports = { httpPort: await portOf('http'), mqttPort: await portOf('mqtt') }
  return { ...ports, isAlive: () => child.exitCode === null && child.signalCode === null }
}

/** Opens many connections that say nothing, and waits until each is open or was turned away. */
async function flood(t: Test, port: number): Promise<Socket[]> {
  const sockets = Array.from({ length: 2 * maxOpenFiles }, () => connect(port, '127.0.0.1'))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(sockets.map(settled))
  return sockets
}

function settled(socket: Socket): Promise<unknown> {
  // A connection that is turned away ends in an error or without one; both are well.
  socket.on('error', () => {}).resume()
  return new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
}

/** How many connections the hub refused or cut for others so far, as soon as it has room to answer that. */
async function refusedBy({ httpPort }: CrampedLab): Promise<number> {
  const deadlineMs = performance.now() + recoveryMs
  for (;;) {
    try {
      const headers = { Connection: 'close' }
      const response = await fetch(`http://127.0.0.1:${httpPort}/healthz`, { headers })
      const text = await response.text()
      // While it is full it answers, but with 503.
      if (response.ok)
        return countedIn(text, 'connections-refused', 'connections-given-way', 'accept-paused')
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
    }
  }
}

function countedIn(text: string, ...names: string[]): number {
  return names.reduce(
    (sum, name) => sum + Number(RegExp(`"${name}":(\\d+)`).exec(text)?.[1] ?? 0),
    0,
  )
}

t.test(
  'F30: with few file descriptors left the hub turns newcomers away and goes on',
  async (t) => {
    const lab = await startCrampedLab(t)
    const control = await startControl(t, lab)
    const endsAtMs = performance.now() + faultMs
    let floods = 0
    while (performance.now() < endsAtMs) {
      const sockets = await flood(t, floods % 2 === 0 ? lab.mqttPort : lab.httpPort)
      t.ok(lab.isAlive(), 'the process lives')
      for (const socket of sockets) socket.destroy()
      floods++
    }
    const refused = await refusedBy(lab)
    const { sent, worstLatencyMs } = await control.stop()
    t.ok(refused > 0, 'newcomers were turned away, or silent ones cut, and counted')
    t.ok(sent > 10, 'there was traffic during the fault')
    t.comment(
      `${floods} floods, ${refused} refused, ${sent} messages, ${worstLatencyMs} ms at most`,
    )
    t.ok(lab.isAlive())
    await startControl(t, lab).then(({ stop }) => stop())
  },
)
