import t from 'tap'
import { tasmota } from '../../src/profiles/tasmota/tasmota.ts'
import { profileContract } from './contract.ts'
import { playTo } from './play.ts'

t.test('Tasmota', async (t) => profileContract(t, () => tasmota, { files: ['tasmota'] }))

const mac = 'A4CF12B0C1D2'

/** A module that has told what it is, by what is other than usual. */
function module(config: object) {
  const playing = playTo(tasmota)
  const told = {
    ...{ mac, dn: 'Hall', fn: [], hn: 'hall', md: 'Sonoff', sw: '14.3.0', t: 'hall', ver: 1 },
    ...{ ft: '%prefix%/%topic%/', tp: ['cmnd', 'stat', 'tele'], rl: [], ofln: 'Offline' },
    ...{ onln: 'Online', state: ['OFF', 'ON', 'TOGGLE', 'HOLD'], so: {}, lt_st: 0 },
    ...config,
  }
  playing.hear(`tasmota/discovery/${mac}/config`, JSON.stringify(told), true)
  return {
    ...playing,
    answer: (value: object) => playing.hear('stat/hall/RESULT', JSON.stringify(value)),
    sensor: (value: object) => playing.hear('tele/hall/SENSOR', JSON.stringify(value)),
    stateOf: (id: string) => playing.devices.get(`${mac}/${id}`)?.values,
    asked: (id: string, payload: unknown) =>
      playing.ask(`${mac}/${id}`, payload).map(({ topic, payload: sent }) => `${topic} ${sent}`),
    availability: (id: string) => playing.devices.get(`${mac}/${id}`)?.isAvailable,
  }
}

t.test('a light of five channels has brightness, white and colour', async (t) => {
  const { asked, answer, stateOf, hear, told } = module({ rl: [2], lt_st: 5 })
  answer({ POWER: 'ON', Dimmer: 30, Color: 'ff80000000', CT: 300 })
  answer({ Color: '255,128,0,0,0' })
  const light = { state: true, brightness: 30, color: 'FF8000', 'color-temp': 300 }
  t.same(stateOf('light/1'), light)
  t.same(asked('light/1', { color: '00FF00', 'color-temp': 200, brightness: 5, state: false }), [
    'cmnd/hall/Color2 00FF00',
    'cmnd/hall/CT 200',
    'cmnd/hall/Dimmer 5',
    'cmnd/hall/POWER OFF',
  ])
  t.same(asked('light/1', { brightness: 7 }), ['cmnd/hall/Dimmer 7'])
  t.throws(() => asked('light/1', { effect: 'x' }), {
    code: 'bad-payload',
    message: /got "effect"/,
  })
  t.throws(() => asked('light/1', {}), { message: /got none/ })
  const isConfirmable = (ask: object) =>
    told.length > 0 &&
    module({ rl: [2] })
      .devices.get(`${mac}/light/1`)
      ?.facts.isConfirmable?.({ ...ask })
  t.equal(isConfirmable({ color: '00FF00' }), false, 'its colour comes back dimmed')
  t.equal(isConfirmable({ brightness: 3 }), true)
  for (const [command, text] of [
    ['POWER', 'on'],
    ['Dimmer', '7'],
    ['Dimmer', '+'],
    ['Color2', '00FF00'],
  ] as const) {
    hear(`cmnd/hall/${command}`, text)
  }
  const observed = told.flatMap((each) => (each.what === 'observed' ? [each.asked] : []))
  t.same(observed, [{ state: true }, { brightness: 7 }])
})

t.test('lights beside each other are dimmed each by its channel', async (t) => {
  const { asked, answer, stateOf } = module({ rl: [1, 2, 2], fn: ['Pump', null, ''], lt_st: 1 })
  t.same(asked('light/3', { brightness: 5 }), ['cmnd/hall/Channel2 5'])
  answer({ POWER2: 'ON', Channel1: 80, Channel2: 10, Dimmer: 99 })
  t.same(stateOf('light/2'), { state: true, brightness: 80 })
  t.same(stateOf('light/3'), { brightness: 10 })
  t.same(stateOf('relay/1'), {})
})

