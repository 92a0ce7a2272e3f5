import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createInbox } from '../inbox.ts'
import { publishPacket, rawMqttTo, settled, signedIn } from '../raw-mqtt.ts'
import { everybody } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const program = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))

const config = { http: { port: 0 }, mqtt: { port: 0 }, users: everybody }

interface LoggingHub {
  readonly child: ChildProcess
  readonly httpPort: number
  readonly mqttPort: number
  isAlive(): boolean
  counters(): Promise<Record<string, number>>
  /** Asks it to end, and answers its exit code; undefined after 5 seconds. */
  stop(): Promise<number | null | undefined>
}

/** The built hub, whose standard error goes where the shell line `redirect` sends it. */
async function startedHub(t: Test, redirect = ''): Promise<LoggingHub> {
  const folder = testFolder(t, { 'hub.yaml': JSON.stringify(config) })
  const script = `exec "$0" "$1" run --config "$2" ${redirect}`
  const file = `${folder}/hub.yaml`
  const child = spawn('sh', ['-c', `chmod 600 "$2"; ${script}`, process.execPath, program, file])
  const ended = once(child, 'exit').then(([code]) => code)
  t.teardown(() => {
    child.kill('SIGKILL')
    child.stderr.destroy()
    return ended
  })
  const output = createInbox<string>()
  createInterface({ input: child.stdout }).on('line', output.put)
  const line = await output.next((text) => text.startsWith('Clown.Hub listens'))
  const [httpPort = 0, mqttPort = 0] = Array.from(line.matchAll(/\d+/g), Number)
  return {
    child,
    httpPort,
    mqttPort,
    isAlive: () => child.exitCode === null && child.signalCode === null,
    counters: async () => {
      const signal = AbortSignal.timeout(5000)
      const answer = await fetch(`http://127.0.0.1:${httpPort}/healthz`, { signal })
      const { counters }: { counters: Record<string, number> } = JSON.parse(await answer.text())
      return counters
    },
    stop: () => {
      child.kill('SIGTERM')
      return Promise.race([ended, delay(5000, undefined, { ref: false })])
    },
  }
}

/** Lets the hub log some two megabytes, a line for each topic. */
async function makeItLog(t: Test, { mqttPort }: LoggingHub): Promise<void> {
  const client = await signedIn(await rawMqttTo(t, mqttPort), { clientId: 'loud' })
  const filling = 'x'.repeat(900)
  for (let at = 0; at < 1000; at += 100) {
    const packets = Array.from({ length: 100 }, (_, more) =>
      publishPacket(`house/${at + more}${filling}/set`, { payload: 'on', retain: true }),
    )
    client.send(Buffer.concat(packets))
    await settled(client)
  }
}

t.test('F52: a reader of the log that stops stops nobody else', async (t) => {
  const hub = await startedHub(t)
  hub.child.stderr?.pause()
  await makeItLog(t, hub)
  const counters = await hub.counters()
  t.equal(counters['command-not-retained'], 1000)
  t.ok(Number(counters['log-lines-lost']) > 0, 'what nobody reads is lost, and counted')
  t.equal(await hub.stop(), 0)
})

t.test('F52: a reader that goes on is told how many lines it has lost', async (t) => {
  const hub = await startedHub(t)
  const { stderr } = hub.child
  if (stderr === null) throw new Error('expected a pipe')
  stderr.pause()
  await makeItLog(t, hub)
  const lines = createInbox<string>()
  createInterface({ input: stderr }).on('line', lines.put)
  const told = JSON.parse(await lines.next((line) => line.includes('"log-lines-lost"')))
  t.equal(told.count, (await hub.counters())['log-lines-lost'])
  const kept = lines.items.filter((line) => line.includes('"command-not-retained"'))
  t.equal(kept.length + told.count, 1000, 'none is lost that was not counted')
  t.ok(kept.every((line) => JSON.parse(line).msg !== undefined))
  t.equal(await hub.stop(), 0)
})

t.test('F52: a reader of the log that goes away, and one that was never there', async (t) => {
  const hub = await startedHub(t)
  hub.child.stderr?.destroy()
  await makeItLog(t, hub)
  t.ok(Number((await hub.counters())['log-lines-lost']) > 0)
  t.equal(await hub.stop(), 0)
  const mute = await startedHub(t, '2>&-')
  await makeItLog(t, mute)
  t.equal((await mute.counters())['command-not-retained'], 1000)
  t.equal(await mute.stop(), 0)
})

t.test('F52: a log on a full disk is lost, and nothing else', async (t) => {
  const hub = await startedHub(t, '2>/dev/full')
  await makeItLog(t, hub)
  t.ok(Number((await hub.counters())['log-lines-lost']) > 0)
  t.equal(await hub.stop(), 0)
})

t.test('F53: signals that mean nothing to a hub do not end it', async (t) => {
  const hub = await startedHub(t)
  for (const signal of ['SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGALRM', 'SIGUSR1'] as const) {
    hub.child.kill(signal)
    await delay(50)
    await hub.counters()
    t.ok(hub.isAlive(), signal)
  }
  const debuggers = await new Promise<boolean>((resolve) => {
    const socket = connect(9229, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    t.teardown(() => socket.destroy())
  })
  t.notOk(debuggers, 'no debugger listens')
  t.equal(await hub.stop(), 0)
})
