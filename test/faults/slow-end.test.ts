import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { writePrivate } from '../access/users.ts'
import { createInbox } from '../inbox.ts'
import { skipMissing } from '../missing.ts'
import { everybody, type HubPorts, mqttTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { injectedSyncs } from './injected-syncs.ts'

const program = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))

/** Of what is killed no coverage is counted. */
const { NODE_OPTIONS: _, ...env } = process.env

async function startedProcess(t: Test) {
  const folder = testFolder(t)
  const config = join(folder, 'clown-hub.yaml')
  const ports = { http: { port: 0 }, mqtt: { port: 0 } }
  const kept = { data: { folder: join(folder, 'data') }, log: { level: 'error' } }
  writePrivate(config, JSON.stringify({ ...ports, users: everybody, ...kept }))
  const child = spawn(process.execPath, [program, 'run', '--json', '--config', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  })
  const ended = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  const output = createInbox<string>()
  const errors = createInbox<string>()
  createInterface({ input: child.stdout }).on('line', output.put)
  createInterface({ input: child.stderr }).on('line', errors.put)
  const { httpPort, mqttPort } = JSON.parse(await output.next())
  return { child, ended, errors, hub: { httpPort, mqttPort } }
}

/** Clients that read, that do not read, and that say nothing. Resolves to how the first one is closed. */
async function clientsOf(t: Test, { httpPort, mqttPort }: HubPorts) {
  const url = `ws://clown:bigclown@127.0.0.1:${httpPort}/auth/clown-talk-server_nodes_bridge_0`
  const [reading, frozen] = [new WebSocket(url), new WebSocket(url)]
  t.teardown(() => frozen.terminate())
  await Promise.all([reading, frozen].map((websocket) => once(websocket, 'open')))
  frozen.pause()
  const silent = connect(mqttPort, '127.0.0.1').on('error', () => {})
  t.teardown(() => silent.destroy())
  await once(silent, 'connect')
  return { closed: once(reading, 'close') }
}

/** A hub whose disk stands still while something waits to be written; undefined where that cannot be tried. */
async function standingStill(t: Test) {
  const started = await startedProcess(t)
  const { closed } = await clientsOf(t, started.hub)
  const { client } = await mqttTo(t, started.hub)
  await client.publishAsync('kept/-', 'before', { qos: 1, retain: true })
  const disk = await injectedSyncs(t, Number(started.child.pid), 'delay_enter=20000000')
  if (disk === undefined) return skipMissing(t, 'needs strace: apt-get install strace')
  client.publish('kept/-', 'later', { qos: 1, retain: true })
  return { ...started, closed, disk }
}

/** One that is killed stays, dead, for as long as strace holds a thread of it. */
function isDead(pid: number | undefined): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2] === 'Z'
}

t.test('F72: who asks a second time does not wait for the disk', async (t) => {
  const standing = await standingStill(t)
  if (standing === undefined) return
  const { child, closed, disk, ended } = standing
  const askedAtMs = performance.now()
  child.kill('SIGTERM')
  const [code, reason] = await closed
  t.equal(code, 1012)
  t.match(String(reason), /come back in [12] s$/)
  while (!isDead(child.pid)) {
    child.kill('SIGTERM')
    await pause(50)
  }
  const tookMs = performance.now() - askedAtMs
  t.ok(tookMs > 1000 && tookMs < 5000, `it took ${Math.round(tookMs)} ms`)
  await disk.end()
  t.same(await ended, [null, 'SIGTERM'])
})

const isLong = process.env['FULL_LENGTH'] === '1'

t.test(
  'F72: a hub ends within 10 s, whoever does not read and whatever stands still',
  { skip: !isLong && 'it takes 10 s: FULL_LENGTH=1' },
  async (t) => {
    const standing = await standingStill(t)
    if (standing === undefined) return
    const { child, closed, disk, ended, errors } = standing
    const askedAtMs = performance.now()
    child.kill('SIGTERM')
    t.equal((await closed)[0], 1012)
    await errors.next((text) => text.includes('"event":"not-ended"'))
    t.ok(performance.now() - askedAtMs < 10_000, 'what was left is told in time')
    while (!isDead(child.pid)) await pause(50)
    const tookMs = performance.now() - askedAtMs
    t.ok(tookMs > 9900 && tookMs < 11_000, `it took ${Math.round(tookMs)} ms`)
    await disk.end()
    t.same(await ended, [null, 'SIGKILL'])
  },
)
