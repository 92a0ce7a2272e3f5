import t from 'tap'
import { unavailableAnswer } from '../../../src/dialects/deconz/rest.ts'
import { makeLate } from '../../overload.ts'
import { rawExchange } from '../../raw-http.ts'
import { testFolder } from '../../test-folder.ts'
import { ask } from '../asked-json.ts'
import { startedHouse } from '../house.ts'
import { deconzHouse } from './deconz-house.ts'

const publicKeys = [
  'apiversion',
  'bridgeid',
  'datastoreversion',
  'devicename',
  'factorynew',
  'mac',
  'modelid',
  'name',
  'replacesbridgeid',
  'starterkitid',
  'swversion',
]

t.test('everybody may see the short config, also with a key that nobody has', async (t) => {
  const { port } = await deconzHouse(t)
  for (const path of ['/api/config', '/api/0123456789/config', '/api/config/']) {
    const { status, body, headers } = await ask(port, ['GET', path])
    t.equal(status, 200, path)
    t.same(Object.keys(body).sort(), publicKeys)
    t.match(body, { apiversion: '1.16.0', modelid: 'deCONZ', bridgeid: /^00212E[0-9A-F]{10}$/ })
    t.match(body.mac, /^00:21:2e(:[0-9a-f]{2}){3}$/)
    t.equal(headers.get('content-type'), 'application/json; charset=utf-8')
    t.equal(headers.get('access-control-allow-origin'), '*')
  }
})

t.test('a key opens the whole config, which names the port clients reached', async (t) => {
  const { port, key, get } = await deconzHouse(t)
  const { body } = await get('/config')
  t.match(body, {
    websocketport: port,
    port,
    websocketnotifyall: true,
    ipaddress: '127.0.0.1',
    linkbutton: false,
    UTC: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/,
    localtime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/,
    uuid: /^[0-9a-f-]{36}$/,
    fwversion: /^0x26[0-9a-f]{4}00$/,
    ntp: 'synced',
    lightlastseeninterval: 60,
    backup: { status: 'idle' },
    portalstate: { signedon: false },
    swupdate2: { state: 'noupdates' },
    disablePermitJoinAutoOff: false,
    whitelist: { [key]: { name: 'clown#test', 'create date': /^\d{4}-/, 'last use date': /^\d/ } },
  })
  for (const name of publicKeys) t.ok(name in body, name)
})

