import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { ConfigInput } from '../../src/config.ts'
import { mqttTo, type StartedHub, startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'
import { hookServer } from './servers.ts'

const users = {
  clown: { password: 'bigclown', role: 'admin' },
  board: { password: 'boards', role: 'node', base: 'nodes/board/0' },
} as const

type Rules = NonNullable<ConfigInput['notify']>['rules']

const rules: Rules = [
  { when: 'offline', devices: 'nodes/#', repeatMinutes: 60 },
  { name: 'warm', when: 'above', quantity: 'temperature', limit: 30 },
  { name: 'cold', when: 'below', quantity: 'temperature', limit: 5 },
  { when: 'battery-low', devices: 'nodes/+/0/battery/#' },
  { name: 'counted', when: 'above', limit: 5 },
  { when: 'not-confirmed', devices: 'nodes/board/0/relay/0:0' },
  { when: 'by-itself' },
  { when: 'never-seen', devices: 'nodes/attic/0' },
  { when: 'never-seen', name: 'seen', devices: 'nodes/board/0', forSeconds: 3600 },
  { when: 'not-ready' },
]

async function asked(hub: StartedHub, path: string, body?: object) {
  const headers = { Authorization: `Basic ${btoa('clown:bigclown')}` }
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const answer = await fetch(`http://127.0.0.1:${hub.httpPort}${path}`, { ...init, headers })
  return { status: answer.status, body: JSON.parse(await answer.text()) }
}

t.test('people are told what is wrong, and again after a restart what is over', async (t) => {
  const { url, taken } = await hookServer(t)
  const folder = testFolder(t)
  const notify = { site: 'house', targets: { it: { url }, bus: { topic: 'alarms' } }, rules }
  const config = { users, data: { folder }, notify }
  const hub = await startedHub(t, config)
  const told = (rule: string, state = 'begun') =>
    taken
      .next(({ body }) => JSON.parse(body).rule === rule && JSON.parse(body).state === state)
      .then(({ body }) => JSON.parse(body))
  t.match(await told('never-seen'), {
    ...{ site: 'house', device: 'nodes/attic/0', title: 'house: never-seen' },
    body: 'nodes/attic/0 was not seen since the hub was started',
  })
  const listener = await mqttTo(t, hub, { filter: 'alarms' })
  const login = { username: 'board', password: 'boards' }
  const board = await mqttTo(t, hub, login)
  const base = 'nodes/board/0'
  const report = (topic: string, value: unknown) =>
    board.client.publishAsync(`${base}/${topic}`, JSON.stringify(value), { qos: 1 })
  await report('thermometer/0:0', { temperature: [31.5, '°C'] })
  t.match(await told('warm'), {
    device: `${base}/thermometer/0:0 temperature`,
    text: 'is 31.5 °C, above 30',
  })
  t.match(JSON.parse(String((await listener.on('alarms')).payload)), {
    rule: 'warm',
    site: 'house',
  })
  await report('battery/-', { battery: 12, charging: true })
  t.match(await told('battery-low'), { text: 'is 12, below 20' })
  await report('counter/-', 7)
  t.match(await told('counted'), { device: `${base}/counter/-`, text: 'is 7, above 5' })
  await report('relay/0:0', { state: false })
  await report('relay/0:0', { state: true })
  t.match(await told('by-itself'), { device: `${base}/relay/0:0` })
  const command = { device: `${base}/relay/0:0`, payload: { state: false }, timeoutSeconds: 0.1 }
  await asked(hub, '/api/command', command)
  t.match(await told('not-confirmed'), { text: 'did not confirm what clown asked for: timed-out' })
  await asked(hub, '/api/command', { ...command, device: `${base}/relay/0:1`, force: true })
  const confirmed = asked(hub, '/api/command', { ...command, timeoutSeconds: 5 })
  await report('relay/0:0', { state: true })
  await report('relay/0:0', { state: false })
  t.match(await confirmed, { status: 200 })
  await board.client.endAsync()
  t.match(await told('offline'), { device: base, text: 'is offline' })

  const { body } = await asked(hub, '/api/alarms')
  t.same(body.alarms.map(({ rule }: { rule: string }) => rule).sort(), [
    ...['battery-low', 'counted', 'never-seen', 'not-confirmed', 'offline', 'warm'],
  ])
  t.match(await asked(hub, '/api/acknowledge', { rule: 'offline', device: base }), { status: 200 })
  const unknown = { rule: 'offline', device: 'nodes/x' }
  t.match(await asked(hub, '/api/acknowledge', unknown), { status: 400 })
  const before = taken.items.length
  await hub.close()

  const again = await startedHub(t, config)
  const { body: kept } = await asked(again, '/api/alarms')
  t.match(
    kept.alarms.filter(({ rule }: { rule: string }) => rule === 'offline'),
    [{ device: base, acknowledged: true }],
  )
  const probe = { when: 'never-seen', name: 'probe', devices: 'nodes/none/0' } as const
  const next = {
    ...config,
    http: { port: 0 },
    mqtt: { port: 0 },
    limits: { memory: { mib: 8192 } },
  }
  await again.reload(() => ({ ...next, notify: { ...notify, rules: [...rules, probe] } }))
  await told('probe')
  t.equal(taken.items.length, before + 1, 'what was told before is not told again')
  await again.reload(() => {
    const { notify: _, ...without } = next
    return without
  })
  t.match(await asked(again, '/api/alarms'), { body: { alarms: [] } })
  t.match(await asked(again, '/api/acknowledge', unknown), { status: 400 })
  await again.close()
})

t.test('rules and targets that make no sense keep the hub from starting', async (t) => {
  const broken = (notify: NonNullable<ConfigInput['notify']>) =>
    t.rejects(startedHub(t, { users, notify }), { code: 'bad-config' })
  const targets = { it: { topic: 'alarms' } }
  await broken({ targets: { it: {} }, rules: [] })
  await broken({ targets: { it: { topic: 'a', url: 'http://a' } }, rules: [] })
  await broken({ targets, rules: [{ when: 'offline', targets: ['that'] }] })
  await broken({ targets, rules: [{ when: 'above' }] })
})

/** Counts what comes, and answers as it is told. */
async function heart(t: Test) {
  let status = 200
  const server = createServer((_, response) => {
    response.writeHead(status).end()
    server.emit('beat')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/s3cret`
  const answer = (next: number) => {
    status = next
  }
  return { url, server, answer }
}

t.test('a heartbeat tells somebody else that the hub is ready', async (t) => {
  const { url, server, answer } = await heart(t)
  const notify = { targets: {}, rules: [], heartbeat: url }
  const beat = once(server, 'beat')
  const hub = await startedHub(t, { users, notify })
  await beat
  answer(500)
  const next = { http: { port: 0 }, mqtt: { port: 0 }, users, limits: { memory: { mib: 8192 } } }
  await hub.reload(() => ({ ...next, notify: { ...notify, site: 'house' } }))
  const line = await hub.log.next(({ kind }) => kind === 'heartbeat-failed')
  t.equal(line['reason'], 'it answered 500')
  t.notMatch(JSON.stringify(hub.log.items), /s3cret/)
})
