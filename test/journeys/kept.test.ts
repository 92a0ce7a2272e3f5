import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { IClientOptions } from 'mqtt'
import t, { type Test } from 'tap'
import { createToken } from '../../src/access/tokens.ts'
import { ranLine } from '../cli/run-line.ts'
import { type HubPorts, mqttTo, type StartedHub, startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const old = 'devices/tasmota/DC4F22000001/relay/1'
const spare = 'devices/tasmota/DC4F22000002/relay/1'

const users = {
  clown: { password: 'bigclown', role: 'admin' },
  ann: { password: 'bigclown', role: 'operator' },
} as const
const rules = [{ topic: old, autoOffSeconds: 600, interlock: 'pumps' }]

/** What `GET` or, with a body, `POST` of the API answers. */
async function ask({ httpPort }: HubPorts, path: string, body?: unknown) {
  const headers = { authorization: `Basic ${btoa('clown:bigclown')}` }
  const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const answer = await fetch(`http://127.0.0.1:${httpPort}/api/${path}`, { headers, ...post })
  return JSON.parse(await answer.text())
}

/** All devices by their topics. */
async function devicesOf(hub: HubPorts): Promise<Map<string, Record<string, unknown>>> {
  const { nodes } = await ask(hub, 'nodes')
  return new Map(
    nodes
      .flatMap(({ devices }: { devices: { topic: string }[] }) => devices)
      .map((device: { topic: string }) => [device.topic, device]),
  )
}

/** A Tasmota plug with this MAC, which obeys. */
async function plug(t: Test, hub: HubPorts, [mac, first]: readonly [mac: string, topic: string]) {
  let topic = first
  const { client } = await mqttTo(t, hub, { filter: 'cmnd/#' })
  const say = (to: string, value: unknown) =>
    client.publishAsync(to, typeof value === 'string' ? value : JSON.stringify(value), { qos: 1 })
  const announce = async () => {
    const lists = { fn: [`Plug ${topic}`], rl: [1, 0], lk: 1, ofln: 'Offline', onln: 'Online' }
    const topics = { t: topic, ft: '%prefix%/%topic%/', tp: ['cmnd', 'stat', 'tele'] }
    const config = { mac, dn: topic, state: ['OFF', 'ON', 'TOGGLE', 'HOLD'], ver: 1, so: {} }
    await say(`tasmota/discovery/${mac}/config`, { ...config, ...lists, ...topics })
    await say(`tele/${topic}/LWT`, 'Online')
  }
  client.on('message', (to, payload) => {
    if (to !== `cmnd/${topic}/POWER` && to !== `cmnd/${topic}/POWER1`) return
    const state = String(payload).toUpperCase()
    void say(`stat/${topic}/RESULT`, { POWER: state })
  })
  await announce()
  await say(`stat/${topic}/RESULT`, { POWER: 'OFF' })
  return {
    say: (state: string) => say(`stat/${topic}/RESULT`, { POWER: state }),
    /** Somebody gives it another topic, and it starts anew. */
    retopic: async (to: string) => {
      topic = to
      await announce()
    },
  }
}

/** What clients of other systems know the first plug by, and what it is by that. */
async function knownTo({ dialects }: StartedHub) {
  const [deconz, jeedom, netzer] = dialects.map(({ port }) => `127.0.0.1:${port}`)
  const made = await fetch(`http://${deconz}/api`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('clown:bigclown')}` },
    body: '{"devicetype":"test"}',
  })
  const [{ success }] = JSON.parse(await made.text())
  const answered = await fetch(`http://${deconz}/api/${success.username}/lights`)
  const lights = Object.entries<{ uniqueid: string; state: { on: unknown } }>(
    JSON.parse(await answered.text()),
  )
  const [id, { uniqueid, state } = {}] = lights[0] ?? []
  const asked = { jsonrpc: '2.0', id: 1, method: 'cmd::all', params: { apikey: 'key' } }
  const url = `http://${jeedom}/core/api/jeeApi.php`
  const { result } = JSON.parse(
    await (await fetch(url, { method: 'POST', body: JSON.stringify(asked) })).text(),
  )
  const [command] = result.filter(
    ({ generic_type }: { generic_type: string }) => generic_type === 'ENERGY_STATE',
  )
  const pins = await (await fetch(`http://${netzer}/action.cgi?uv0`)).text()
  return {
    ids: [id, uniqueid, command.id, command.eqLogic_id],
    isOn: [state?.on, command.currentValue, /"0":"(.)"/.exec(pins)?.[1]],
  }
}

const command = (hub: HubPorts, device: string, state: boolean) =>
  ask(hub, 'command', { device, payload: { state } })

const linesTo = ({ httpPort }: HubPorts) => `--url http://clown:bigclown@127.0.0.1:${httpPort}`

t.test('what was of a broken plug is of its spare part, in every respect', async (t) => {
  const data = { folder: testFolder(t) }
  const guest = { user: 'clown', anyOrigin: true }
  const dialects = [
    { dialect: 'deconz', port: 0, guest },
    { dialect: 'jeedom', port: 0, guest, jeedom: { guestKey: 'key' } },
    { dialect: 'netzer', port: 0, guest },
  ] as const
  const bob = { password: 'bigclown', rules: [{ allow: ['command' as const], topic: `${old}/#` }] }
  const config = { users: { ...users, bob }, data, commands: { rules }, dialects: [...dialects] }
  const hub = await startedHub(t, config)
  await plug(t, hub, ['DC4F22000001', 'pump'])
  const known = await knownTo(hub)
  await plug(t, hub, ['DC4F22000002', 'spare'])
  t.match(await command(hub, old, true), { receipt: 'confirmed' })
  t.match(await command(hub, old, false), { receipt: 'confirmed' })
  await ask(hub, 'label', { device: old, title: 'Pump', room: 'Cellar' })
  await ask(hub, 'lock', { device: old, reason: 'broken' })
  const before = await ask(hub, `history?topic=${old}`)
  t.match(before.series, [{ quantity: 'state', title: 'Pump' }])

  const url = linesTo(hub)
  t.same(await ranLine(`device replace ${old} ${spare} ${url}`), {
    code: 0,
    output: [
      `${spare}: takes the place of ${old}, with 1 quantities of its history, its name and room, its lock`,
      `${spare}: rights are by topic, and stay: bob may do less with it than with the old one`,
    ],
    errors: [],
  })
  const devices = await devicesOf(hub)
  t.match(devices.get(spare), { title: 'Pump', room: 'Cellar' })
  t.equal(devices.get(old)?.['title'], 'Plug pump', 'the broken one is called what it calls itself')
  t.match((await ask(hub, 'locks')).locks, [{ device: spare, reason: 'broken' }])
  t.same((await ask(hub, `history?topic=${old}`)).series, [])
  const { series } = await ask(hub, `history?topic=${spare}`)
  t.match(series, [{ quantity: 'state', title: 'Pump', room: 'Cellar' }])
  t.equal(series.length, 1, 'with what it has said itself')
  t.match(await command(hub, spare, true), { code: 'locked' })
  await ask(hub, 'unlock', { device: spare })
  t.match(await command(hub, spare, true), { receipt: 'confirmed' })
  t.same(await knownTo(hub), { ...known, isOn: [true, 1, '1'] })
  await hub.close()

  const again = await startedHub(t, config)
  await plug(t, again, ['DC4F22000002', 'spare'])
  await plug(t, again, ['DC4F22000003', 'third'])
  t.match((await devicesOf(again)).get(spare), { title: 'Pump', room: 'Cellar' })
  t.match((await ask(again, `history?topic=${spare}`)).series, [{ quantity: 'state' }])
  t.match(await ask(again, 'replace', { old: 'devices/tasmota/x/light/1', new: spare }), {
    code: 'bad-topic',
    message: /expected another light than/,
  })
})

t.test('a plug with another topic is the same plug', async (t) => {
  const hub = await startedHub(t, { users, commands: { rules } })
  const pump = await plug(t, hub, ['DC4F22000001', 'pump'])
  t.match(await command(hub, old, true), { receipt: 'confirmed' })
  await ask(hub, 'label', { device: old, title: 'Pump', room: 'Cellar' })
  await ask(hub, 'lock', { device: old, reason: 'wet' })
  await pump.retopic('garden/pump')
  await pump.say('ON')
  t.match(await command(hub, old, false), { code: 'locked' })
  await ask(hub, 'unlock', { device: old })
  t.match(await command(hub, old, false), { receipt: 'confirmed' })
  t.match((await devicesOf(hub)).get(old), {
    title: 'Pump',
    room: 'Cellar',
    value: { state: false },
  })
  const { series } = await ask(hub, `history?topic=${old}`)
  t.match(series, [{ topic: old, quantity: 'state' }])
})

t.test('a Zigbee plug with another name is the same plug', async (t) => {
  const plugOf = 'devices/zigbee2mqtt/0x00158d0001/relay/-'
  const hub = await startedHub(t, { users, commands: { rules: [{ topic: plugOf, perSecond: 1 }] } })
  const { client } = await mqttTo(t, hub, { filter: 'zigbee2mqtt/+/set' })
  const say = (topic: string, value: unknown) =>
    client.publishAsync(`zigbee2mqtt/${topic}`, JSON.stringify(value), { qos: 1 })
  client.on('message', (topic, payload) => {
    void say(topic.split('/')[1] ?? '', JSON.parse(String(payload)))
  })
  const feature = { type: 'binary', name: 'state', property: 'state', access: 7 }
  const on = { ...feature, value_on: 'ON', value_off: 'OFF', value_toggle: 'TOGGLE' }
  const definition = { model: 'P1', vendor: 'V', exposes: [{ type: 'switch', features: [on] }] }
  const called = (name: string) => [
    { ieee_address: '0x00158d0001', type: 'Router', friendly_name: name, definition },
  ]
  await say('bridge/state', { state: 'online' })
  await say('bridge/devices', called('plug'))
  await say('plug', { state: 'OFF' })
  t.match(await command(hub, plugOf, true), { receipt: 'confirmed' })
  await ask(hub, 'label', { device: plugOf, room: 'Cellar' })
  await ask(hub, 'lock', { device: plugOf, reason: 'wet' })
  await say('bridge/devices', called('pump'))
  await say('pump', { state: 'ON' })
  t.match((await devicesOf(hub)).get(plugOf), { title: 'pump', room: 'Cellar' })
  t.match(await command(hub, plugOf, false), { code: 'locked' })
  await ask(hub, 'unlock', { device: plugOf })
  t.match(await command(hub, plugOf, false), { receipt: 'confirmed' })
  t.match((await ask(hub, `history?topic=${plugOf}`)).series, [{ quantity: 'state' }])
})

t.test('what is forgotten is nowhere any more, and who comes again is new', async (t) => {
  const data = { folder: testFolder(t) }
  const hub = await startedHub(t, { users, data, commands: { rules } })
  const pump = await plug(t, hub, ['DC4F22000001', 'pump'])
  await plug(t, hub, ['DC4F22000002', 'spare'])
  for (const device of [old, spare]) await command(hub, device, true)
  for (const device of [old, spare]) await command(hub, device, false)
  await ask(hub, 'label', { device: old, title: 'Pump', room: 'Cellar' })
  await ask(hub, 'lock', { device: old, reason: 'broken' })

  const url = linesTo(hub)
  const { output, code } = await ranLine(`forget ${old} ${url}`)
  t.equal(code, 0)
  t.match(output, [
    /: forgotten, with its last value, 1 quantities of its history, its name and room, its lock, 2 commands; backups have it still$/,
  ])
  t.same((await ask(hub, `history?topic=${old}`)).series, [])
  t.same((await ask(hub, 'locks')).locks, [])
  const { commands } = await ask(hub, 'commands')
  t.same(new Set(commands.map(({ device }: { device: string }) => device)), new Set([spare]))
  t.equal((await devicesOf(hub)).get(old), undefined)
  const log = readFileSync(join(data.folder, 'commands.ndjson'), 'utf8')
  t.notMatch(log, old)
  t.match(log, spare)
  t.match(await ranLine(`forget ${old} ${url}`), {
    code: 4,
    output: [/refused: expected a device of/],
  })
  t.match(await ranLine(`forget ${old} ${url.replace('clown:', 'ann:')}`), {
    code: 4,
    output: [/refused: expected a user of role admin/],
  })

  await pump.say('ON')
  const mqtt = await mqttTo(t, hub, { filter: old })
  await pump.say('OFF')
  await mqtt.on(old)
  t.match((await devicesOf(hub)).get(old), { title: 'Plug pump', value: { state: false } })
})

t.test(
  'of a user who is forgotten there is nothing any more, and others have what they had',
  async (t) => {
    const data = { folder: testFolder(t) }
    const usersFile = join(data.folder, 'users.yaml')
    const { token: password, sha256 } = createToken()
    const entry = {
      role: 'admin',
      tokens: [{ name: 'test', sha256, created: '2026-11-21T00:00:00Z' }],
    }
    const usersNow = JSON.stringify({ users: { plugs: entry, other: entry } })
    writeFileSync(usersFile, usersNow, { mode: 0o600 })
    const securityFile = join(data.folder, 'security.ndjson')
    const config = {
      users: { clown: users.clown },
      usersFile,
      data,
      log: { securityFile },
    } as const
    const hub = await startedHub(t, config)
    const as = (username: string, options: IClientOptions = {}) =>
      mqttTo(t, hub, { username, password, ...options })
    const { client } = await as('plugs', { clientId: 'away', clean: false })
    await client.subscribeAsync('news/#', { qos: 1 })
    await client.endAsync()
    const will = {
      topic: 'house/left',
      payload: Buffer.from('gone'),
      qos: 1,
      retain: true,
    } as const
    const { client: plugs, closed } = await as('plugs', { will })
    const { client: other } = await as('other')
    for (const [name, who] of [
      ['plugs', plugs],
      ['other', other],
    ] as const) {
      const say = (topic: string, value: unknown, retain = false) =>
        who.publishAsync(`house/${name}/${topic}`, JSON.stringify(value), { qos: 1, retain })
      await say('relay/1', { state: true })
      await say('thermometer/1', { temperature: [21.5, '°C'] }, true)
      await who.publishAsync('nodes/x/0/relay/1/set', '{"state":true}', { qos: 1 })
    }
    await ask(hub, 'label', { device: 'house/plugs/relay/1', room: 'Cellar' })
    const share = JSON.stringify({ title: 'Look', filters: ['house/#'], hours: 1 })
    const headers = { authorization: `Basic ${btoa(`plugs:${password}`)}` }
    const shareUrl = `http://127.0.0.1:${hub.httpPort}/api/share`
    t.equal((await fetch(shareUrl, { method: 'POST', headers, body: share })).status, 200)
    const url = linesTo(hub)
    const { code, output } = await ranLine(`forget plugs ${url}`)
    t.match(output, [
      /^plugs: forgotten, with the account, 2 sessions, 1 links, 2 devices, 2 quantities of their history, 1 names and rooms, 1 retained values, 1 commands, \d+ lines of the security log; backups have it still$/,
    ])
    t.equal(code, 0)
    await closed

    const topicsOf = async () =>
      [...(await devicesOf(hub)).keys()].filter((each) => /^house/.test(each))
    t.same(await topicsOf(), ['house/other/relay/1', 'house/other/thermometer/1'])
    const { series } = await ask(hub, 'history?topic=house/%23')
    t.same(new Set(series.map(({ topic }: { topic: string }) => topic)), new Set(await topicsOf()))
    const retained = await mqttTo(t, hub, { filter: 'house/#' })
    t.equal((await retained.on('house/other/thermometer/1')).topic, 'house/other/thermometer/1')
    const said = [
      JSON.stringify(await ask(hub, 'commands')),
      JSON.stringify(await ask(hub, 'security-log')),
    ]
    for (const name of ['commands.ndjson', 'security.ndjson', 'users.yaml']) {
      said.push(readFileSync(join(data.folder, name), 'utf8'))
    }
    for (const text of said) t.notMatch(text, 'plugs')
    t.match(said[1], 'user-forgotten')
    t.match(said[2], 'other')
    t.match(await ranLine(`forget plugs ${url}`), {
      code: 4,
      output: [/^plugs: refused: expected a user of whom something is kept/],
    })
    await ask(hub, 'ban', { what: 'user', who: 'plugs', reason: 'gone' })
    t.match(await ranLine(`forget plugs ${url}`), {
      output: ['plugs: forgotten, with 1 bans, 2 lines of the security log; backups have it still'],
    })
    t.match(await ranLine(`forget clown ${url}`), { code: 4, output: [/expected another user/] })
    await hub.close()

    const again = await startedHub(t, config)
    t.same((await ask(again, 'history?topic=house/plugs/%23')).series, [])
    t.notMatch(JSON.stringify(await ask(again, 'security-log')), 'plugs')
  },
)
