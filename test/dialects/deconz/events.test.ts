import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { fieldOf, parseJson } from '../../../src/core/json.ts'
import { createDeconzEvents, eventCodec } from '../../../src/dialects/deconz/events.ts'
import type { DeviceListener, SeenDevice } from '../../../src/nodes/served/seen-devices.ts'
import { steppedClock } from '../../clock.ts'
import { mqttTo } from '../../started-hub.ts'
import { ask } from '../asked-json.ts'
import { basicOf, startedHouse } from '../house.ts'
import {
  type ConnectedLink,
  codecContract,
  goldenFrames,
  servedContract,
} from '../served-contract.ts'
import { deconzHouse, eventsOf } from './deconz-house.ts'

let reports = 0

servedContract(t, {
  dialect: 'deconz',
  connect: (port) => new WebSocket(`ws://127.0.0.1:${port}/whatever`),
  ignored: ['', '{}', 'nonsense', '{"t":"event"}', 'é'.repeat(10), '\0'],
  told: async ({ frames }: ConnectedLink, hub) => {
    const { client } = await mqttTo(t, hub)
    const temperature = [(reports++ % 90) + 0.5, '℃']
    const payload = JSON.stringify({ temperature })
    await client.publishAsync('nodes/bridge/0/thermometer/-', payload, { qos: 1 })
    await frames.next((frame) => fieldOf(parseJson(frame), 'r') === 'sensors')
    await client.endAsync()
  },
  secret: {
    topic: 'nodes/bridge/0/thermometer/-',
    payload: { temperature: [98.76, '℃'] },
    told: /9876/,
  },
})

t.test('each kind of event has one section, and all of that', async (t) => {
  const { events, report, add, node } = await deconzHouse(t)
  await report('relay/i2c0-3b', { state: false })
  const added = await events.next()
  t.match(added, {
    e: 'added',
    r: 'lights',
    t: 'event',
    uniqueid: /-01$/,
    light: { state: { on: false }, type: 'On/Off plug-in unit', name: 'Relay i2c0-3b' },
  })
  const { id, uniqueid } = added
  await report('relay/i2c0-3b', { state: true })
  t.same(await events.next(({ r }) => r === 'lights'), {
    e: 'changed',
    id,
    r: 'lights',
    state: { alert: 'none', on: true, reachable: true },
    t: 'event',
    uniqueid,
  })
  t.same(await events.next(({ r, state }) => r === 'groups' && Object(state).any_on === true), {
    e: 'changed',
    id: '65520',
    r: 'groups',
    state: { all_on: true, any_on: true },
    t: 'event',
  })
  const sensor = await add('thermometer/i2c0-48', { temperature: [21, '℃'] })
  await report('thermometer/i2c0-48', { temperature: [21, '℃'] })
  const measured = await events.next(({ e, id }) => e === 'changed' && id === sensor)
  t.same(Object.keys(measured).sort(), ['e', 'id', 'r', 'state', 't', 'uniqueid'])
  t.match(measured['state'], { temperature: 2100, lastupdated: /\.\d{3}$/ })
  await node.client.endAsync(true)
  const gone = await events.next(({ config }) => config !== undefined)
  t.match(gone, { e: 'changed', id: sensor, config: { on: true, reachable: false } })
  const away = await events.next(({ r, state }) => r === 'lights' && Object(state).on !== undefined)
  t.match(away, { state: { on: null, reachable: false } })
})

t.test('a light that reports the same again has not changed', async (t) => {
  const { events, report, add } = await deconzHouse(t)
  const id = await add('relay/i2c0-3b', { state: true })
  await report('relay/i2c0-3b', { state: true })
  await add('relay/i2c0-3f', { state: true })
  const told = events.items.filter((event) => event.id === id && event['state'] !== undefined)
  t.same(told, [])
})

