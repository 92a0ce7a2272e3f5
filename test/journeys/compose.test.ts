import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { writePrivate } from '../access/users.ts'
import { requireProgram, run } from '../programs.ts'
import { mqttTo } from '../started-hub.ts'
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
const services: Record<'hub' | 'node', Service> = parse(
  readFileSync(new URL('docker-compose.yml', root), 'utf8'),
  { merge: true },
).services

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
