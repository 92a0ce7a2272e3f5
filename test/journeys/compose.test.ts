import { once } from 'node:events'
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { WebSocket } from 'ws'
import { parse } from 'yaml'
import { writePrivate } from '../access/users.ts'
import { requireNodeRed } from '../npm-programs.ts'
import { freePort, requireProgram, run, startNginxBy } from '../programs.ts'
import { mqttTo, type StartedHub, startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { startCommand, startProgram, unrecorded } from './started-lab.ts'

interface Service {
  readonly command: string[]
  readonly environment: Record<string, string>
  readonly secrets: string[]
  readonly profiles?: string[]
  readonly ports?: string[]
  readonly volumes?: string[]
  readonly read_only: boolean
  readonly cap_drop: string[]
  readonly security_opt: string[]
}

const root = new URL('../../', import.meta.url)
const composeFile = new URL('docker-compose.yml', root).pathname
const file = readFileSync(composeFile, 'utf8')
const composed = parse(file, { merge: true })
const services: Record<'hub' | 'node', Service> = composed.services

t.test('the hub is alone without a profile, and every service is shut off', async (t) => {
  for (const [name, service] of Object.entries<Service>(services)) {
    t.same(service.profiles === undefined, name === 'hub', name)
    if (name !== 'home-assistant') {
      t.match(service, { read_only: true, cap_drop: ['ALL'] }, name)
    }
    t.same(service.security_opt, ['no-new-privileges:true'], name)
    for (const port of service.ports ?? []) t.match(port, /^127\.0\.0\.1:/, name)
    const files = (service.volumes ?? []).filter((volume) => volume.startsWith('./'))
    for (const file of files) t.ok(existsSync(new URL(file.split(':')[0] ?? '', root)), file)
  }
})

t.test('docker-compose finds every profile in order, and a file for every secret', async (t) => {
  const compose = requireProgram(t, 'docker-compose')
  if (compose === undefined) return
  const profiles = ['lab', 'monitoring', 'home', 'class', 'cluster'].flatMap((name) => [
    '--profile',
    name,
  ])
  const checked = await run(compose, ['--file', composeFile, ...profiles, 'config', '--quiet'])
  t.same(checked, { code: 0, output: '' })
  const [, made = ''] = /for user in ([^;]*); do/.exec(file) ?? []
  const words = made.split(' ')
  for (const secret of words) t.ok(Object.hasOwn(composed.secrets, secret), secret)
})

t.test('Prometheus finds the configuration that it gets in order', async (t) => {
  const promtool = requireProgram(t, 'promtool')
  if (promtool === undefined) return
  const file = new URL('docker/prometheus.yml', root).pathname
  t.match(await run(promtool, ['check', 'config', '--syntax-only', file]), { code: 0 })
})

t.test('NATS finds the configuration of the cluster in order', async (t) => {
  const nats = requireProgram(t, 'nats-server')
  if (nats === undefined) return
  const folder = testFolder(t)
  copyFileSync(new URL('docker/cluster/nats.conf', root), `${folder}/nats.conf`)
  // As the beginning of the compose file has it made.
  const lines = file.match(/echo "(authorization .*?)" >/s)?.[1] ?? ''
  const users = lines
    .replace(/^# */gm, '')
    .replace(/\\"/g, '"')
    .replace(/\$\(.*?\)/g, '0e7')
  writePrivate(`${folder}/users.conf`, users)
  const words = ['NAME=nats-1', nats, '-t', '-c', `${folder}/nats.conf`]
  t.match(await run('/usr/bin/env', words), { code: 0, output: /is valid/ })
})

async function hasPage({ httpPort }: StartedHub): Promise<boolean> {
  const headers = { authorization: `Basic ${btoa('clown:bigclown')}` }
  const answer = await fetch(`http://127.0.0.1:${httpPort}/api/connections`, { headers })
  return (await answer.text()).includes('"way":"clown-talk"')
}

t.test('nginx of the cluster hands a page to another hub when its own is gone', async (t) => {
  if (requireProgram(t, 'nginx') === undefined) return
  const http = { port: 0, hosts: ['localhost'], trustProxy: ['127.0.0.1'] }
  const hubs = await Promise.all(['1', '2', '3'].map(() => startedHub(t, { http })))
  const port = await freePort()
  await startNginxBy(t, (folder) => {
    let config = readFileSync(new URL('docker/cluster/nginx.conf', root), 'utf8')
    for (const [at, { httpPort }] of hubs.entries()) {
      config = config.replace(`hub-${at + 1}:8080`, `127.0.0.1:${httpPort}`)
    }
    return [config.replaceAll('/tmp/', `${folder}/`).replace('8080', `127.0.0.1:${port}`)]
  })
  const left = new Set(hubs)
  for (const count of [3, 2, 1]) {
    t.equal(left.size, count)
    const websocket = new WebSocket(`ws://clown:bigclown@localhost:${port}/talk`)
    t.teardown(() => websocket.terminate())
    await once(websocket, 'open')
    const closed = once(websocket, 'close')
    const pages = await Promise.all(
      [...left].map(async (hub) => [hub, await hasPage(hub)] as const),
    )
    const [mine] = pages.find(([, isThere]) => isThere) ?? []
    if (mine === undefined) throw new Error('expected one of the hubs to have the page')
    left.delete(mine)
    await mine.close()
    await closed
  }
})

t.test('the services of the compose file work together, as programs on loopback', async (t) => {
  const { hub, node } = services
  const folder = testFolder(t)
  for (const name of hub.secrets) writePrivate(`${folder}/${name}`, 'bigclown\n')
  const here = (text: string) => text.replace('/run/secrets', folder)
  const settings = Object.entries(hub.environment).map(([name, value]) => [name, here(value)])
  const loopback = { CLOWN_HTTP_HOST: '127.0.0.1', CLOWN_MQTT_HOST: '127.0.0.1' }
  const ports = { CLOWN_HTTP_PORT: '0', CLOWN_MQTT_PORT: '0' }
  const data = { CLOWN_DATA_FOLDER: `${folder}/data` }
  const config = new URL('docker/hub.yaml', root).pathname
  const running = startProgram(t, ['run', '--config', config], {
    ...Object.fromEntries(settings),
    ...loopback,
    ...ports,
    ...data,
  })
  const [httpPort = 0, mqttPort = 0] = ((await running.output.next()).match(/\d+/g) ?? []).map(
    Number,
  )

  const args = node.command.map((text) => here(text).replace('hub:1883', `127.0.0.1:${mqttPort}`))
  const simulated = startProgram(t, args)
  t.match(await simulated.output.next(), /^nodes\/bridge\/0: connected to /)
  const relay = 'nodes/bridge/0/relay/i2c0-3b'
  const hubPorts = { httpPort, mqttPort }
  const dashboard = await mqttTo(t, hubPorts, { username: 'dashboard', filter: relay })
  await dashboard.client.publishAsync(`${relay}/set`, '{"state":true}', { qos: 1 })
  await dashboard.messages.next(({ payload }) => String(payload) === '{"state":true}')
})

t.test(
  'the flow of the profile home keeps a room warm, by a secret that no flow has',
  async (t) => {
    const red = await requireNodeRed(t)
    if (red === undefined) return
    const folder = testFolder(t)
    writePrivate(join(folder, 'secret'), 'bigclown\n')
    const nodered = { password: 'bigclown', role: 'operator' } as const
    const clown = { password: 'bigclown', role: 'admin' } as const
    const hub = await startedHub(t, { users: { nodered, clown } })
    // What the example says of the port is of the compose file.
    const example = join(folder, 'example')
    cpSync(new URL('docker/node-red', root), example, { recursive: true })
    const flow = readFileSync(join(example, 'flows.json'), 'utf8')
    writeFileSync(join(example, 'flows.json'), flow.replace('"1883"', `"${hub.mqttPort}"`))
    const relay = 'nodes/bridge/0/relay/i2c0-3b/set'
    const { client, messages } = await mqttTo(t, hub, { filter: relay })
    const settings = [
      '--settings',
      join(example, 'settings.cjs'),
      '--userDir',
      join(folder, 'data'),
    ]
    mkdirSync(join(folder, 'data'))
    const port = String(await freePort())
    const running = startCommand(
      t,
      [...unrecorded, process.execPath, red, ...settings, '-p', port],
      {
        CLOWN_HUB_PASSWORD_FILE: join(folder, 'secret'),
        CLOWN_HUB_HOST: '127.0.0.1',
        NODE_RED_DATA: join(folder, 'data'),
      },
    )
    await running.output.next((line) => line.includes('Connected to broker'))
    const tell = (celsius: number) =>
      client.publishAsync(
        'nodes/bridge/0/thermometer/i2c0-48',
        JSON.stringify({ temperature: [celsius, '℃'] }),
        { qos: 1, retain: true },
      )
    await tell(20)
    await messages.next(
      ({ topic, payload }) => topic === relay && String(payload) === '{"state":true}',
    )
    await tell(23)
    await messages.next(
      ({ topic, payload }) => topic === relay && String(payload) === '{"state":false}',
    )
  },
)