t.test('the group of all is told when a light goes on or off, comes or goes', async (t) => {
  const { events, report, add } = await deconzHouse(t, { limits: { nodes: { devices: 2 } } })
  const next = async () => (await events.next(({ r }) => r === 'groups'))['state']
  await add('relay/a', { state: true })
  t.same(await next(), { all_on: true, any_on: true })
  await report('relay/a', { state: true })
  await add('relay/b', { state: false })
  t.same(await next(), { all_on: false, any_on: true }, 'the same again is no news')
  await add('thermometer/a', { temperature: [21, '℃'] })
  t.same(await next(), { all_on: false, any_on: false }, 'the light that was on is gone')
  await report('relay/b', { state: true })
  t.same(await next(), { all_on: true, any_on: true })
})

t.test('a button that was pressed, and somebody who moved', async (t) => {
  const { events, report, add, get } = await deconzHouse(t)
  const button = await add('push-button/-', { 'event-count': 3 })
  const next = () => events.next(({ e, state }) => e === 'changed' && state !== undefined)
  await report('push-button/-', { 'event-count': 4 })
  t.match(await next(), { id: button, state: { buttonevent: 1002 } })
  t.equal((await get(`/sensors/${button}`)).body.state.buttonevent, 1002)
  const { lastupdated } = (await get(`/sensors/${button}`)).body.state
  await report('push-button/-', { 'event-count': 4 })
  await report('push-button/-', { 'event-count': 0 })
  const pir = await add('pir/-', { 'event-count': 1 })
  const presses = events.items.filter(({ id, state }) => id === button && state !== undefined)
  t.equal(presses.length, 1, 'the same count again is no press, nor is a count from zero')
  t.equal((await get(`/sensors/${button}`)).body.state.lastupdated, lastupdated)
  await report('pir/-', { 'event-count': 2 })
  t.match(await next(), { id: pir, state: { presence: true } })
  t.match((await get(`/sensors/${pir}`)).body, {
    state: { presence: true },
    config: { duration: 60 },
  })
})

t.test('what is gone is told so, and its number is of nobody else', async (t) => {
  const limits = { nodes: { devices: 1 } }
  const { events, add, get, put } = await deconzHouse(t, { limits })
  const first = await add('relay/i2c0-3b', { state: true })
  await put(`/lights/${first}`, { name: 'Pump' })
  const second = await add('relay/i2c0-3f', { state: true })
  t.match(await events.next(({ e }) => e === 'deleted'), { id: first, r: 'lights' })
  t.not(second, first)
  const numbers = new Set([first, second])
  for (const name of ['relay/3', 'relay/4', 'relay/5', 'relay/6']) {
    numbers.add(await add(name, { state: true }))
  }
  t.equal(numbers.size, 6)
  t.equal((await get(`/lights/${first}`)).status, 404)
})

t.test('whoever gives nothing and was nowhere listens to nothing', async (t) => {
  const { port } = await startedHouse(t, 'deconz', {
    dialects: [{ dialect: 'deconz', port: 0 }],
  })
  const refused = await refusalOf(new WebSocket(`ws://127.0.0.1:${port}/`))
  t.equal(refused.status, 403)
  t.match(JSON.parse(refused.body), [{ error: { type: 1, description: 'unauthorized user' } }])
  const wrong = { headers: { Authorization: 'Basic Y2xvd246d3Jvbmc=' } }
  t.equal((await refusalOf(new WebSocket(`ws://127.0.0.1:${port}/`, wrong))).status, 403)

  const headers = { Authorization: basicOf('visitor') }
  await once(new WebSocket(`ws://127.0.0.1:${port}/`, { headers }), 'open')
  const body = { devicetype: 'app#host' }
  await ask(port, ['POST', '/api'], { body, headers })
  const page = { origin: 'https://stranger.example' }
  t.equal((await refusalOf(new WebSocket(`ws://127.0.0.1:${port}/`, page))).status, 403)
  await eventsOf(t, port)
})

