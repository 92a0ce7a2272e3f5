import t from 'tap'
import type { Receipt } from '../../../src/core/message.ts'
import { commandGroup, resultOf } from '../../../src/dialects/deconz/commands.ts'
import { lightsAmong } from '../../../src/dialects/deconz/resources.ts'
import type { SeenDevice } from '../../../src/nodes/served/seen-devices.ts'
import { mqttTo } from '../../started-hub.ts'
import { testFolder } from '../../test-folder.ts'
import { ask } from '../asked-json.ts'
import { basicOf } from '../house.ts'
import { deconzHouse } from './deconz-house.ts'

/** Sooner than after 200 ms the hub does not let a relay be switched again. */
const restless = { commands: { rules: [{ topic: '#', minIntervalMilliseconds: 0 }] } }

t.test('a relay is switched: success once its node has confirmed', async (t) => {
  const { put, get, add, obey, events } = await deconzHouse(t)
  const id = await add('relay/i2c0-3b', { state: false })
  obey()
  const answer = await put(`/lights/${id}/state`, { on: true })
  t.equal(answer.status, 200)
  t.same(answer.body, [{ success: { [`/lights/${id}/state/on`]: true } }])
  t.equal((await get(`/lights/${id}`)).body.state.on, true)
  await events.next(({ r, state }) => r === 'lights' && Object(state).on === true)
})

t.test('success also when the node is there and takes its time', async (t) => {
  const { put, add } = await deconzHouse(t)
  const id = await add('relay/i2c0-3b', { state: false })
  const before = performance.now()
  const { body } = await put(`/lights/${id}/state`, { on: true })
  t.same(body, [{ success: { [`/lights/${id}/state/on`]: true } }])
  t.ok(performance.now() - before < 2000)
})

t.test('a node that is away cannot be reached: 202', async (t) => {
  const { put, get, add, node, events } = await deconzHouse(t)
  const id = await add('relay/i2c0-3b', { state: false })
  await node.client.endAsync(true)
  await events.next(({ state }) => Object(state).reachable === false)
  t.equal((await get(`/lights/${id}`)).body.state.reachable, false)
  const { status, body } = await put(`/lights/${id}/state`, { on: true })
  t.equal(status, 200)
  const address = `/lights/${id}/state`
  const description = `resource, ${address}, is not modifiable. Device is not reachable.`
  t.same(body, [{ error: { type: 202, address, description } }])
})

t.test('PATCH is PUT, and each parameter has an answer of its own', async (t) => {
  const { port, key, add, obey } = await deconzHouse(t)
  const id = await add('relay/i2c0-3b', { state: false })
  obey()
  const body = { on: true, bri: 100, transitiontime: 4 }
  const answer = await ask(port, ['PATCH', `/api/${key}/lights/${id}/state`], { body })
  t.equal(answer.status, 200)
  t.match(answer.body, [
    { success: { [`/lights/${id}/state/on`]: true } },
    { error: { type: 6, address: `/lights/${id}/state`, description: /^parameter, bri, not/ } },
  ])
  t.equal(answer.body.length, 2, 'nothing of ours takes its time')
})

t.test('what cannot be done is told by parameter, with status 200', async (t) => {
  const { put, add } = await deconzHouse(t)
  const id = await add('relay/i2c0-3b', { state: false })
  const address = `/lights/${id}/state`
  t.same((await put(address, { on: 'yes' })).body, [
    { error: { type: 7, address, description: 'invalid value, yes, for parameter, on' } },
  ])
  t.same((await put(address, { on: { a: '<b>&' } })).body, [
    {
      error: {
        type: 7,
        address,
        description: 'invalid value, {&quot;a&quot;:&quot;&lt;b&gt;&amp;&quot;}, for parameter, on',
      },
    },
  ])
  t.match((await put(address, { transitiontime: -1 })).body, [{ error: { type: 7 } }])
  t.match((await put(address, { transitiontime: 4 })).status, 400, 'nothing is asked for')
})

t.test('what was to be on for a while is not switched on for good', async (t) => {
  const { put, get, add, obey, node } = await deconzHouse(t)
  const id = await add('relay/i2c0-3b', { state: false })
  obey()
  for (const address of [`/lights/${id}/state`, '/groups/0/action']) {
    t.same((await put(address, { on: true, ontime: 300 })).body, [
      { error: { type: 6, address, description: 'parameter, ontime, not available' } },
    ])
  }
  t.same(node.messages.items, [])
  t.equal((await get(`/lights/${id}`)).body.state.on, false)
})