t.test('a shutter tells where it is and which way it goes', async (t) => {
  const { asked, sensor, stateOf, devices } = module({ rl: [3, 3], sho: [0] })
  t.equal(devices.get(`${mac}/cover/1`)?.facts.name, 'Hall')
  for (const [said, state] of [
    [{ Position: 0, Direction: 0 }, 'closed'],
    [{ Position: 20, Direction: 1 }, 'opening'],
    [{ Position: 40, Direction: 0 }, 'stopped'],
    [{ Position: 30, Direction: -1 }, 'closing'],
    [{ Position: 100 }, 'open'],
  ] as const) {
    sensor({ Shutter1: said })
    t.same(stateOf('cover/1'), { state, position: said.Position })
  }
  sensor({ Shutter1: { Target: 3 } })
  sensor({ Shutter1: 'x' })
  t.same(stateOf('cover/1'), { state: 'open', position: 100 })
  t.same(asked('cover/1', { position: 30 }), ['cmnd/hall/ShutterPosition1 30'])
  t.same(asked('cover/1', 'stop'), ['cmnd/hall/ShutterStop1 '])
  t.throws(() => asked('cover/1', { tilt: 3 }), { code: 'bad-payload' })
})

t.test('a shutter that is mounted the other way round is read so, and asked so', async (t) => {
  const { asked, answer, stateOf } = module({ rl: [3, 3, 3, 3], sho: [0, 1] })
  answer({ Shutter2: { Position: 80, Direction: 1 } })
  t.same(stateOf('cover/2'), { state: 'closing', position: 20 })
  answer({ Shutter2: 100 })
  t.same(stateOf('cover/2'), { state: 'closed', position: 0 })
  t.same(asked('cover/2', { position: 30 }), ['cmnd/hall/ShutterPosition2 70'])
})

t.test('a fan has three speeds', async (t) => {
  const { asked, answer, stateOf } = module({ rl: [1], if: 1 })
  answer({ FanSpeed: 2 })
  t.same(stateOf('fan/1'), { state: true, speed: 67 })
  t.same(asked('fan/1', { speed: 100 }), ['cmnd/hall/FanSpeed 3'])
  t.same(asked('fan/1', true), ['cmnd/hall/FanSpeed 1'])
  t.same(asked('fan/1', false), ['cmnd/hall/FanSpeed 0'])
  t.throws(() => asked('fan/1', { preset: 'x' }), { code: 'bad-payload' })
})

t.test('switches and buttons that only tell', async (t) => {
  const { answer, sensor, stateOf, devices } = module({
    ...{ rl: [1], swc: [0, -1], btn: [1, 0], so: { '73': 1, '114': 1 } },
  })
  sensor({ Switch1: 'ON' })
  t.same(stateOf('switch/1'), { state: true })
  answer({ Switch1: { Action: 'OFF' } })
  t.same(stateOf('switch/1'), { state: false })
  answer({ Switch1: { Action: 'HOLD' }, Button1: { Action: 'DOUBLE' } })
  t.same(stateOf('switch/1'), { state: false })
  t.same(stateOf('button/1'), { event: 'double' })
  t.equal(devices.size, 3)
})

t.test('what it measures has units, in lists and below others too', async (t) => {
  const { sensor, stateOf, availability, hear } = module({})
  hear('tele/hall/LWT', 'Online', true)
  sensor({
    ...{ Time: '2026-01-01T10:00:00', TempUnit: 'F', PressureUnit: 'mmHg', Switch1: 'ON' },
    ENERGY: { Total: [1.2, 3.4], Power: 12, Voltage: 230, TotalStartTime: 'x', Factor: 0.9 },
    BME280: { Temperature: 70.1, DewPoint: null, Humidity: 40, Pressure: 760 },
    AS3935: { Now: { Distance: 4 } },
    ...{ A0: 512, Uptime: '1T' },
  })
  hear(`tasmota/discovery/${mac}/sensors`, '{"sn":3}')
  hear(`tasmota/discovery/${mac}/sensors`, '{"sn":{"SHT3X":{"Temperature":1}}}')
  t.same(stateOf('sensor/SHT3X'), {}, 'that was long ago')
  sensor({ SHT3X: { Temperature: 20 } })
  t.same(stateOf('sensor/SHT3X'), { temperature: [20, '°C'] })
  t.same(stateOf('sensor/ENERGY'), {
    ...{ 'total-1': [1.2, 'kWh'], 'total-2': [3.4, 'kWh'], power: [12, 'W'] },
    ...{ voltage: [230, 'V'], factor: [0.9, null] },
  })
  t.same(stateOf('sensor/BME280'), {
    ...{ temperature: [70.1, '°F'], 'dew-point': [null, '°F'] },
    ...{ humidity: [40, '%'], pressure: [760, 'mmHg'] },
  })
  t.same(stateOf('sensor/AS3935'), { 'now-distance': [4, 'cm'] })
  t.same(stateOf('sensor/A0'), { value: [512, null] })
  t.equal(availability('sensor/A0'), true, 'it is as far away as its module')
})