t.test('a listener is told what its user may read', async (t) => {
  const dialects = [{ dialect: 'deconz', port: 0, guest: { user: 'visitor' } }] as const
  const { port, report } = await startedHouse(t, 'deconz', { dialects })
  const events = await eventsOf(t, port)
  await report('relay/i2c0-3b', { state: true })
  await report('thermometer/i2c0-48', { temperature: [21, '℃'] })
  t.match(await events.next(), { r: 'sensors', e: 'added' })
  t.equal(events.items.length, 1)
})

t.test('pages of anybody listen where guests may come from any page', async (t) => {
  const guest = { user: 'clown', anyOrigin: true }
  const { port, report } = await startedHouse(t, 'deconz', {
    dialects: [{ dialect: 'deconz', port: 0, guest }],
  })
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/`, { origin: 'null' })
  t.teardown(() => websocket.terminate())
  await once(websocket, 'open')
  // It may come before the report is acknowledged.
  const heard = once(websocket, 'message')
  await report('relay/i2c0-3b', { state: true })
  t.match(JSON.parse(String((await heard)[0])), { e: 'added' })
})

async function refusalOf(websocket: WebSocket): Promise<{ status: number; body: string }> {
  const [, response] = await once(websocket, 'unexpected-response')
  let body = ''
  for await (const part of response) body += part
  websocket.on('error', () => {}).terminate()
  return { status: response.statusCode, body }
}

t.test('nobody is there any more a while after the last movement', async (t) => {
  const clock = steppedClock()
  const devices = new Map<number, SeenDevice>()
  let tell: DeviceListener = () => {}
  const events = createDeconzEvents({
    clock,
    devices: {
      all: () => [...devices.values()],
      get: (number) => devices.get(number),
      onEvent: (listener) => {
        tell = listener
        return () => {}
      },
    },
    names: { of: () => 'PIR', set: async () => {}, forget: () => {} },
  })
  const frames: string[] = []
  events.join(
    {
      signIn: () => undefined,
      close: () => {},
      cut: () => {},
      send: (frame) => {
        frames.push(frame)
      },
    },
    {
      user: 'clown',
      mayRead: () => true,
      mayCommand: () => true,
      command: async () => ({ receipt: 'confirmed', afterMs: 0 }),
    },
  )
  const count = (value: number) => {
    const device: SeenDevice = {
      number: 7,
      topic: 'nodes/bridge/0/pir/-',
      firstTopic: 'nodes/bridge/0/pir/-',
      base: 'nodes/bridge/0',
      name: 'pir/-',
      kind: 'pir',
      role: 'sensor',
      nodeNumber: 1,
      value: { 'event-count': value },
      keys: new Set(['event-count']),
      heardAtMs: clock.wallMs(),
      isKnown: true,
      online: true,
    }
    devices.set(7, device)
    tell('reported', device)
  }
  count(1)
  count(2)
  t.match(JSON.parse(frames.at(-1) ?? ''), { state: { presence: true } })
  clock.step(61_000)
  t.match(JSON.parse(frames.at(-1) ?? ''), { e: 'changed', id: '7', state: { presence: false } })
  count(2)
  t.match(JSON.parse(frames.at(-1) ?? ''), { attr: { lastseen: '1970-01-01T00:01Z' } })
  count(3)
  devices.clear()
  const before = frames.length
  clock.step(61_000)
  t.equal(frames.length, before, 'of what is gone nothing is told')
  events.close()
})

codecContract(t, eventCodec, {
  frames: goldenFrames('deconz', 'events'),
  rubbish: [
    '',
    '[]',
    'null',
    '{"t":"event"',
    '{"e":"changed","id":"5","r":"sensors","t":"status"}',
    '{"e":"moved","id":"5","r":"sensors","t":"event"}',
    '{"e":"changed","id":"5","r":"rules","t":"event"}',
    '{"e":"changed","id":5,"r":"sensors","t":"event"}',
    '{"e":"changed","r":"sensors","t":"event"}',
    '{"e":"changed","id":"5","r":"sensors","t":"event","uniqueid":5}',
    '{"e":"scene-called","gid":"1","r":"scenes","t":"event"}',
    '{"e":"scene-called","scid":"1","r":"scenes","t":"event"}',
  ],
})
