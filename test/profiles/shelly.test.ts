import t from 'tap'
import { shelly } from '../../src/profiles/shelly/shelly.ts'
import { profileContract } from './contract.ts'
import { playTo } from './play.ts'

t.test('Shelly, Gen2 and later', async (t) =>
  profileContract(t, () => shelly, { files: ['shelly-gen2'] }),
)

/** A Shelly whose topics have a prefix of its owner's. */
function speaking(prefix = 'house/hall/lamp') {
  const playing = playTo(shelly)
  return {
    ...playing,
    notify: (params: object, src = 'shellypro-a0b1c2d3e4f5') => {
      const value = { src, dst: `${prefix}/events`, method: 'NotifyStatus', params }
      playing.hear(`${prefix}/events/rpc`, JSON.stringify(value))
    },
    answer: (value: object) => playing.hear('clown-hub/rpc', JSON.stringify(value)),
    stateOf: (part: string) => playing.devices.get(`${prefix}/${part}`)?.values,
    factsOf: (part: string) => playing.devices.get(`${prefix}/${part}`)?.facts,
    asked: (part: string, payload: unknown) =>
      playing.ask(`${prefix}/${part}`, payload).map(({ topic, payload: sent }) => {
        const { method, params } = JSON.parse(sent)
        return [topic, method, params]
      }),
    ids: () => [...playing.devices.keys()],
    observed: () =>
      playing.told.flatMap((each) => (each.what === 'observed' ? [[each.id, each.asked]] : [])),
  }
}

t.test(
  'who says that it is there is asked what it is, and has the names of its config',
  async (t) => {
    const { hear, told, answer, factsOf, ids, devices } = speaking()
    hear('house/hall/lamp/online', 'true', true)
    const sent = told.flatMap((each) => (each.what === 'sent' ? [each.outgoing] : []))
    t.same(
      sent.map(({ topic, payload }) => [topic, JSON.parse(String(payload)).method]),
      [
        ['house/hall/lamp/rpc', 'Shelly.GetStatus'],
        ['house/hall/lamp/rpc', 'Shelly.GetConfig'],
      ],
    )
    t.same(ids(), [], 'anybody may say so')
    const [status, config] = sent.map(({ payload }) => JSON.parse(String(payload)).id)
    const src = 'shellypro-a0b1c2d3e4f5'
    answer({
      id: status,
      src,
      result: { 'switch:0': { output: true }, sys: { uptime: 3 }, ble: 1 },
    })
    const device = { name: 'Hall', fw_id: '1.4' }
    answer({ id: config, src, result: { sys: { device }, 'switch:0': { name: null } } })
    t.match(factsOf('switch:0'), { node: src, name: 'Hall switch:0', firmware: '1.4' })
    answer({ id: config, src, result: { 'switch:0': { name: 'Lamp' } } })
    t.match(factsOf('switch:0'), { name: 'Lamp', model: 'shellypro' })
    t.equal(devices.get('house/hall/lamp/switch:0')?.isAvailable, true)
    hear('house/hall/lamp/online', 'perhaps', true)
    hear('house/hall/lamp/online', 'true', true)
    t.equal(told.filter(({ what }) => what === 'sent').length, 2, 'who is known is not asked again')
    hear('shellies/shelly1-1/online', 'true', true)
    t.equal(told.filter(({ what }) => what === 'sent').length, 2)
  },
)

t.test(
  'a prefix that is changed takes the device with it, but from nobody who is there',
  async (t) => {
    const { hear, notify, ids, devices, factsOf } = speaking()
    notify({ 'switch:0': { output: true } })
    const before = devices.get('house/hall/lamp/switch:0')?.topic
    hear('house/hall/lamp/online', 'true', true)
    const moved = { src: 'shellypro-a0b1c2d3e4f5', method: 'NotifyStatus' }
    const says = () =>
      hear(
        'new/events/rpc',
        JSON.stringify({ ...moved, params: { 'switch:0': { output: false } } }),
      )
    says()
    t.equal(factsOf('switch:0')?.node, 'shellypro-a0b1c2d3e4f5')
    hear('house/hall/lamp/online', 'false', true)
    says()
    t.same(ids(), ['new/switch:0'])
    t.equal(devices.get('new/switch:0')?.topic, before)
  },
)