t.test('one that sleeps is not away', async (t) => {
  const { availability, hear } = module({ rl: [1], dslp: 1 })
  hear('tele/hall/LWT', 'Offline', true)
  t.equal(availability('relay/1'), null)
  hear('tele/hall/LWT', 'perhaps', true)
  t.equal(availability('relay/1'), null)
})

t.test('commands of others are seen, in their words and in all that Tasmota takes', async (t) => {
  const { hear, told } = module({ rl: [1], state: ['AUS', 'AN'] })
  for (const text of ['an', 'AUS', '1', 'off', 'TOGGLE', '', '?']) hear('cmnd/hall/Power', text)
  const observed = told.flatMap((each) => (each.what === 'observed' ? [each.asked] : []))
  t.same(observed, [{ state: true }, { state: false }, { state: true }, { state: false }])
})

t.test('a relay is asked for its state, and for nothing that it has not', async (t) => {
  const { devices, asked, answer, told } = module({ rl: [1, 2, 3, 3], if: 1 })
  const questions = [...devices.values()].flatMap(({ facts }) => facts.question?.() ?? [])
  t.same(
    questions.map(({ topic, payload }) => `${topic} ${payload}`),
    ['STATUS 11', 'STATUS 11', 'ShutterPosition1 ', 'FanSpeed '].map((each) => `cmnd/hall/${each}`),
  )
  t.throws(() => asked('relay/1', { state: true, speed: 3 }), { message: /got "speed"/ })
  t.throws(() => asked('relay/1', {}), { message: /got none/ })
  answer({ Command: 'Error' })
  t.notOk(
    told.some(({ what }) => what === 'refused'),
    'nobody has asked it anything',
  )
  t.same(asked('relay/1', true), ['cmnd/hall/POWER1 ON'])
  answer({ Command: 'Error' })
  t.ok(told.some(({ what }) => what === 'refused'))
})

t.test(
  'a config that cannot be read is left out, and one that is emptied takes all away',
  async (t) => {
    const { hear, told, devices } = module({ rl: [1, 1] })
    const topic = `tasmota/discovery/${mac}/config`
    const usual = { mac, ver: 1, t: 'a', ft: '%prefix%/%topic%', tp: ['cmnd', 'stat', 'tele'] }
    for (const other of [
      ...[{ ver: 2 }, { mac: 'other' }, { t: 1 }, { ft: 1 }, { ft: '%topic%/' }],
      ...[{ t: '#' }, { ft: '/%prefix%/' }, { tp: [] }],
    ]) {
      hear(topic, JSON.stringify({ ...usual, ...other }), true)
    }
    t.equal(told.filter(({ what }) => what === 'left-out').length, 8)
    hear(topic, JSON.stringify({ ...usual, rl: [1, 'x'], ft: '%prefix%/%hostname%%id%' }), true)
    t.same([...devices.keys()], [`${mac}/relay/1`], 'what it has no more is gone')
    t.equal(devices.get(`${mac}/relay/1`)?.facts.name, 'a')
    const again = told.length
    hear(topic, JSON.stringify({ ...usual, rl: [1, 'x'], ft: '%prefix%/%hostname%%id%' }), true)
    t.equal(told.length, again, 'the same again is nothing new')
    hear('stat/B0C1D2/POWER', 'ON')
    t.same(devices.get(`${mac}/relay/1`)?.values, { state: true })
    hear(topic, '', true)
    hear(topic, '', true)
    t.equal(devices.size, 0)
  },
)

t.test('the only relay may be numbered', async (t) => {
  const { answer, stateOf, hear, told } = module({ rl: [1] })
  hear('stat/hall/POWER1', 'ON')
  t.same(stateOf('relay/1'), { state: true })
  answer({ POWER1: 'OFF' })
  t.same(stateOf('relay/1'), { state: false })
  hear('cmnd/hall/POWER1', 'ON')
  t.match(told.at(-1), { what: 'observed', asked: { state: true } })
})
