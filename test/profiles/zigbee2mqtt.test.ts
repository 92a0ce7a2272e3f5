import t from 'tap'
import { zigbee2mqtt } from '../../src/profiles/zigbee2mqtt/zigbee2mqtt.ts'
import { profileContract } from './contract.ts'
import { playTo } from './play.ts'

t.test('Zigbee2MQTT', async (t) =>
  profileContract(t, () => zigbee2mqtt, { files: ['zigbee2mqtt'] }),
)

const binary = {
  type: 'binary',
  name: 'state',
  property: 'state',
  value_on: 'ON',
  value_off: 'OFF',
}
const plug = [{ type: 'switch', features: [{ ...binary, access: 7 }] }]

/** A gateway with one device, `it`, that exposes this, and what is told of it. */
function exposing(exposes: readonly unknown[], entry: object = {}, base = 'zigbee2mqtt') {
  const playing = playTo(zigbee2mqtt)
  const list = (...entries: readonly object[]) =>
    playing.hear(`${base}/bridge/devices`, JSON.stringify(entries), true)
  const own = { ieee_address: '0x01', friendly_name: 'it', definition: { model: 'M', exposes } }
  list({ ...own, ...entry })
  playing.clock.step(60_000)
  return {
    ...playing,
    list,
    own,
    says: (value: object) => playing.hear(`${base}/it`, JSON.stringify(value)),
    values: () => playing.devices.get('0x01')?.values,
    facts: () => playing.devices.get('0x01')?.facts,
    asked: (payload: unknown) => JSON.parse(String(playing.ask('0x01', payload)[0]?.payload)),
    reported: () =>
      playing.told.flatMap((each) =>
        each.what === 'reported' ? [`${each.from} ${JSON.stringify(each.values)}`] : [],
      ),
    observed: () => playing.told.flatMap((each) => (each.what === 'observed' ? [each.asked] : [])),
    refused: () => playing.told.flatMap((each) => (each.what === 'refused' ? [each.reason] : [])),
  }
}

t.test('a light in colour', async (t) => {
  const { says, values, asked, facts } = exposing([
    {
      type: 'light',
      features: [
        { ...binary, access: 7 },
        { type: 'numeric', property: 'brightness', access: 7, value_max: 200 },
        { type: 'composite', property: 'color', access: 7 },
        { type: 'numeric', property: 'color_temp', access: 7 },
        { type: 'enum', access: 7 },
      ],
    },
    3,
  ])
  says({ state: null, brightness: 100, color: { x: 0.64, y: 0.33 } })
  t.same(values(), { state: null, brightness: 50, color: 'FF0000' })
  says({ color: { hue: 3 }, brightness: 'x', color_temp: {}, state: 'perhaps' })
  says({ color: 3 })
  t.same(values(), { state: null, brightness: 50, color: 'FF0000' })
  says({ color: { x: 0.3127, y: 0.329 } })
  t.match(values(), { color: /^F[D-F]F[D-F]F[D-F]$/ })
  t.same(asked({ state: false, brightness: 50, color: '00FF00', 'color-temp': 300 }), {
    ...{ state: 'OFF', brightness: 100, color: { hex: '#00FF00' }, color_temp: 300 },
  })
  t.throws(() => asked({ effect: 'x' }), { code: 'bad-payload', message: /got "effect"/ })
  const [question] = facts()?.question?.() ?? []
  const gettable = ['state', 'brightness', 'color', 'color_temp']
  t.same(Object.keys(JSON.parse(String(question?.payload))), gettable)
})