t.test('lights have brightness, colour and white, as their kind has', async (t) => {
  const { notify, stateOf, asked } = speaking()
  notify({
    'rgb:0': { output: true, brightness: 30, rgb: [255, 128, 0], errors: ['overtemp', 'x'] },
    'cct:1': { output: false, ct: 4000, errors: [] },
    'light:0': { output: true, rgb: [1, 2] },
  })
  t.same(stateOf('rgb:0'), {
    ...{ state: true, fault: 'overtemp, x', brightness: 30, color: 'FF8000' },
  })
  t.same(stateOf('cct:1'), { state: false, fault: null, 'color-temp': 250 })
  t.same(asked('rgb:0', { color: '0000ff', brightness: 5 }), [
    ['house/hall/lamp/rpc', 'RGB.Set', { id: 0, on: true, brightness: 5, rgb: [0, 0, 255] }],
  ])
  t.same(asked('cct:1', { state: true, 'color-temp': 500 }), [
    ['house/hall/lamp/rpc', 'CCT.Set', { id: 1, on: true, ct: 2000 }],
  ])
  t.same(asked('light:0', false), [['house/hall/lamp/rpc', 'Light.Set', { id: 0, on: false }]])
  t.throws(() => asked('rgb:0', { color: 'blue' }), { code: 'bad-payload' })
  t.throws(() => asked('rgb:0', { effect: 'x' }), { message: /got "effect"/ })
})

t.test('a cover goes to a place, opens, closes and stops, and takes its time', async (t) => {
  const { notify, stateOf, asked, answer, told, factsOf } = speaking()
  notify({ 'cover:0': { state: 'opening', current_pos: 30, apower: 120 } })
  t.same(stateOf('cover:0'), { state: 'opening', position: 30, power: [120, 'W'] })
  const calls = ([{ position: 50 }, 'open', 'close', 'stop'] as const).map((ask) => {
    const [[, method, params] = []] = asked('cover:0', ask)
    return [method, params]
  })
  t.same(calls, [
    ['Cover.GoToPosition', { id: 0, pos: 50 }],
    ...['Open', 'Close', 'Stop'].map((verb) => [`Cover.${verb}`, { id: 0 }]),
  ])
  t.throws(() => asked('cover:0', { tilt: 3 }), { message: /got "tilt"/ })
  t.throws(() => asked('cover:0', {}), { message: /got none/ })
  answer({ id: 1, src: 'shellypro-a0b1c2d3e4f5', result: {} })
  t.ok(told.some(({ what }) => what === 'accepted'))
  t.equal(factsOf('cover:0')?.timeoutMs, 60_000)
})

t.test('a relay goes back by itself after a pulse, and refuses in its own words', async (t) => {
  const { notify, asked, answer, told, factsOf } = speaking()
  notify({ 'switch:0': { output: false } })
  t.same(asked('switch:0', { pulse: 500 }), [
    ['house/hall/lamp/rpc', 'Switch.Set', { id: 0, on: true, toggle_after: 0.5 }],
  ])
  t.throws(() => asked('switch:0', {}), { code: 'bad-payload' })
  t.throws(() => asked('switch:0', { state: true, speed: 3 }), { message: /got "speed"/ })
  const src = 'shellypro-a0b1c2d3e4f5'
  const refusals = () => told.flatMap((each) => (each.what === 'refused' ? [each.reason] : []))
  answer({ id: 1, src: 'somebody', error: { message: 'no' } })
  answer({ id: 99, src, error: { message: 'no' } })
  answer({ id: null, src })
  answer({ id: 'x', src })
  t.same(refusals(), [], 'only itself can refuse, and what was asked')
  answer({ id: 1, src, error: {} })
  t.same(refusals(), ['the device gave no reason'])
  const [question] = factsOf('switch:0')?.question?.() ?? []
  t.match(JSON.parse(String(question?.payload)), { method: 'Shelly.GetStatus' })
})

t.test('what others ask of it is seen', async (t) => {
  const { notify, hear, observed } = speaking()
  notify({ 'switch:0': { output: false }, 'light:1': { output: false } })
  const rpc = (value: object) => hear('house/hall/lamp/rpc', JSON.stringify(value))
  rpc({ id: 1, src: 'app', method: 'Switch.Set', params: { id: 0, on: true } })
  rpc({ id: 2, src: 'app', method: 'Light.Set', params: { id: 1, on: false } })
  rpc({ id: 3, src: 'app', method: 'Switch.Toggle', params: { id: 0 } })
  rpc({ id: 4, src: 'app', method: 'Cover.Open', params: { id: 0, on: true } })
  rpc({ id: 5, src: 'clown-hub', method: 'Switch.Set', params: { id: 0, on: true } })
  hear('house/hall/lamp/command/switch:0', 'off')
  hear('house/hall/lamp/command/switch:0', 'toggle')
  hear('house/hall/lamp/command', 'status_update')
  hear('house/hall/lamp/status/wifi', '{"rssi":-3}')
  t.same(observed(), [
    ['house/hall/lamp/switch:0', { state: true }],
    ['house/hall/lamp/light:1', { state: false }],
    ['house/hall/lamp/switch:0', { state: false }],
  ])
})

