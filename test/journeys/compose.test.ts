import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { WebSocket } from 'ws'
import { parse } from 'yaml'
import { writePrivate } from '../access/users.ts'
import { freePort, requireProgram, run, startNginxBy } from '../programs.ts'
import { mqttTo, type StartedHub, startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { startProgram } from './started-lab.ts'

interface Service {
  readonly command: string[]
  readonly environment: Record<string, string>
  readonly secrets: string[]
  readonly profiles?: string[]
  readonly ports?: string[]
  readonly volumes?: string[]
  readonly read_only: boolean
  readonly cap_drop: string[]
}

const root = new URL('../../', import.meta.url)
const file = readFileSync(new URL('docker-compose.yml', root), 'utf8')
const services: Record<'hub' | 'node', Service> = parse(file, { merge: true }).services

t.test('the hub is alone without a profile, and every service is shut off', async (t) => {
  for (const [name, service] of Object.entries<Service>(services)) {
    t.same(service.profiles === undefined, name === 'hub', name)
    t.match(service, { read_only: true, cap_drop: ['ALL'] }, name)
    for (const port of service.ports ?? []) t.match(port, /^127\.0\.0\.1:/, name)
    const files = (service.volumes ?? []).filter((volume) => volume.startsWith('./'))
    for (const file of files) t.ok(existsSync(new URL(file.split(':')[0] ?? '', root)), file)
  }
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