t.test('a fan has the keys of fans, whatever its properties are called', async (t) => {
  const { says, values, asked, facts } = exposing([
    {
      type: 'fan',
      features: [
        { ...binary, property: 'fan_state', access: 7 },
        { type: 'enum', name: 'mode', property: 'fan_mode', access: 7, values: ['low', 'high'] },
        { type: 'numeric', name: 'speed', property: 'speed', access: 7 },
      ],
    },
  ])
  says({ fan_state: 'ON', fan_mode: 'low', speed: 127 })
  t.same(values(), { state: true, preset: 'low', speed: 50 })
  t.same(asked({ state: false, preset: 'high', speed: 100 }), {
    ...{ fan_state: 'OFF', fan_mode: 'high', speed: 254 },
  })
  t.equal(facts()?.tolerance?.['speed'], 1)
})

t.test('each light of two is dimmed in percent, and confirmed', async (t) => {
  const gang = (endpoint: string) => ({
    type: 'light',
    endpoint,
    features: [
      { ...binary, property: `state_${endpoint}`, access: 7, endpoint },
      {
        type: 'numeric',
        name: 'brightness',
        property: `brightness_${endpoint}`,
        access: 7,
        endpoint,
      },
    ],
  })
  const { says, values, asked, facts } = exposing([gang('l1'), gang('l2')])
  says({ state_l1: 'ON', brightness_l1: 254, state_l2: 'OFF', brightness_l2: 127 })
  t.same(values(), { state_l1: true, brightness_l1: 100, state_l2: false, brightness_l2: 50 })
  t.same(asked({ brightness_l2: 20 }), { brightness_l2: 51 })
  t.equal(facts()?.tolerance?.['brightness_l2'], 1)
  t.throws(() => asked({ brightness_l2: 120 }), { message: /expected 0 to 100/ })
})

t.test('what is only set, or told in another word, cannot be confirmed', async (t) => {
  const { asked, facts } = exposing([
    ...plug,
    { ...binary, property: 'child_lock', value_on: 'LOCK', value_off: 'UNLOCK', access: 3 },
    { type: 'enum', property: 'effect', access: 2 },
  ])
  t.same(asked({ child_lock: true }), { child_lock: 'LOCK' })
  t.same(asked({ child_lock: 'UNLOCK' }), { child_lock: 'UNLOCK' })
  const isConfirmable = (asked: object) => facts()?.isConfirmable?.({ ...asked })
  t.equal(isConfirmable({ state: true, child_lock: false }), true)
  t.equal(isConfirmable({ child_lock: 'UNLOCK' }), false)
  t.equal(isConfirmable({ effect: 'blink' }), false)
})

t.test('a light whose gateway does not say how bright it can be', async (t) => {
  const features = [{ type: 'numeric', property: 'brightness', access: 2 }]
  const { asked, facts } = exposing([{ type: 'light', features }])
  t.same(asked({ brightness: 100 }), { brightness: 254 })
  t.equal(facts()?.question, undefined, 'nothing of it can be asked for')
})

t.test('covers and locks are told in their words', async (t) => {
  const state = { type: 'enum', property: 'state', access: 3 }
  const position = { type: 'numeric', property: 'position', access: 7 }
  const cover = exposing([{ type: 'cover', features: [state, position] }])
  cover.says({ state: 'CLOSE', position: 0 })
  t.same(cover.values(), { state: 'closed', position: 0 })
  t.same(cover.asked('open'), { state: 'OPEN' })
  t.same(cover.asked({ position: 40 }), { position: 40 })
  const lock = exposing([{ type: 'lock', features: [{ ...state, type: 'binary' }] }])
  lock.says({ state: 'UNLOCK' })
  t.same(lock.values(), { state: 'unlocked' })
  t.same(lock.asked('lock'), { state: 'LOCK' })
  t.throws(() => lock.asked('open'), { message: 'expected lock, unlock as state, got "open"' })
})