t.test('meters, inputs and detectors', async (t) => {
  const { notify, stateOf, hear } = speaking()
  notify({
    'em:0': { a_voltage: 230, total_act_power: 900, n_current: null },
    'em1:1': { act_power: 30, pf: 0.9 },
    'emdata:0': { total_act: 12.5 },
    'input:3': { id: 3, state: null, percent: 40 },
    'smoke:0': { alarm: true, mute: false },
    'voltmeter:100': { voltage: 3.3 },
    'script:1': { running: true },
    'switch:0': 3,
  })
  t.same(stateOf('em:0'), {
    ...{ 'a-voltage': [230, 'V'], 'total-power': [900, 'W'], 'n-current': [null, 'A'] },
  })
  t.same(stateOf('em1:1'), { power: [30, 'W'], pf: [0.9, null] })
  t.same(stateOf('emdata:0'), { energy: [12.5, 'Wh'] })
  t.same(stateOf('input:3'), { state: null, percent: [40, '%'] })
  t.same(stateOf('smoke:0'), { state: true })
  t.same(stateOf('voltmeter:100'), { voltage: [3.3, 'V'] })
  t.equal(stateOf('script:1'), undefined)
  t.equal(stateOf('switch:0'), undefined)
  const event = (events: unknown) =>
    hear(
      'house/hall/lamp/events/rpc',
      JSON.stringify({ method: 'NotifyEvent', params: { events } }),
    )
  event(3)
  event([3, { component: 'sys', event: 'x' }, { component: 'input:3', event: 7 }])
  event([{ component: 'input:3', event: 'single_push' }])
  t.match(stateOf('input:3'), { event: 'single_push' })
})

t.test('requests of long ago are forgotten', async (t) => {
  const { notify, asked, answer, told } = speaking()
  notify({ 'switch:0': { output: false } })
  for (let count = 0; count < 1001; count++) asked('switch:0', true)
  const src = 'shellypro-a0b1c2d3e4f5'
  answer({ id: 1, src, result: {} })
  t.notOk(told.some(({ what }) => what === 'accepted'))
  answer({ id: 1001, src, result: {} })
  t.ok(told.some(({ what }) => what === 'accepted'))
})

t.test(
  'what its user has made of it has a value, and a thermostat what it is set to',
  async (t) => {
    const { notify, stateOf, asked, factsOf } = speaking('d')
    notify({
      ...{ 'number:200': { value: 4 }, 'boolean:201': { value: true }, 'text:202': { value: 'x' } },
      ...{ 'enum:203': { value: null, odd: 1 }, 'number:204': { value: {} } },
      'thermostat:0': { enable: true, target_C: 22, current_C: 20.5, output: false },
    })
    t.same(stateOf('number:200'), { value: 4 })
    t.same(stateOf('boolean:201'), { state: true })
    t.same(stateOf('text:202'), { value: 'x' })
    t.same(stateOf('enum:203'), { value: null })
    t.same(stateOf('number:204'), {})
    t.same(asked('boolean:201', false), [['d/rpc', 'Boolean.Set', { id: 201, value: false }]])
    const state = { mode: 'heat', setpoint: 22, action: 'idle', temperature: [20.5, '°C'] }
    t.same(stateOf('thermostat:0'), state)
    notify({ 'thermostat:0': { enable: false, output: true } })
    t.match(stateOf('thermostat:0'), { mode: 'off', action: 'heating' })
    t.match(factsOf('thermostat:0')?.ranges, { mode: { options: ['off', 'heat'] } })
    t.same(asked('thermostat:0', { mode: 'heat', setpoint: 19 }), [
      ['d/rpc', 'Thermostat.SetConfig', { id: 0, config: { enable: true, target_C: 19 } }],
    ])
    t.same(asked('thermostat:0', 19), [
      ['d/rpc', 'Thermostat.SetConfig', { id: 0, config: { target_C: 19 } }],
    ])
    t.same(asked('thermostat:0', { mode: 'off' }), [
      ['d/rpc', 'Thermostat.SetConfig', { id: 0, config: { enable: false } }],
    ])
  },
)
