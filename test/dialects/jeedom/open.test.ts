import { createHash } from 'node:crypto'
import { once } from 'node:events'
import t from 'tap'
import { type ClientOptions, WebSocket } from 'ws'
import { fieldOf, parseJson } from '../../../src/core/json.ts'
import { mqttTo } from '../../started-hub.ts'
import { servedContract } from '../served-contract.ts'
import { guestKey, jeedomHouse, openedTo } from './jeedom-house.ts'

let reports = 0

servedContract(t, {
  dialect: 'jeedom',
  settings: {
    guest: { user: 'clown', anyOrigin: true },
    jeedom: { period: 0.1, guestKey },
  },
  connect: (port) => new WebSocket(`ws://127.0.0.1:${port}/a`, { origin: 'http://localhost' }),
  first: JSON.stringify({ apiKey: guestKey }),
  ignored: ['', '{}', 'nonsense', '{"apiKey":"wrong"}', '{"apiKey":5}', '\0'],
  told: async ({ frames }, hub) => {
    const { client } = await mqttTo(t, hub)
    const payload = JSON.stringify({ temperature: [reports++ % 90, '℃'] })
    await client.publishAsync('nodes/bridge/0/thermometer/-', payload, { qos: 1 })
    await frames.next((frame) => Array.isArray(fieldOf(parseJson(frame), 'result')))
    await client.endAsync()
  },
  secret: {
    topic: 'nodes/bridge/0/thermometer/-',
    payload: { temperature: [98.76, '℃'] },
    told: /98\.76/,
  },
})