t.test('a thermostat has the words of every climate', async (t) => {
  const numeric = { type: 'numeric', access: 7 }
  const { says, values, asked } = exposing([
    {
      type: 'climate',
      features: [
        { ...numeric, property: 'occupied_heating_setpoint', unit: '°C' },
        { ...numeric, property: 'local_temperature', access: 1, unit: '°C' },
        { type: 'enum', property: 'system_mode', access: 7 },
        { ...binary, property: 'child_lock', value_on: 'LOCK', value_off: 'UNLOCK', access: 7 },
      ],
    },
  ])
  says({ occupied_heating_setpoint: 21, local_temperature: 19.5, system_mode: 'heat' })
  t.same(values(), { setpoint: 21, temperature: [19.5, '°C'], mode: 'heat' })
  t.same(asked(22), { occupied_heating_setpoint: 22 })
  t.same(asked({ child_lock: 'LOCK' }), { child_lock: 'LOCK' })
  t.same(asked({ child_lock: true }), { child_lock: 'LOCK' })
})

t.test('detectors and measurements are readings, and a button is an event each time', async (t) => {
  const { says, values, reported, facts } = exposing([
    { type: 'binary', property: 'contact', access: 1, value_on: false, value_off: true },
    { type: 'binary', property: 'tamper', access: 1, value_on: 'YES', value_off: 'NO' },
    { type: 'numeric', property: 'power', access: 1, unit: 'W' },
    { type: 'enum', property: 'action', access: 1 },
    { type: 'list', property: 'schedule', access: 3 },
  ])
  says({ contact: true, tamper: 'NO', power: null, action: '', schedule: [1] })
  t.same(values(), { contact: [true, null], tamper: [false, null], power: [null, 'W'] })
  t.match(facts(), { kind: 'sensor', model: 'M', ask: undefined })
  says({ action: 'single' })
  says({ action: 'single' })
  const events = reported().filter((each) => each === 'device {"event":"single"}')
  t.equal(events.length, 2)
})

t.test('what the gateway repeats is memory, what changes is the word of the device', async (t) => {
  const power = { type: 'numeric', property: 'power', access: 1, unit: 'W' }
  const { hear, says, reported, clock } = exposing([...plug, power])
  says({ state: 'ON', power: 3 })
  says({ state: 'ON', power: 4 })
  t.same(reported().slice(-3), [
    'device {"state":true,"power":[3,"W"]}',
    'memory {"state":true}',
    'device {"power":[4,"W"]}',
  ])
  hear('zigbee2mqtt/bridge/state', '{"state":"online"}', true)
  hear('zigbee2mqtt/bridge/state', 'perhaps', true)
  clock.step(30_000)
  says({ state: 'ON', power: 4 })
  t.equal(reported().at(-1), 'memory {"state":true,"power":[4,"W"]}')
})

t.test('what it tells for the first time when it has just come is memory too', async (t) => {
  const { hear, says, reported, clock } = exposing(plug)
  hear('zigbee2mqtt/bridge/state', 'online', true)
  says({ state: 'ON' })
  t.same(reported(), ['memory {"state":true}'])
  clock.step(60_000)
  says({ state: 'OFF' })
  t.equal(reported().at(-1), 'device {"state":false}')
})

t.test('one that was there before the hub repeats nothing until it is greeted', async (t) => {
  const definition = { model: 'M', exposes: plug }
  const own = { ieee_address: '0x01', friendly_name: 'it', definition }
  const said = (values: object) => JSON.stringify(values)
  for (const [greeting, isRetained, from] of [
    ['offline', false, 'device'],
    ['online', true, 'device'],
    ['online', false, 'memory'],
  ] as const) {
    const greetings = { topic: 'homeassistant/status', payload: greeting }
    const playing = playTo(zigbee2mqtt, {
      retained: [
        { topic: 'zigbee2mqtt/bridge/state', payload: said({ state: 'online' }) },
        { topic: 'zigbee2mqtt/bridge/devices', payload: JSON.stringify([own]) },
        ...(isRetained ? [greetings] : []),
      ],
    })
    if (!isRetained) playing.hear(greetings.topic, greetings.payload)
    playing.hear('zigbee2mqtt/it', said({ state: 'ON' }))
    const reported = playing.told.filter(({ what }) => what === 'reported')
    t.match(reported, [{ from, values: { state: true } }], `${greeting} ${isRetained}`)
  }
})

