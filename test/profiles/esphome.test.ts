import t from 'tap'
import { esphome } from '../../src/profiles/esphome.ts'
import { profileContract } from './contract.ts'
import { playTo } from './play.ts'

t.test('ESPHome', async (t) => profileContract(t, () => esphome, { files: ['esphome'] }))

/** A node that has said that it is there, and how its things are. */
function node(states: object) {
  const playing = playTo(esphome)
  playing.hear('esphome/discover/desk', '{"name":"desk","mac":"a0b1c2","version":"2024.10"}', true)
  const says = (path: string, payload: string) => playing.hear(`desk/${path}/state`, payload)
  for (const [path, payload] of Object.entries(states)) says(path, String(payload))
  return {
    ...playing,
    says,
    values: (path: string) => playing.devices.get(`desk/${path}`)?.values,
    asked: (path: string, payload: unknown) => playing.ask(`desk/${path}`, payload)[0]?.payload,
  }
}

t.test('each component says and takes what it does', async (t) => {
  const { values, asked, devices } = node({
    ...{ 'fan/f': 'ON', 'cover/c': 'CLOSED', 'lock/l': 'UNLOCKED', 'number/n': '3.5' },
    ...{ 'select/s': 'eco', 'text_sensor/t': 'x', 'sensor/odd': 'x', 'camera/x': 'y' },
    ...{ 'light/l': '{"state":"ON","color":{"r":255,"g":0,"b":16},"color_temp":300,"effect":"x"}' },
    ...{ 'text_sensor/odd': '{}', 'number/odd': '{}', 'cover/odd': '3', 'switch/odd': 'x' },
  })
  t.same(values('fan/f'), { state: true })
  t.same(values('cover/c'), { state: 'closed' })
  t.same(values('lock/l'), { state: 'unlocked' })
  t.same(values('number/n'), { value: 3.5 })
  t.same(values('text_sensor/t'), { t: ['x', null] })
  t.same(values('light/l'), { state: true, color: 'FF0010', 'color-temp': 300, effect: 'x' })
  t.equal(devices.size, 7)
  t.same(asked('cover/c', 'open'), 'OPEN')
  t.same(asked('lock/l', 'lock'), 'LOCK')
  t.same(asked('number/n', 4), '4')
  t.same(asked('select/s', 'comfort'), 'comfort')
  t.same(asked('fan/f', false), 'OFF')
  t.same(
    JSON.parse(String(asked('light/l', { color: '0000FF', 'color-temp': 200, effect: 'y' }))),
    {
      ...{ state: 'ON', color: { r: 0, g: 0, b: 255 }, color_temp: 200, effect: 'y' },
    },
  )
  t.same(JSON.parse(String(asked('light/l', false))), { state: 'OFF' })
  for (const [path, payload] of [
    ...[['fan/f', { state: true, speed: 3 }] as const, ['light/l', {}] as const],
    ...[['light/l', { white: 3 }] as const, ['cover/c', { position: 3 }] as const],
    ...[['fan/f', { direction: 'up' }] as const],
    ...[['number/n', {}] as const],
  ] as const) {
    t.throws(() => asked(path, payload), { code: 'bad-payload' })
  }
})