t.test('a LED takes effects and alerts as far as the model goes', async (t) => {
  const { put, add, node, events } = await deconzHouse(t, restless)
  const id = await add('led/-', { state: 'off' })
  const address = `/lights/${id}/state`
  t.same((await put(address, { effect: '1-dot' })).body, [
    {
      error: {
        type: 201,
        address,
        description: 'parameter, effect, is not modifiable. Device is set to off.',
      },
    },
  ])
  node.client.on('message', (topic, payload) => {
    node.client.publish(topic.replace(/\/set$/, ''), payload, { qos: 1, retain: true })
  })
  const became = async (body: unknown, state: string) => {
    t.match((await put(address, body)).body, [{ success: {} }])
    const message = await node.messages.next()
    t.same(JSON.parse(String(message.payload)), { state }, JSON.stringify(body))
    await events.next(({ r, e }) => r === 'lights' && e === 'changed')
  }
  await became({ on: true, effect: '1-dot' }, '1-dot')
  await became({ effect: 'none' }, 'on')
  await became({ alert: 'select' }, '1-dot')
  await became({ effect: '3-dot' }, '3-dot')
  await became({ on: false }, 'off')
  await became({ on: true }, 'on')
  t.same((await put(address, { alert: 'none' })).body, [
    { success: { [`${address}/alert`]: 'none' } },
  ])
  t.match((await put(address, { effect: 'sunset' })).body, [{ error: { type: 7 } }])
  t.match((await put(address, { alert: 'blink' })).body, [{ error: { type: 7 } }])
})

t.test('what the hub refuses is not modifiable, or comes too fast', async (t) => {
  const slowly = { commands: { rules: [{ topic: '#', minIntervalMilliseconds: 60_000 }] } }
  const { port, put, add, obey, keyOf } = await deconzHouse(t, slowly)
  const id = await add('relay/i2c0-3b', { state: true })
  obey()
  const key = await keyOf('viewer')
  const seen = await ask(port, ['GET', `/api/${key}/lights/${id}`])
  t.equal(seen.status, 200)
  const refused = await ask(port, ['PUT', `/api/${key}/lights/${id}/state`], { body: { on: true } })
  t.match(refused.body, [{ error: { type: 8, description: 'parameter, on, is not modifiable' } }])
  await put(`/lights/${id}/state`, { on: false })
  const { body } = await put(`/lights/${id}/state`, { on: true })
  t.same(body, [
    {
      error: {
        type: 901,
        address: `/lights/${id}/state/on`,
        description: 'Internal error, 951',
      },
    },
  ])
})

t.test('group 0 switches all lights, and toggles them', async (t) => {
  const { get, put, add, obey, node, events } = await deconzHouse(t, restless)
  // It has nothing of this kind.
  await node.client.publishAsync('nodes/bridge/0/display-oled/-', '{}', { qos: 1 })
  t.match((await put('/groups/0/action', { on: true })).body, [{ success: {} }])
  await add('relay/i2c0-3b', { state: true })
  await add('led/-', { state: 'off' })
  obey()
  t.same((await put('/groups/0/action', { toggle: true })).body, [
    { success: { '/groups/0/action/on': false } },
  ])
  const payloads = async () =>
    [await node.messages.next(), await node.messages.next()].map(({ payload }) => String(payload))
  t.same((await payloads()).sort(), ['{"state":"off"}', '{"state":false}'])
  await events.next(({ r, state }) => r === 'groups' && Object(state).any_on === false)
  t.match((await put('/groups/0/action', { on: true, bri: 3, toggle: 'x' })).body, [
    { error: { type: 7, description: 'invalid value, x, for parameter, toggle' } },
    { success: { '/groups/0/action/on': true } },
    { error: { type: 6 } },
  ])
  await payloads()
  await events.next(({ id, state }) => id === '65520' && Object(state).all_on === true)
  t.match((await put('/groups/0/action', { effect: '2-dot' })).body, [{ success: {} }])
  t.equal(String((await node.messages.next()).payload), '{"state":"2-dot"}', 'relays have none')
  t.match((await put('/groups/0/action', { toggle: 1 })).body, [{ error: { type: 7 } }])
  t.equal((await put('/groups/0/action', {})).status, 400)
  // By the number that it has in events.
  const { body: group } = await get('/groups/65520')
  t.match(group, { id: '65520', state: (await get('/groups/0')).body.state })
  const [answer] = (await put('/groups/65520/action', { toggle: group.state.any_on })).body
  t.same(Object.keys(answer.success), ['/groups/65520/action/on'])
  t.equal((await put('/groups/1/action', { on: true })).status, 404)
})