t.test('a device that is asked answers once, and one that was seen since has spoken', async (t) => {
  const { says, reported, facts, clock, hear } = exposing(plug)
  says({ state: 'ON' })
  facts()?.question?.()
  says({ state: 'ON' })
  says({ state: 'ON' })
  t.same(reported().slice(1), ['device {"state":true}', 'memory {"state":true}'])
  facts()?.question?.()
  clock.step(10_001)
  says({ state: 'ON' })
  t.equal(reported().at(-1), 'memory {"state":true}', 'that was too late')
  facts()?.question?.()
  const message = "z2m: Publish 'get' 'state' to 'it' failed: 'Timeout'"
  hear('zigbee2mqtt/bridge/logging', JSON.stringify({ level: 'error', message }))
  says({ state: 'ON' })
  t.equal(reported().at(-1), 'memory {"state":true}', 'it has not answered')
  says({ state: 'ON', last_seen: '2026-01-01T10:00:00Z' })
  says({ state: 'ON', last_seen: '2026-01-01T10:00:00Z' })
  t.equal(reported().at(-1), 'memory {"state":true}')
  says({ state: 'ON', last_seen: '2026-01-01T10:00:05Z' })
  t.equal(reported().at(-1), 'device {"state":true}')
})

t.test('who sleeps is not asked', async (t) => {
  const { facts } = exposing(plug, { power_source: 'Battery', software_build_id: '1.2' })
  t.match(facts(), { question: undefined, firmware: '1.2' })
  t.ok(facts()?.ask)
})

t.test('what the gateway could not do is refused, with its reason', async (t) => {
  const { hear, refused } = exposing(plug)
  const log = (level: string, message: string) =>
    hear('zigbee2mqtt/bridge/logging', JSON.stringify({ level, message }))
  log('error', "Publish 'set' 'state' to 'it' failed: 'no route'")
  log('error', "Publish 'set' 'state' to 'other' failed: 'no route'")
  log('error', "Failed to ping to 'it' failed: 'no route'")
  log('info', "Publish 'set' 'state' to 'it' failed: 'no route'")
  hear('zigbee2mqtt/bridge/logging', 'x')
  t.same(refused(), ['no route'])
})

t.test('what others ask is seen', async (t) => {
  const { hear, observed } = exposing(plug)
  hear('zigbee2mqtt/it/set', '{"state":"ON"}')
  hear('zigbee2mqtt/it/set', 'OFF')
  hear('zigbee2mqtt/it/set/state', 'ON')
  hear('zigbee2mqtt/it/set', '{"transition":3}')
  hear('zigbee2mqtt/it/left/set', '{"state":"ON"}')
  hear('zigbee2mqtt/it/get', '{"state":""}')
  t.same(observed(), [{ state: true }, { state: false }, { state: true }])
})

t.test('a device is away with its gateway, or by itself', async (t) => {
  const { hear, devices } = exposing(plug)
  const isThere = () => devices.get('0x01')?.isAvailable
  t.equal(isThere(), null)
  hear('zigbee2mqtt/bridge/state', 'online', true)
  t.equal(isThere(), true)
  hear('zigbee2mqtt/it/availability', 'offline', true)
  t.equal(isThere(), false)
  hear('zigbee2mqtt/it/availability', '{"state":"online"}', true)
  t.equal(isThere(), true)
  hear('zigbee2mqtt/bridge/state', '{"state":"offline"}', true)
  t.equal(isThere(), false)
})

