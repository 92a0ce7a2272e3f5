import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createInbox } from '../../inbox.ts'
import { pingPacket, rawMqttTo, settled, signedIn } from '../../raw-mqtt.ts'
import { type HubPorts, talkTo } from '../../started-hub.ts'
import { startControl } from '../control.ts'

const program = fileURLToPath(new URL('../../../dist/cli/bin.js', import.meta.url))
const stallMs = 2000

interface StallingLab extends HubPorts {
  /** Lets the process stand still; its clock goes on, as it does while a loop is busy. */
  stall(): Promise<void>
  counters(): Promise<Record<string, number>>
}

async function startStallingLab(t: Test, settings: Record<string, string>): Promise<StallingLab> {
  const ports = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' }
  const child = spawn(process.execPath, [program, 'lab'], {
    env: { ...process.env, ...ports, ...settings },
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
  const httpPort = await portOf('http')
  return {
    httpPort,
    mqttPort: await portOf('mqtt'),
    stall: async () => {
      child.kill('SIGSTOP')
      await new Promise((resolve) => setTimeout(resolve, stallMs))
      child.kill('SIGCONT')
    },
    counters: async () => {
      const response = await fetch(`http://127.0.0.1:${httpPort}/healthz`)
      const body: { counters: Record<string, number> } = JSON.parse(await response.text())
      return body.counters
    },
  }
}

t.test(
  'F28: a hub that stood still for 2 seconds has noticed, and cuts nobody for it',
  async (t) => {
    const lab = await startStallingLab(t, {
      CLOWN_LIMITS_WEBSOCKET_PING_SECONDS: '1',
      CLOWN_LIMITS_WEBSOCKET_PONG_SECONDS: '1',
    })
    const control = await startControl(t, lab)
    const page = await talkTo(t, lab)
    // Its keep-alive is over after one and a half seconds.
    const impatient = await rawMqttTo(t, lab.mqttPort)
    await signedIn(impatient, { user: 'clown', password: 'bigclown', keepAliveSeconds: 1 })
    const pings = setInterval(() => impatient.send(pingPacket), 500)
    t.teardown(() => clearInterval(pings))
    let cut = 0
    for (const end of [page.websocket, impatient.stream]) end.on('close', () => cut++)
    for (let count = 0; count < 2; count++) {
      await lab.stall()
      // Two pings after the stall show that they go on, and that the answers to them count.
      for (let ping = 0; ping < 2; ping++) await once(page.websocket, 'ping')
    }
    clearInterval(pings)
    await settled(impatient)
    const { worstLatencyMs } = await control.stop()
    t.equal(cut, 0, 'nobody was cut')
    t.ok(worstLatencyMs >= stallMs / 2, 'there was a stall')
    const counters = await lab.counters()
    t.ok((counters['event-loop-lag'] ?? 0) >= 2, 'it was logged')
    t.notOk(counters['reports-shed'], 'and no report was dropped for it')
  },
)
