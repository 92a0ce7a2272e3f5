import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Bonjour } from 'bonjour-service'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { checkConfig } from '../src/config.ts'
import { createClosers } from '../src/core/callbacks.ts'
import { openMdns } from '../src/open-mdns.ts'
import { writePrivate } from './access/users.ts'
import { createInbox } from './inbox.ts'
import { type LonelyNetwork, lonelyNetwork } from './journeys/lonely-network.ts'
import { skipMissing } from './missing.ts'
import { everybody } from './started-hub.ts'
import { testFolder } from './test-folder.ts'

const program = fileURLToPath(new URL('../dist/cli/bin.js', import.meta.url))

/** Of what is killed no coverage is counted. */
const { NODE_OPTIONS: _, ...env } = process.env

const ports = { httpPort: 8080, mqttPort: 1883, httpsPort: 8443, mqttsPort: 8883 }
const open = { accept: ['plain-http', 'plain-mqtt'] as const, users: everybody }

/** What a hub of this configuration says in its log about this, and whether it listens for questions. */
async function opened(
  t: Test,
  input: object,
  load?: () => Promise<Pick<typeof import('bonjour-service'), 'Bonjour'>>,
) {
  const log = createInbox<{ event?: string; reason?: string }>()
  const lines = { write: (line: string) => log.put(JSON.parse(line)) }
  const { add: onClose, closeAll } = createClosers()
  t.teardown(closeAll)
  const config = checkConfig({ users: everybody, ...input }, {}, () => {})
  await openMdns(config, ports, {
    log: pino({}, lines),
    onClose,
    ...(load && { loadPackage: load }),
  })
  return { log, closeAll }
}

/** The services that a name has on the network, of these types. */
async function found(t: Test, name: string, types: readonly string[]) {
  const asking = new Bonjour()
  t.teardown(() => asking.destroy())
  const services = createInbox<{ type: string; host: string; port: number; path: unknown }>()
  for (const type of types) {
    asking.find({ type }, ({ host, port, txt, name: called }) => {
      if (called.startsWith(name)) services.put({ type, host, port, path: Object(txt).path })
    })
  }
  const all = []
  while (all.length < types.length) all.push(await services.next())
  return all.sort((one, other) => one.port - other.port)
}

t.test('what other machines may use is told to the local network, by one name', async (t) => {
  const name = `hub-${process.pid}`
  const tls = { certFile: 'tls.crt', keyFile: 'tls.key', host: '::' }
  const config = { ...open, http: { host: '0.0.0.0', pathPrefix: '/hub' }, tls, mdns: { name } }
  const { closeAll, log } = await opened(t, config)
  const host = `${name}.local`
  t.same(await found(t, name, ['http', 'https', 'secure-mqtt']), [
    { type: 'http', host, port: 8080, path: '/hub/' },
    { type: 'https', host, port: 8443, path: '/hub/' },
    { type: 'secure-mqtt', host, port: 8883, path: undefined },
  ])
  await closeAll()
  t.same(log.items, [])
})

t.test('nothing is told by a hub of this machine only, or that is not to tell', async (t) => {
  const load = () => Promise.reject(new Error('not wanted'))
  t.same((await opened(t, {}, load)).log.items, [])
  const off = { ...open, http: { host: '0.0.0.0' }, mdns: { enabled: false } }
  t.same((await opened(t, off, load)).log.items, [])
  const without = await opened(t, { ...off, mdns: {} }, load)
  t.match(without.log.items, [{ event: 'mdns-failed', reason: 'not wanted' }])
})

/** Two machines with a wire between them; undefined where none can be made. */
async function twoMachines(t: Test): Promise<[LonelyNetwork, LonelyNetwork] | undefined> {
  if (process.getuid?.() !== 0) {
    skipMissing(t, 'needs to run as root, which lays a wire')
    return undefined
  }
  const [one, other] = [await lonelyNetwork(t), await lonelyNetwork(t)]
  if (one === undefined || other === undefined) return undefined
  const [pid = '', otherPid = ''] = [one, other].map(({ prefix }) => String(prefix[2]))
  const wire = ['link', 'add', 'wire0', 'netns', pid, 'type', 'veth', 'peer', 'name', 'wire0']
  execFileSync('ip', [...wire, 'netns', otherPid])
  for (const [at, { prefix }] of [one, other].entries()) {
    const [command = '', ...args] = prefix
    const ip = (text: string) => execFileSync(command, [...args, 'ip', ...text.split(' ')])
    ip(`addr add 192.0.2.${at + 1}/24 dev wire0`)
    ip('link set wire0 up')
    ip('route add default dev wire0')
  }
  return [one, other]
}

/** Runs there, and knows nothing of the hub but the name of a service. */
const asking = `
const { Bonjour } = require('bonjour-service')
const bonjour = new Bonjour()
for (const type of ['http', 'mqtt']) {
  bonjour.find({ type }, ({ host, port, addresses }) => {
    console.log(JSON.stringify({ type, host, port, addresses }))
  })
}
`

t.test('a machine finds the hub of another one by its name, and is let in by it', async (t) => {
  const machines = await twoMachines(t)
  if (machines === undefined) return
  const [one, other] = machines
  const config = join(testFolder(t), 'clown-hub.yaml')
  const hosts = { http: { host: '0.0.0.0' }, mqtt: { host: '0.0.0.0' } }
  writePrivate(config, JSON.stringify({ ...open, ...hosts, data: { folder: '' } }))
  const started = (prefix: readonly string[], args: readonly string[]) => {
    const [command = '', ...words] = [...prefix, process.execPath, ...args]
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'ignore'], env })
    t.teardown(() => child.kill('SIGKILL'))
    const lines = createInbox<string>()
    createInterface({ input: child.stdout }).on('line', lines.put)
    return lines
  }
  await started(one.prefix, [program, 'run', '--json', '--config', config]).next()
  const heard = started(other.prefix, ['-e', asking])
  const services = [await heard.next(), await heard.next()].map((line) => JSON.parse(line))
  t.same(
    services.sort((a, b) => a.type.localeCompare(b.type)),
    [
      { type: 'http', host: 'clown-hub.local', port: 8080, addresses: ['192.0.2.1'] },
      { type: 'mqtt', host: 'clown-hub.local', port: 1883, addresses: ['192.0.2.1'] },
    ],
  )
  const fetching = `fetch('http://192.0.2.1:8080/healthz').then(({ status }) => console.log(status))`
  t.equal(await started(other.prefix, ['-e', fetching]).next(), '200')
})