t.test('the same list again is nothing new, and what it leaves out is gone', async (t) => {
  const { list, own, told, devices, hear, says, values } = exposing(plug)
  says({ state: 'ON' })
  const before = told.length
  list(own)
  t.equal(told.length, before)
  list({ ...own, friendly_name: 'renamed' })
  t.match(devices.get('0x01'), { facts: { name: 'renamed' }, values: { state: true } })
  says({ state: 'OFF' })
  t.same(values(), { state: true }, 'its old topic is its no more')
  const exposes = [{ type: 'switch', features: 3 }]
  list(
    { ...own, definition: { exposes } },
    ...[{ ieee_address: 3 }, { ...own, definition: 3 }, { ieee_address: 'x', friendly_name: 3 }],
    { ...own, ieee_address: '0x02', friendly_name: 'a/#' },
  )
  t.match(devices.get('0x01')?.facts, { kind: 'relay', ask: undefined })
  t.ok(told.some(({ what }) => what === 'left-out'))
  hear('zigbee2mqtt/bridge/devices', '3', true)
  hear('zigbee2mqtt/bridge/groups', '3', true)
  list()
  t.equal(devices.size, 0)
})

t.test('groups of a second gateway have their own place', async (t) => {
  const { hear, devices } = exposing(plug, {}, 'attic')
  const members = [{ ieee_address: '0x01', endpoint: 1 }, 3]
  const groups = [
    { id: 1, friendly_name: 'all', members },
    { id: 2, friendly_name: 'none', members: [] },
    { id: 'x', friendly_name: 'odd', members },
    { id: 3, members },
    { id: 4, friendly_name: 'odd' },
  ]
  hear('attic/bridge/groups', JSON.stringify(groups), true)
  t.same([...devices.keys()], ['0x01', 'attic/group:1'])
  hear('attic/all', '{"state":"ON"}')
  t.same(devices.get('attic/group:1')?.values, { state: true })
})

t.test('what can be set is told as it is exposed, and nothing else is asked', async (t) => {
  const set = { access: 7 }
  const { facts, asked } = exposing([
    { type: 'cover', features: [{ ...set, property: 'state', values: ['OPEN', 'CLOSE'] }] },
    { ...set, type: 'enum', property: 'motor', values: ['slow', 2] },
    { ...set, type: 'enum', property: 'odd' },
    {
      ...set,
      type: 'numeric',
      property: 'delay',
      value_min: 0,
      value_max: 9,
      value_step: 1,
      unit: 's',
    },
    { ...set, type: 'numeric', property: 'free', unit: '', value_max: 'x' },
    { ...set, type: 'binary', property: 'child_lock', value_on: 'LOCK', value_off: 'UNLOCK' },
    { ...set, type: 'text', property: 'note' },
    { ...set, type: 'composite', property: 'plan' },
  ])
  t.match(facts()?.ranges, {
    state: { type: 'text', options: ['open', 'close'] },
    motor: { type: 'text', options: ['slow', '2'] },
    odd: {},
    delay: { type: 'number', min: 0, max: 9, step: 1, unit: 's' },
    free: { type: 'number', max: undefined },
    child_lock: { type: 'boolean' },
    note: { type: 'text' },
    plan: {},
  })
  t.same(asked({ motor: '2', note: 'x', plan: { a: 1 } }), { motor: 2, note: 'x', plan: { a: 1 } })
  t.throws(() => asked('stop'), { message: 'expected open, close as state, got "stop"' })
  t.throws(() => asked({ motor: 'fast' }), { code: 'bad-payload' })
  t.throws(() => asked({ delay: 10 }), { message: 'expected 0 to 9 as delay, got 10' })
  const lamp = exposing([
    {
      type: 'light',
      features: [
        { ...set, type: 'numeric', name: 'brightness', property: 'brightness', value_max: 254 },
      ],
    },
  ])
  t.same(lamp.facts()?.ranges, { brightness: {} }, 'percents are of the hub')
})

t.test('a number that is told as a text is one', async (t) => {
  const { says, values } = exposing([
    { type: 'numeric', property: 'voltage', access: 1, unit: 'V' },
    { type: 'numeric', property: 'odd', access: 1 },
  ])
  says({ voltage: '230.5', odd: ' ' })
  t.same(values(), { voltage: [230.5, 'V'], odd: [' ', null] })
})