t.test('group 0 of somebody who may command none of it', async (t) => {
  const { port, add, keyOf } = await deconzHouse(t)
  await add('relay/i2c0-3b', { state: false })
  const key = await keyOf('viewer')
  const { body } = await ask(port, ['PUT', `/api/${key}/groups/0/action`], { body: { on: true } })
  t.match(body, [{ error: { type: 8, address: '/groups/0/action' } }])
})

t.test('sensors measure: their sections cannot be written', async (t) => {
  const { put, add } = await deconzHouse(t)
  const id = await add('pir/-', { 'event-count': 1 })
  const config = `/sensors/${id}/config`
  t.same((await put(config, { duration: 5, sensitivity: 1 })).body, [
    {
      error: { type: 8, address: config, description: 'parameter, duration, is not modifiable' },
    },
    { error: { type: 6, address: config, description: 'parameter, sensitivity, not available' } },
  ])
  const state = `/sensors/${id}/state`
  t.match((await put(state, { presence: true })).body, [{ error: { type: 8, address: state } }])
  t.match(await put(state, {}), { status: 400, body: [{ error: { type: 5 } }] })
})

t.test('an operator renames, which everybody is told, and the name stays', async (t) => {
  const folder = testFolder(t)
  const storage = { data: { folder: `${folder}/data` } }
  const { hub, port, key, put, get, add, keyOf, events } = await deconzHouse(t, storage)
  const id = await add('relay/i2c0-3b', { state: false, power: [5, 'W'] })
  const { id: meter } = await events.next(({ r, e }) => r === 'sensors' && e === 'added')
  await put(`/sensors/${meter}`, { name: 'Meter' })
  await events.next(({ attr }) => Object(attr).name === 'Meter')
  const address = `/lights/${id}`
  t.same((await put(address, { name: ' Pump ' })).body, [
    { success: { [`${address}/name`]: 'Pump' } },
  ])
  const { attr } = await events.next(({ id: of, attr }) => of === id && 'name' in Object(attr))
  t.same(attr, { name: 'Pump' })
  t.equal((await get(address)).body.name, 'Pump')
  for (const name of ['', '   ', 'a name that is longer than deCONZ has it', 5]) {
    t.match((await put(address, { name })).body, [{ error: { type: 7 } }], String(name))
  }
  t.match((await put(address, { name: 'Pump', hue: 1 })).body, [
    { error: { type: 6 } },
    { success: {} },
  ])
  t.match((await put(address, { hue: 1 })).body, [{ error: { type: 6 } }])
  t.match(await put(address, {}), { status: 400, body: [{ error: { type: 5 } }] })
  const viewer = await keyOf('viewer')
  const { body } = await ask(port, ['PUT', `/api/${viewer}${address}`], { body: { name: 'Mine' } })
  t.match(body, [{ error: { type: 8, description: 'parameter, name, is not modifiable' } }])
  await hub.close()
  const again = await deconzHouse(t, storage)
  const { body: light } = await ask(again.port, ['GET', `/api/${key}${address}`])
  t.equal(light.name, 'Pump')
  const { body: sensor } = await ask(again.port, ['GET', `/api/${key}/sensors/${meter}`])
  t.equal(sensor.name, 'Meter')
})

t.test('a device is called the same here and in the hub, and its readings after it', async (t) => {
  const { hub, put, get, add, events } = await deconzHouse(t)
  const id = await add('relay/i2c0-3b', { state: false, power: [5, 'W'] })
  const { id: meter } = await events.next(({ r, e }) => r === 'sensors' && e === 'added')
  await put(`/lights/${id}`, { name: 'Pump' })
  const headers = { authorization: basicOf('clown') }
  const url = `http://127.0.0.1:${hub.httpPort}/api`
  t.match(await (await fetch(`${url}/nodes/nodes/bridge/0`, { headers })).json(), {
    devices: [{ title: 'Pump' }],
  })
  t.equal((await get(`/sensors/${meter}`)).body.name, 'Pump Power')
  await put(`/sensors/${meter}`, { name: 'Meter' })
  t.equal((await get(`/sensors/${meter}`)).body.name, 'Meter')
  t.equal((await get(`/lights/${id}`)).body.name, 'Pump')

  const kit = await mqttTo(t, hub)
  await kit.client.publishAsync('node/kit:0/relay/-/state', 'false', { qos: 1 })
  t.match(await events.next(({ e, light }) => e === 'added' && /kit/.test(JSON.stringify(light))), {
    light: { name: 'kit:0 relay -' },
  })
})

