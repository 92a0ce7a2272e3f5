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
    ...[['number/n', {}] as const],
  ] as const) {
    t.throws(() => asked(path, payload), { code: 'bad-payload' })
  }
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