t.test('what has topics of its own is told, and asked once it was told', async (t) => {
  const { values, says, ask, devices, hear, told } = node({
    ...{ 'cover/c': 'unknown', 'cover/c/position': 30, 'cover/c/tilt': 5, 'cover/c/odd': 1 },
    ...{ 'fan/f': 'ON', 'fan/f/speed_level': 2, 'fan/f/oscillation': 'oscillate_on' },
    ...{ 'fan/f/direction': 'forward', 'fan/f/speed': 'low', 'switch/s/odd': 1, 'odd/s/odd': 1 },
    ...{ 'climate/k/mode': 'heat', 'climate/k/target_temperature': 21.5, 'climate/k': 'x' },
    ...{ 'climate/k/current_temperature': 20.5, 'climate/k/action': 'HEATING' },
    ...{
      'climate/k/preset': 7,
      'climate/k/target_temperature_low': 'nan',
      'lock/l': 1,
      'valve/v': '{"state":"opening","position":40,"tilt":3}',
    },
  })
  t.same(values('cover/c'), { state: null, position: 30, tilt: 5 })
  t.same(values('fan/f'), {
    ...{ state: true, 'speed-level': 2, oscillating: true, direction: 'forward' },
  })
  t.same(values('climate/k'), {
    ...{ mode: 'heat', setpoint: 21.5, temperature: [20.5, '°C'], action: 'heating' },
  })
  t.same(values('valve/v'), { state: 'opening', position: 40, tilt: 3 })
  t.same(devices.get('desk/climate/k')?.facts.askKeys, ['mode', 'setpoint'])
  t.same(devices.get('desk/fan/f')?.facts.ranges, {
    'speed-level': { type: 'number', min: 0, step: 1 },
    direction: { type: 'text', options: ['forward', 'reverse'] },
  })
  t.same(ask('desk/cover/c', { position: 40, state: 'stop' }), [
    { topic: 'desk/cover/c/position/command', payload: '40' },
    { topic: 'desk/cover/c/command', payload: 'STOP' },
  ])
  t.same(ask('desk/fan/f', { 'speed-level': 3, oscillating: false }), [
    { topic: 'desk/fan/f/speed_level/command', payload: '3' },
    { topic: 'desk/fan/f/oscillation/command', payload: 'oscillate_off' },
  ])
  t.same(ask('desk/fan/f', { oscillating: true, direction: 'reverse' }), [
    { topic: 'desk/fan/f/oscillation/command', payload: 'oscillate_on' },
    { topic: 'desk/fan/f/direction/command', payload: 'reverse' },
  ])
  t.same(ask('desk/climate/k', { setpoint: 19 }), [
    { topic: 'desk/climate/k/target_temperature/command', payload: '19' },
  ])
  says('climate/k/current_temperature', 'nan')
  says('fan/f/oscillation', 'oscillate_off')
  says('fan/f/oscillation', 'odd')
  says('climate/k/current_temperature', 'odd')
  t.match(values('fan/f'), { oscillating: false })
  t.match(values('climate/k'), { temperature: [null, '°C'] })
  hear('desk/cover/c/position/command', '10')
  hear('desk/climate/k/action/command', 'IDLE')
  hear('desk/climate/k/command', 'x')
  t.same(
    told.flatMap((each) => (each.what === 'observed' ? [each.asked] : [])),
    [{ position: 10 }],
  )
})

t.test('an event is told once, and not what was kept of it', async (t) => {
  const playing = playTo(esphome, {
    retained: [
      { topic: 'esphome/discover/desk', payload: '{"name":"desk"}' },
      { topic: 'desk/event/bell/state', payload: '{"event_type":"before"}' },
    ],
  })
  t.same(playing.devices.get('desk/event/bell')?.values, {})
  playing.hear('desk/event/bell/state', '{"event_type":"press"}')
  playing.hear('desk/event/bell/state', '{}')
  t.same(playing.devices.get('desk/event/bell')?.values, { event: 'press' })
})

t.test('what others ask is seen', async (t) => {
  const { hear, told } = node({ 'switch/s': 'OFF', 'sensor/t': '3', 'light/l': 'OFF' })
  hear('desk/switch/s/command', 'ON')
  hear('desk/light/l/command', '{"state":"ON","brightness":255}')
  hear('desk/switch/s/command', 'TOGGLE')
  hear('desk/sensor/t/command', '4')
  hear('desk/camera/t/command', '4')
  const observed = told.flatMap((each) => (each.what === 'observed' ? [each.asked] : []))
  t.same(observed, [{ state: true }, { state: true, brightness: 100 }])
})

t.test('all nodes are asked to tell of themselves, and odd ones are left alone', async (t) => {
  const { told, hear, devices } = node({ 'switch/s': 'OFF' })
  t.match(told[0], { what: 'sent', outgoing: { topic: 'esphome/discover' } })
  hear('desk/status', 'perhaps', true)
  t.equal(devices.get('desk/switch/s')?.isAvailable, null)
  hear('esphome/discover/odd', '3', true)
  t.match(devices.get('desk/switch/s')?.facts, { node: 'a0b1c2', firmware: '2024.10' })
})