t.test('the whole is a map of maps with everything clients look into', async (t) => {
  const { get, add } = await deconzHouse(t)
  t.same((await get('/lights')).body, {})
  const relay = await add('relay/i2c0-3b', { state: true })
  const thermometer = await add('thermometer/i2c0-48', { temperature: [21.52, '℃'] })
  const { body } = await get('')
  t.same(Object.keys(body).sort(), [
    'alarmsystems',
    'config',
    'groups',
    'lights',
    'resourcelinks',
    'rules',
    'scenes',
    'schedules',
    'sensors',
  ])
  t.same(Object.keys(body.lights), [relay])
  t.same(Object.keys(body.sensors), [thermometer])
  t.same((await get('/lights')).body, body.lights)
  t.same((await get(`/lights/${relay}`)).body, body.lights[relay])
  t.same((await get(`/sensors/${thermometer}`)).body, body.sensors[thermometer])
  for (const empty of ['groups', 'alarmsystems', 'resourcelinks', 'rules', 'scenes', 'schedules']) {
    t.same((await get(`/${empty}`)).body, {}, empty)
  }
  t.same((await get('/ddf/descriptors')).body, {})
  t.same((await get('/groups/0/scenes')).body, {})
  t.match((await get('/capabilities')).body, {
    lights: { available: 0 },
    resourcelinks: { available: 64, total: 64 },
    timezones: { values: [/^Africa\//] },
  })
})

t.test('relays and LEDs are lights', async (t) => {
  const { get, add } = await deconzHouse(t)
  const relay = await add('relay/i2c0-3b', { state: true })
  const led = await add('led/-', { state: '2-dot' })
  t.match((await get(`/lights/${relay}`)).body, {
    etag: /^[0-9a-f]{32}$/,
    hascolor: false,
    lastannounced: null,
    lastseen: /^\d{4}-\d\d-\d\dT\d\d:\d\dZ$/,
    manufacturername: 'Clown.Hub',
    modelid: 'relay',
    name: 'Relay i2c0-3b',
    state: { alert: 'none', on: true, reachable: true },
    swversion: null,
    type: 'On/Off plug-in unit',
    uniqueid: /^([0-9a-f]{2}:){7}[0-9a-f]{2}-01$/,
  })
  t.match((await get(`/lights/${led}`)).body, {
    capabilities: { color: { effects: ['none', '1-dot', '2-dot', '3-dot'] } },
    name: 'LED',
    state: { alert: 'none', effect: '2-dot', on: true, reachable: true },
    type: 'On/Off light',
  })
})

/** What each kind reports, and what deCONZ makes of it. */
const sensors = [
  ['thermometer/i2c0-48', { temperature: [21.52, '℃'] }, 'ZHATemperature', { temperature: 2152 }],
  ['humidity-sensor/-', { 'relative-humidity': [45.2, '%'] }, 'ZHAHumidity', { humidity: 4520 }],
  [
    'lux-meter/-',
    { illuminance: [320, 'lux'] },
    'ZHALightLevel',
    { lightlevel: 25_052, lux: 320, dark: false, daylight: true },
  ],
  ['barometer/-', { pressure: [101.3, 'kPa'] }, 'ZHAPressure', { pressure: 1013 }],
  ['pir/-', { 'event-count': 3 }, 'ZHAPresence', { presence: false }],
  [
    'co2-sensor/-',
    { concentration: [650, 'ppm'] },
    'ZHAAirQuality',
    { airqualityppb: 650_000, airquality: 'excellent' },
  ],
  ['push-button/-', { 'event-count': 3 }, 'ZHASwitch', { buttonevent: null }],
] as const

t.test('all that measures is a sensor of its type', async (t) => {
  const { get, add } = await deconzHouse(t)
  for (const [name, report, type, state] of sensors) {
    const id = await add(name, report)
    const { body } = await get(`/sensors/${id}`)
    const whole = { lastupdated: body.state.lastupdated, ...state }
    t.same(body.state, whole, name)
    const moment = type === 'ZHASwitch' ? 'none' : /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/
    t.match(body.state.lastupdated, moment)
    t.match(body, { type, config: { on: true, reachable: true }, ep: 1 })
    t.match(body.uniqueid, /^([0-9a-f]{2}:){7}[0-9a-f]{2}-01-[0-9a-f]{4}$/)
  }
})

t.test('the ends of scales', async (t) => {
  const { get, add, report, events } = await deconzHouse(t)
  const lux = await add('lux-meter/-', { illuminance: [0.2, 'lux'] })
  t.match((await get(`/sensors/${lux}`)).body.state, { lightlevel: 0, dark: true, daylight: false })
  const co2 = await add('co2-sensor/-', { concentration: [20_000, 'ppm'] })
  t.match((await get(`/sensors/${co2}`)).body.state, { airquality: 'out of scale' })
  // What makes no sense of the model is as if nothing were known.
  const id = await add('thermometer/x', { temperature: [1, '℃'] })
  await report('lux-meter/-', { illuminance: [12, 'lux'] })
  await events.next(({ e, state }) => e === 'changed' && 'lux' in Object(state))
  t.equal((await get(`/sensors/${id}`)).body.state.temperature, 100)
})

t.test('an unchanged resource is not sent again', async (t) => {
  const { port, key, add } = await deconzHouse(t)
  await add('relay/i2c0-3b', { state: true })
  for (const path of ['', '/config', '/lights', '/sensors', '/groups/0']) {
    const first = await ask(port, ['GET', `/api/${key}${path}`])
    const etag = String(first.headers.get('etag'))
    t.match(etag, /^"[0-9a-f]{32}"$/, path)
    const headers = { 'If-None-Match': etag }
    const again = await ask(port, ['GET', `/api/${key}${path}`], { headers })
    t.equal(again.status, 304, path)
    t.equal(again.body, undefined)
  }
  const changed = await ask(port, ['GET', `/api/${key}/lights`], {
    headers: { 'If-None-Match': '"of another state"' },
  })
  t.equal(changed.status, 200)
})

t.test('a HEAD is a GET without a body', async (t) => {
  const { port, key } = await deconzHouse(t)
  const { status, body, headers } = await ask(port, ['HEAD', `/api/${key}/lights`])
  t.equal(status, 200)
  t.equal(body, undefined)
  t.equal(headers.get('content-length'), '2')
})

t.test('group 0 is all lights that one may see', async (t) => {
  const { port, get, add, keyOf } = await deconzHouse(t)
  const one = await add('relay/i2c0-3b', { state: true })
  const other = await add('relay/i2c0-3f', { state: false })
  t.match((await get('/groups/0')).body, {
    id: '0',
    lights: [one, other],
    state: { all_on: false, any_on: true },
    type: 'LightGroup',
  })
  const key = await keyOf('visitor')
  const { body } = await ask(port, ['GET', `/api/${key}/groups/0`])
  t.match(body, { lights: [], state: { all_on: false, any_on: false } })
})

t.test('nobody sees by deCONZ what is not to be seen elsewhere', async (t) => {
  const { port, add, keyOf } = await deconzHouse(t)
  const relay = await add('relay/i2c0-3b', { state: true })
  const thermometer = await add('thermometer/i2c0-48', { temperature: [21.52, '℃'] })
  const key = await keyOf('visitor')
  const { body } = await ask(port, ['GET', `/api/${key}`])
  t.same(body.lights, {})
  t.same(Object.keys(body.sensors), [thermometer])
  t.equal((await ask(port, ['GET', `/api/${key}/lights/${relay}`])).status, 404)
  const { status } = await ask(port, ['PUT', `/api/${key}/lights/${relay}/state`], {
    body: { on: true },
  })
  t.equal(status, 404)
})

t.test('who the gateway is and how devices are numbered stays so over a restart', async (t) => {
  const folder = testFolder(t)
  const storage = { data: { folder: `${folder}/data` } }
  const first = await deconzHouse(t, storage)
  await first.add('relay/gone', { state: true })
  const id = await first.add('relay/i2c0-3b', { state: true })
  // It has nothing of this kind.
  await first.node.client.publishAsync('nodes/bridge/0/display-oled/-', '{}', { qos: 1 })
  const { body: before } = await first.get('')
  await first.hub.close()
  const second = await deconzHouse(t, storage)
  const { body: after } = await ask(second.port, ['GET', `/api/${first.key}`])
  t.same(after.config.bridgeid, before.config.bridgeid)
  t.same(after.config.uuid, before.config.uuid)
  t.equal(after.lights[id].uniqueid, before.lights[id].uniqueid)
  t.equal(Number(await second.add('relay/new', { state: true })) > Number(id), true)
})

t.test('what a node only lists is there, and nothing is known of it', async (t) => {
  const { get, node, events } = await deconzHouse(t)
  const list = {
    sensors: ['thermometer/a', 'lux-meter/a', 'co2-sensor/a', 'display-oled/a'],
    actuators: ['relay/a', 'display-oled/-'],
  }
  await node.client.publishAsync('nodes/bridge/0/-/-/config/ok', JSON.stringify(list), { qos: 1 })
  for (const _ of ['thermometer', 'lux-meter', 'co2-sensor', 'relay']) {
    await events.next(({ e }) => e === 'added')
  }
  const { body } = await get('')
  const states = (resources: object) =>
    Object.values(resources).map(({ state, lastseen }) => ({ lastseen, ...state }))
  t.same(states(body.lights), [{ lastseen: null, alert: 'none', on: null, reachable: true }])
  const never = { lastseen: null, lastupdated: 'none' }
  t.same(states(body.sensors), [
    { ...never, temperature: null },
    { ...never, lightlevel: null, dark: null, daylight: null, lux: null },
    { ...never, airqualityppb: null, airquality: null },
  ])
})

t.test('the port is told as the client knows it, whatever is between', async (t) => {
  const http = { port: 0, trustProxy: ['127.0.0.1'] }
  const { port, key } = await deconzHouse(t, { http })
  const told = async (host: string, scheme = 'http') => {
    const lines = [`Host: ${host}`, `X-Forwarded-Proto: ${scheme}`, 'Connection: close']
    const request = `GET /api/${key}/config HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
    const body = JSON.parse((await rawExchange(port, request)).split('\r\n\r\n')[1] ?? '')
    return [body.ipaddress, body.websocketport, body.websocketport_wss]
  }
  t.same(await told('192.0.2.1:8088'), ['192.0.2.1', 8088, undefined])
  t.same(await told('192.0.2.1'), ['192.0.2.1', 80, undefined])
  t.same(await told('192.0.2.1', 'https'), ['192.0.2.1', 443, 443])
  t.same(await told('192.0.2.1:99999'), ['127.0.0.1', port, undefined], 'a port that is none')
})

t.test('many resources are told in several turns', async (t) => {
  const { port, key, node } = await deconzHouse(t)
  const names = Array.from({ length: 501 }, (_, at) => `thermometer/a${at}`)
  const list = JSON.stringify({ sensors: names, actuators: [] })
  await node.client.publishAsync('nodes/bridge/0/-/-/config/ok', list, { qos: 1 })
  let body = {}
  while (Object.keys(body).length < names.length) {
    body = (await ask(port, ['GET', `/api/${key}/sensors`])).body
  }
  t.equal(Object.keys(body).length, 501)
})

t.test('without a key that somebody has, nothing but the short config is told: 403', async (t) => {
  const { port } = await deconzHouse(t)
  const asked = [
    ['GET', '/api/0123456789', '/'],
    ['GET', '/api/0123456789/lights', '/lights'],
    ['GET', '/api/0123456789/lights/1', '/lights/1'],
    ['PUT', '/api/0123456789/lights/1/state', '/lights/1/state'],
    ['PUT', '/api/0123456789/config', '/config'],
    ['PUT', '/api/config', '/'],
    ['GET', '/api/0123456789/nonsense', '/nonsense'],
    ['GET', '/api/%E0%A4%A/lights', '/lights'],
  ] as const
  for (const [method, path, address] of asked) {
    const { status, body, headers } = await ask(port, [method, path])
    t.equal(status, 403, path)
    t.same(body, [{ error: { type: 1, address, description: 'unauthorized user' } }])
    t.equal(headers.get('content-type'), 'application/json; charset=utf-8')
  }
})

t.test('what is not there: 404 of type 3', async (t) => {
  const { port, key, get, put } = await deconzHouse(t)
  for (const path of ['/lights/9', '/sensors/9', '/groups/1', '/nonsense', '/lights/1/state/on']) {
    const { status, body } = await get(path)
    t.equal(status, 404, path)
    const description = `resource, ${path}, not available`
    t.same(body, [{ error: { type: 3, address: path, description } }])
  }
  t.match(await get('/lights/constructor'), { status: 404, body: [{ error: { type: 3 } }] })
  t.match(await put('/lights/9/state', { on: true }), {
    status: 404,
    body: [{ error: { type: 3, address: '/lights/9' } }],
  })
  for (const path of ['/', '/nonsense', '/api', `//api//${key}/x`]) {
    const { status, body } = await ask(port, ['GET', path])
    t.equal(status, 404, path)
    t.match(body, [{ error: { type: 3 } }])
  }
})

t.test('a light is no sensor', async (t) => {
  const { get, add } = await deconzHouse(t)
  const id = await add('relay/i2c0-3b', { state: false })
  t.equal((await get(`/sensors/${id}`)).status, 404)
})

t.test('what cannot be done there: 404 of type 4', async (t) => {
  const { port, key } = await deconzHouse(t)
  const asked = [
    ['POST', '/lights'],
    ['DELETE', '/lights/1'],
    ['PUT', '/groups'],
    ['GET', '/lights/1/state'],
  ] as const
  for (const [method, path] of asked) {
    const { status, body } = await ask(port, [method, `/api/${key}${path}`])
    t.equal(status, 404, path)
    const description = `method, ${method}, not available for resource, ${path}`
    t.same(body, [{ error: { type: 4, address: path, description } }])
  }
})

t.test('bad JSON: 400 of type 2; nothing asked for: 400 of type 5', async (t) => {
  const { put, add } = await deconzHouse(t)
  const light = await add('relay/i2c0-3b', { state: false })
  const paths = [`/lights/${light}`, `/lights/${light}/state`, '/groups/0/action', '/config']
  for (const path of paths) {
    for (const body of ['{', '[]', 'null', '5']) {
      t.match(await put(path, body), {
        status: 400,
        body: [{ error: { type: 2, address: path, description: 'body contains invalid JSON' } }],
      })
    }
    t.match(await put(path, {}), { status: 400, body: [{ error: { type: 5 } }] }, path)
  }
})

t.test('pages of other origins may ask first', async (t) => {
  const { port, key } = await deconzHouse(t)
  const { status, headers } = await ask(port, ['OPTIONS', `/api/${key}/lights`])
  t.equal(status, 200)
  t.equal(headers.get('access-control-allow-origin'), '*')
  t.match(headers.get('access-control-allow-methods'), 'PUT')
})

t.test('with too much to do the hub is busy: 503 of type 901', async (t) => {
  const limits = { process: { lagMs: 10 } }
  const { hub, port } = await startedHouse(t, 'deconz', { limits })
  await makeLate(t, hub)
  for (const path of ['/api/config', '/api/0123456789/lights']) {
    const { status, body } = await ask(port, ['GET', path])
    t.equal(status, 503, path)
    t.match(body, [{ error: { type: 901, description: 'Internal error, 951' } }])
  }
})

t.test('while the hub is starting there is no network: 503 of type 950', async (t) => {
  const answer = unavailableAnswer({ state: () => 'starting' }, '/lights')
  t.equal(answer?.status, 503)
  t.same(JSON.parse(answer?.body ?? ''), [
    { error: { type: 950, address: '/lights', description: 'Not connected' } },
  ])
  t.equal(unavailableAnswer({ state: () => 'ready' }, '/lights'), undefined)
})