const asked = { name: 'on', value: true, address: '/lights/1/state' }
const success = { success: { '/lights/1/state/on': true } }
const error = (type: number, address: string, description: string | RegExp) => ({
  error: { type, address, description },
})
const unreachable = error(202, '/lights/1/state', /Device is not reachable\.$/)
const busy = error(901, '/lights/1/state/on', 'Internal error, 951')

/** Each end of a command, and a state on the way that is told after a second. */
const answers: [receipt: Receipt | undefined, element: object][] = [
  [undefined, success],
  [{ receipt: 'accepted', afterMs: 0 }, success],
  [{ receipt: 'sent', afterMs: 1 }, success],
  [{ receipt: 'confirmed', afterMs: 5, final: true }, success],
  [{ receipt: 'timed-out', afterMs: 5, final: true }, unreachable],
  [{ receipt: 'node-offline', afterMs: 0, final: true }, unreachable],
  [{ receipt: 'unknown', afterMs: 0, final: true }, busy],
  [{ receipt: 'refused', code: 'too-fast', afterMs: 0, final: true }, busy],
  [{ receipt: 'mismatch', afterMs: 5 }, success],
  [
    { receipt: 'mismatch', afterMs: 5, final: true },
    error(8, '/lights/1/state', 'parameter, on, is not modifiable.'),
  ],
  [
    { receipt: 'refused', code: 'forbidden', afterMs: 0, final: true },
    error(8, '/lights/1/state', 'parameter, on, is not modifiable'),
  ],
  [
    { receipt: 'refused', code: 'locked', message: 'it is locked', afterMs: 0, final: true },
    error(8, '/lights/1/state', 'parameter, on, is not modifiable. it is locked.'),
  ],
]

t.test('each end of a command has its answer', async (t) => {
  for (const [receipt, element] of answers) {
    t.match(resultOf(receipt, asked), element, JSON.stringify(receipt))
  }
})

const offline: Receipt = { receipt: 'node-offline', afterMs: 0, final: true }
const late: Receipt = { receipt: 'timed-out', afterMs: 5, final: true }
const refused: Receipt = { receipt: 'refused', code: 'forbidden', afterMs: 0, final: true }
const done: Receipt = { receipt: 'confirmed', afterMs: 5, final: true }

/** Switches on as many relays as there are receipts, each of which ends with its own. */
function switched(receipts: readonly Receipt[], body: Readonly<Record<string, unknown>>) {
  const devices = receipts.map((_, at): SeenDevice => {
    const name = `relay/${at}`
    const base = 'nodes/bridge/0'
    const topic = `${base}/${name}`
    const value = { state: false }
    const known = { value, keys: new Set(['state']), isKnown: true, heardAtMs: 0, online: true }
    return {
      number: at + 2,
      nodeNumber: 1,
      topic,
      firstTopic: topic,
      base,
      name,
      kind: 'relay',
      role: 'actuator',
      ...known,
    }
  })
  const left = [...receipts]
  const command = async () => left.shift() ?? done
  return commandGroup(lightsAmong(devices), body, { command, address: '/groups/0/action' })
}

const groupSuccess = { success: { '/groups/0/action/on': true } }
const groupError = (type: number) => ({ error: { type, address: '/groups/0/action' } })

t.test('a group succeeds by one of its lights, and fails by the first when all do', async (t) => {
  const ends: [receipts: Receipt[], element: object][] = [
    [[], groupSuccess],
    [[done], groupSuccess],
    [[offline, late, refused, done], groupSuccess],
    [[offline, offline], groupError(202)],
    [[late, late], groupError(202)],
    [[refused, offline], groupError(8)],
    [[offline, refused], groupError(202)],
  ]
  for (const [receipts, element] of ends) {
    const names = receipts.map(({ receipt }) => receipt).join()
    t.match(await switched(receipts, { on: true }), [element], names)
  }
})