/** How the handshake was answered: 101, or the status and headers of a refusal. */
async function handshake(port: number, options: ClientOptions, protocols: string[] = []) {
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/`, protocols, options)
  const refused = once(websocket, 'unexpected-response')
  const opened = once(websocket, 'open').then(() => undefined)
  const [, response] = (await Promise.race([refused, opened])) ?? []
  websocket.on('error', () => {}).terminate()
  if (response === undefined) return { status: 101 }
  const { statusCode: status, headers } = response
  return { status, headers }
}

t.test('pages of the hub and of this machine may come in, and nobody else', async (t) => {
  const { port } = await jeedomHouse(t, {}, {})
  const status = async (options: ClientOptions) => (await handshake(port, options)).status
  t.match(await handshake(port, {}), {
    status: 403,
    headers: { 'content-length': '0', 'x-powered-by': /^Ratchet\/0\.4/ },
  })
  t.equal(await status({ origin: 'http://evil.example' }), 403)
  t.equal(await status({ origin: 'null' }), 403)
  t.equal(await status({ origin: 'nonsense' }), 403)
  t.equal(await status({ origin: 'http://localhost:1234' }), 101)
  t.equal(await status({ origin: 'http://127.0.0.1' }), 101)
  t.equal(await status({ origin: 'http://10.0.0.42', headers: { Host: '10.0.0.42' } }), 101)
  t.equal(await status({ origin: 'http://10.0.0.43', headers: { Host: '10.0.0.42' } }), 403)
})

t.test('the list of hosts is as the plugin has it', async (t) => {
  const { port } = await jeedomHouse(t, { allowedHosts: ['house.example', 'app'] })
  const status = async (options: ClientOptions) => (await handshake(port, options)).status
  t.equal(await status({ origin: 'https://house.example:8443' }), 101)
  t.equal(await status({ origin: 'app' }), 101, 'what is no URL is compared as it is')
  t.equal(await status({ origin: 'http://localhost' }), 403)
  t.equal(await status({}), 403)
})

t.test('an empty list is for clients that do not say where they come from', async (t) => {
  const { port } = await jeedomHouse(t, { allowedHosts: [] })
  t.equal((await handshake(port, {})).status, 101)
  t.equal((await handshake(port, { origin: 'http://localhost' })).status, 403)
})

t.test('origins of http.origins may come in', async (t) => {
  const http = { port: 0, origins: ['https://house.example'] }
  const { port } = await jeedomHouse(t, {}, { http })
  t.equal((await handshake(port, { origin: 'https://house.example' })).status, 101)
})

t.test('who offers a subprotocol is refused with 426, after the origin', async (t) => {
  const { port } = await jeedomHouse(t)
  t.match(await handshake(port, { origin: 'http://localhost' }, ['jeedom']), {
    status: 426,
    headers: { 'sec-websocket-version': '13' },
  })
  t.match(await handshake(port, {}, ['jeedom']), { status: 403 })
})

t.test('a first frame that is no key closes with 1000 and no reason', async (t) => {
  const { port } = await jeedomHouse(t)
  for (const first of ['nonsense', '[]', '{}', '{"apiKey":"wrong"}', '{"apiKey":5}', '']) {
    const websocket = await openedTo(t, port)
    websocket.send(first)
    const [code, reason] = await once(websocket, 'close')
    t.equal(code, 1000, first)
    t.equal(String(reason), '')
  }
})

t.test('who says nothing is closed with 1000', async (t) => {
  const { port } = await jeedomHouse(t, { authDelay: 0.2 })
  const websocket = await openedTo(t, port)
  t.equal((await once(websocket, 'close'))[0], 1000)
})

t.test('keys are those of users: made by password, tokens, and the SHA-512 of a key', async (t) => {
  const { call, listen, report } = await jeedomHouse(t, { authDelay: 0.3 })
  const { result: key } = await call('user::getHash', { login: 'clown', password: 'bigclown' })
  t.match(key, /^[0-9a-f]{64}$/)
  const again = await call('user::getHash', { login: 'clown', password: 'bigclown' })
  t.equal(again.result, key)
  const links = await Promise.all([
    listen(key),
    listen(createHash('sha512').update(key).digest('hex')),
    listen(createHash('sha512').update(guestKey).digest('hex')),
  ])
  await report('relay/i2c0-3b', { state: true })
  for (const events of links) t.match(await events.next(), { name: 'eqLogic::update' })
})

t.test('what happens is told together, the newest value of each command', async (t) => {
  const { port, report, commandId } = await jeedomHouse(t, { period: 1 })
  await report('thermometer/i2c0-48', { temperature: [20, '℃'] })
  await report('relay/i2c0-3b', { state: false })
  let id: string | undefined
  while (id === undefined) id = await commandId('relay/i2c0-3b', 'Relay')
  const websocket = await openedTo(t, port)
  websocket.send(JSON.stringify({ apiKey: guestKey }))
  await once(websocket, 'message')
  await report('thermometer/i2c0-48', { temperature: [21, '℃'] })
  await report('thermometer/i2c0-48', { temperature: [21.52, '℃'] })
  await report('relay/i2c0-3b', { state: true })
  const [frame] = await once(websocket, 'message')
  t.notMatch(String(frame), /[^\x20-\x7e]/)
  const { datetime, result } = JSON.parse(String(frame))
  t.type(datetime, 'number')
  const [temperature, state, ...summaries] = result
  t.match(temperature, {
    datetime: /^\d{10}\.\d{6}$/,
    name: 'cmd::update',
    option: {
      cmd_id: /^\d+$/,
      value: 21.52,
      display_value: 21.52,
      unit: '°C',
      raw_unit: '°C',
      valueDate: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/,
      collectDate: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/,
      alertLevel: 'none',
    },
  })
  t.match(state, { name: 'cmd::update', option: { cmd_id: id, value: 1 } })
  t.match(summaries, [
    { name: 'jeeObject::summary::update', option: { object_id: /^\d+$/ } },
    {
      name: 'jeeObject::summary::update',
      option: {
        object_id: 'global',
        keys: { temperature: { value: 21.5 }, outlet: { value: 1 } },
      },
    },
  ])
  t.equal(summaries.length, 2)
})

t.test('a value that came again has no alert level, and keeps its date', async (t) => {
  const { listen, report } = await jeedomHouse(t)
  const events = await listen()
  const next = async () =>
    fieldOf(await events.next(({ name }) => name === 'cmd::update'), 'option')
  await report('relay/i2c0-3b', { state: true })
  t.match(await next(), { value: 1, alertLevel: 'none' })
  await report('relay/i2c0-3b', { state: true })
  const again = await next()
  t.match(again, { value: 1 })
  t.notOk(Object.hasOwn(Object(again), 'alertLevel'))
})

t.test('equipment that comes, and its node that goes', async (t) => {
  const { listen, report, node } = await jeedomHouse(t)
  const events = await listen()
  const next = async (flag: string) => {
    const isIt = ({ name, option }: { name: string; option: unknown }) =>
      name === 'eqLogic::update' && fieldOf(option, 'enable') === flag
    return fieldOf((await events.next(isIt)).option, 'eqLogic_id')
  }
  await report('relay/i2c0-3b', { state: true })
  const id = await next('1')
  await node.client.endAsync()
  t.equal(await next('1'), id, 'its node has gone')
})

t.test('what is forgotten is told so', async (t) => {
  const limits = { nodes: { devices: 1 } }
  const { hub, listen } = await jeedomHouse(t, {}, { limits })
  const events = await listen()
  // By one user: of two who have as much, the device of who came later would find no room.
  const { client } = await mqttTo(t, hub)
  await client.publishAsync('nodes/bridge/1/relay/a', '{"state":true}', { qos: 1 })
  await events.next(({ name }) => name === 'jeeObject::summary::update')
  await client.publishAsync('nodes/bridge/2/relay/a', '{"state":true}', { qos: 1 })
  const gone = await events.next(({ option }) => fieldOf(option, 'enable') === '0')
  t.match(gone, { name: 'eqLogic::update', option: { visible: '0' } })
})

t.test('a listener is told what its user may read', async (t) => {
  const { call, listen, report } = await jeedomHouse(t)
  const { result: key } = await call('user::getHash', { login: 'visitor', password: 'visitor1' })
  const events = await listen(key)
  const all = await listen()
  await report('relay/i2c0-3b', { state: true })
  await all.next(({ name }) => name === 'cmd::update')
  await report('thermometer/i2c0-48', { temperature: [20, '℃'] })
  const seen = await events.next(({ name }) => name === 'cmd::update')
  t.match(seen.option, { value: 20 })
  t.notOk(events.items.some(({ name }) => name === 'jeeObject::summary::update'))
})

t.test('long texts are cut', async (t) => {
  const { listen, report } = await jeedomHouse(t)
  const events = await listen()
  await report('display-oled/-', { 'line-0': 'a'.repeat(4000) })
  const { option } = await events.next(({ name }) => name === 'cmd::update')
  t.equal(String(fieldOf(option, 'value')).length, 3096)
})

t.test('one connection too many is closed', async (t) => {
  const limits = { connections: { perUser: 1 } }
  const { port, listen } = await jeedomHouse(t, {}, { limits })
  await listen()
  const websocket = await openedTo(t, port)
  websocket.send(JSON.stringify({ apiKey: guestKey }))
  t.equal((await once(websocket, 'close'))[0], 1013)
})
