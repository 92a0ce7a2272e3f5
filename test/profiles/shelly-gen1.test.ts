import t from 'tap'
import { shellyGen1 } from '../../src/profiles/shelly-gen1.ts'
import { profileContract } from './contract.ts'
import { playTo } from './play.ts'

t.test('Shelly, Gen1', async (t) =>
  profileContract(t, () => shellyGen1, { files: ['shelly-gen1'] }),
)

/** What a Shelly of the usual id has said. */
function saying(id = 'shellyrgbw2-A1B2C3') {
  const playing = playTo(shellyGen1)
  return {
    ...playing,
    says: (path: string, payload: string, retain = false) =>
      playing.hear(`shellies/${id}/${path}`, payload, retain),
    stateOf: (part: string) => playing.devices.get(`${id}/${part}`)?.values,
    asked: (part: string, payload: unknown) =>
      playing
        .ask(`${id}/${part}`, payload)
        .map(({ topic, payload: sent }) => `${topic.slice(`shellies/${id}/`.length)} ${sent}`),
  }
}

t.test('all that are there are asked who they are', async (t) => {
  const { told } = saying()
  t.same(
    told.map((each) => each.what === 'sent' && each.outgoing),
    ['announce', 'update'].map((payload) => ({ topic: 'shellies/command', payload })),
  )
})

t.test('a light in colour is dimmed by its gain, one in white by its brightness', async (t) => {
  const { says, stateOf, asked } = saying()
  const status = {
    ison: true,
    mode: 'color',
    red: 255,
    green: 0,
    blue: 16,
    gain: 40,
    brightness: 9,
  }
  says('color/0/status', JSON.stringify(status))
  t.same(stateOf('color/0'), { state: true, brightness: 40, color: 'FF0010' })
  says('light/0/status', '{"ison":false,"mode":"white","brightness":9,"temp":4000}')
  t.same(stateOf('light/0'), { state: false, brightness: 9, 'color-temp': 250 })
  for (const odd of ['x', '{}', '[]']) says('light/0/status', odd)
  says('light/0', 'on')
  t.match(stateOf('light/0'), { state: true })
  t.same(asked('color/0', { color: '0000FF', brightness: 3 }), [
    'color/0/set {"turn":"on","gain":3,"red":0,"green":0,"blue":255}',
  ])
  t.same(asked('light/0', { state: false, 'color-temp': 250 }), [
    'light/0/set {"turn":"off","temp":4000}',
  ])
  t.throws(() => asked('light/0', { effect: 'x' }), { message: /got "effect"/ })
  t.throws(() => asked('light/0', {}), { message: /got none/ })
})

t.test('a roller goes, and stands open, closed or between', async (t) => {
  const { says, stateOf, asked } = saying()
  says('roller/0', 'stop')
  t.same(stateOf('roller/0'), { state: 'stopped' }, 'where it is it does not know')
  for (const [path, payload, state] of [
    ['roller/0/pos', '0', 'closed'],
    ['roller/0', 'open', 'opening'],
    ['roller/0/pos', '100', 'opening'],
    ['roller/0', 'stop', 'open'],
    ['roller/0', 'close', 'closing'],
  ] as const) {
    says(path, payload)
    t.match(stateOf('roller/0'), { state })
  }
  t.same(asked('roller/0', 'close'), ['roller/0/command close'])
  t.throws(() => asked('roller/0', { tilt: 3 }), { code: 'bad-payload' })
})

t.test('sensors on battery, add-ons and detectors', async (t) => {
  const { says, stateOf } = saying()
  says('sensor/temperature', '999')
  says('sensor/battery', '77')
  says('sensor/lux', 'x')
  says('sensor/humidity', '')
  t.same(stateOf('sensor'), { temperature: [null, '°C'], battery: [77, '%'] })
  says('sensor/flood', 'true')
  says('sensor/state', 'close')
  says('sensor/motion', 'perhaps')
  t.same(stateOf('sensor/flood'), { state: true })
  t.same(stateOf('sensor/state'), { state: false })
  t.equal(stateOf('sensor/motion'), undefined)
  says('ext_temperature/1', '21.5')
  t.same(stateOf('ext_temperature/1'), { temperature: [21.5, '°C'] })
  says('overtemperature', '0')
  t.same(stateOf('overtemperature'), { state: false })
  says('input_event/0', '{"event":"L"}')
  t.same(stateOf('input/0'), { event: 'L' })
})

t.test('relays are asked by a word, and what others ask is seen', async (t) => {
  const { says, asked, told, devices } = saying()
  says('relay/0', 'off')
  t.same(asked('relay/0', true), ['relay/0/command on'])
  t.same(asked('relay/0', 'off'), ['relay/0/command off'])
  t.throws(() => asked('relay/0', { pulse: 3 }), { code: 'bad-payload' })
  t.throws(() => asked('relay/0', {}), { message: /got none/ })
  const [relay] = devices.values()
  t.match(relay?.facts.question?.(), [{ payload: 'update' }])
  says('relay/0/command', 'on', false)
  says('relay/0/command/pos', 'on')
  says('relay/0/command', 'toggle')
  says('command', 'announce')
  const observed = told.flatMap((each) => (each.what === 'observed' ? [each.asked] : []))
  t.same(observed, [{ state: true }])
})

t.test(
  'an id that is changed takes the device with it, but from nobody who is there',
  async (t) => {
    const { says, hear, devices } = saying()
    says('relay/0', 'on')
    says('online', 'perhaps', true)
    says('online', 'true', true)
    const before = devices.get('shellyrgbw2-A1B2C3/relay/0')?.topic
    const announce = (value: object) => hear('shellies/announce', JSON.stringify(value))
    hear('shellies/garage/relay/0', 'on')
    announce({ id: 3 })
    announce({ id: '', mac: 'x' })
    hear('shellies/announce', 'x')
    says('online', 'false', true)
    announce({ id: 'garage', mac: '0000a1b2c3', model: 'SHRGBW2', fw_ver: '1.14' })
    t.same([...devices.keys()], ['garage/relay/0'])
    t.match(devices.get('garage/relay/0'), { topic: before, facts: { firmware: '1.14' } })
    announce({ id: 'garage', mac: '0000a1b2c3' })
    hear('shellies/shed/relay/0', 'on')
    hear('shellies/garage/online', 'true')
    t.throws(() => announce({ id: 'shed', mac: '0000a1b2c3' }), { code: 'too-many' })
    hear('shellies/nothing', 'on')
  },
)

t.test('a motion sensor says all at once, and a dimmer has no colour', async (t) => {
  const { says, stateOf, asked } = saying()
  says('status', '{"motion":true,"lux":5,"bat":80}')
  t.same(stateOf('sensor/motion'), { state: true, lux: [5, 'lx'], battery: [80, '%'] })
  says('status', '{"motion":false,"active":true}')
  t.match(stateOf('sensor/motion'), { state: false })
  says('status', '{"motion":1}')
  says('status', 'x')
  says('light/0', 'on')
  t.throws(() => asked('light/0', { color: '00FF00' }), { code: 'bad-payload' })
})
