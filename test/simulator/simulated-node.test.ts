import fc from 'fast-check'
import t from 'tap'
import { Payload } from '../../src/core/payload.ts'
import { anyText } from '../any-text.ts'
import { actuators, openNode, sensors } from './opened-node.ts'

t.test('a node announces its boot, and then the present value of every device', async (t) => {
  const { node, heard } = openNode()
  node.announce()
  t.same(heard(), [
    ['nodes/bridge/0/boot', { 'reason-for-reset': 'power-on' }],
    ['nodes/bridge/0/thermometer/i2c0-48', { temperature: [20.01, '℃'] }],
    ['nodes/bridge/0/thermometer/i2c1-48', { temperature: [21.5, '℃'] }],
    ['nodes/bridge/0/humidity-sensor/i2c0-5f', { 'relative-humidity': [45.2, '%'] }],
    ['nodes/bridge/0/lux-meter/i2c0-44', { illuminance: [320, 'lux'] }],
    ['nodes/bridge/0/barometer/i2c0-60', { pressure: [101.3, 'kPa'], altitude: [2.1, 'm'] }],
    ['nodes/bridge/0/co2-sensor/i2c0-38', { concentration: [650, 'ppm'] }],
    ['nodes/bridge/0/pir/-', { 'event-count': 0 }],
    ['nodes/bridge/0/relay/i2c0-3b', { state: false }],
    ['nodes/bridge/0/relay/i2c0-3f', { state: false }],
    ['nodes/bridge/0/led/-', { state: 'off' }],
  ])
})

t.test('a second announcement repeats the values, but neither boot nor timers', async (t) => {
  const { node, heard, alarms } = openNode({ base: '' })
  node.announce()
  const [boot, ...values] = heard()
  t.same(boot, ['boot', { 'reason-for-reset': 'power-on' }])
  node.announce()
  t.same(heard(), values)
  t.equal(alarms.size, sensors.length)
})

t.test('states are retained at QoS 1, readings are not retained and go at QoS 0', async (t) => {
  const { node, published, say } = openNode({ base: '' })
  node.announce()
  say('thermometer/i2c0-48/config/set', '{"publish-interval":30}')
  for (const { topic, qos, retain } of published) {
    t.same({ topic, qos, retain }, { topic, ...deliveryOf(topic) })
  }
})

function deliveryOf(topic: string) {
  return actuators.includes(topic) ? { qos: 1, retain: true } : { qos: 0, retain: false }
}

t.test('each sensor reports on its own interval, with values that moved a little', async (t) => {
  const { node, heard, alarms } = openNode({ base: '', random: () => 0 })
  node.announce()
  heard()
  t.same(
    [...alarms].map(({ intervalMs }) => intervalMs),
    sensors.map(() => 10_000),
  )
  for (const { tick } of alarms) tick()
  t.same(heard(), [
    ['thermometer/i2c0-48', { temperature: [19.93, '℃'] }],
    ['thermometer/i2c1-48', { temperature: [21.42, '℃'] }],
    ['humidity-sensor/i2c0-5f', { 'relative-humidity': [44.8, '%'] }],
    ['lux-meter/i2c0-44', { illuminance: [308, 'lux'] }],
    ['barometer/i2c0-60', { pressure: [101.28, 'kPa'], altitude: [1.6, 'm'] }],
    ['co2-sensor/i2c0-38', { concentration: [635, 'ppm'] }],
    ['pir/-', { 'event-count': 1 }],
  ])
  node.close()
  t.equal(alarms.size, 0, 'a closed node has no timers')
})

t.test('a relay switches and then reports', async (t) => {
  const { say, heard, dropped } = openNode()
  say('nodes/bridge/0/relay/i2c0-3b/set', '{"state":true}')
  t.same(heard(), [['nodes/bridge/0/relay/i2c0-3b', { state: true }]])
  say('nodes/bridge/0/relay/i2c0-3f/get', '{}')
  t.same(heard(), [['nodes/bridge/0/relay/i2c0-3f', { state: false }]], 'the other one stays')
  say('nodes/bridge/0/relay/i2c0-3b/set', '{"state":true}')
  t.same(heard(), [['nodes/bridge/0/relay/i2c0-3b', { state: true }]], 'it confirms again')
  say('nodes/bridge/0/relay/i2c0-3b/set', '{"state":false}')
  t.same(heard(), [['nodes/bridge/0/relay/i2c0-3b', { state: false }]])
  t.same(dropped, [])
})

t.test(
  'a command that does not fit changes nothing and is told to the operator only',
  async (t) => {
    const { say, heard, dropped } = openNode({ base: '' })
    const misfits: [string, string, string][] = [
      ['relay/i2c0-3b/set', '{"state":1}', 'expected state (true or false) of relay/i2c0-3b, got'],
      ['relay/i2c0-3b/set', 'true', 'expected state (true or false) of relay/i2c0-3b, got "true"'],
      ['relay/i2c0-3b/set', '', 'expected state (true or false) of relay/i2c0-3b, got "null"'],
      ['relay/i2c0-3b/set', '[{"state":true}]', 'expected state (true or false) of relay/i2c0-3b'],
      ['relay/i2c0-3b/set', '{state:true}', 'expected state (true or false) of relay/i2c0-3b'],
      [
        'led/-/set',
        '{"state":true}',
        'expected state (off, on, 1-dot, 2-dot, 3-dot) of led/-, got',
      ],
      ['led/-/set', '{"state":"4-dot"}', 'expected state (off, on'],
      [
        'relay/i2c0-40/set',
        '{"state":true}',
        'expected an actuator of this node, got "relay/i2c0-40"',
      ],
      ['thermometer/i2c0-48/set', '{"state":true}', 'expected an actuator of this node'],
      ['thermometer/i2c9-48/get', '{}', 'expected a device of this node'],
      ['relay/i2c9-3b/config/set', '{}', 'expected a device of this node'],
      ['relay/i2c0-3b/config/list', '{}', 'expected -/- of this node, got "relay/i2c0-3b"'],
      ['relay/i2c0-3b/config/reset', '{}', 'expected a command to this node, got topic'],
      ['set', '{"state":true}', 'expected a command to this node'],
    ]
    for (const [topic, text, sentence] of misfits) {
      say(topic, text)
      t.same(heard(), [], `${topic} ${text} is not answered`)
      t.ok(dropped.shift()?.startsWith(sentence), `${topic} ${text} is told`)
    }
    say('relay/i2c0-3b/get', '{}')
    say('led/-/get', '{}')
    t.same(heard(), [
      ['relay/i2c0-3b', { state: false }],
      ['led/-', { state: 'off' }],
    ])
  },
)

t.test('a message outside the base is not obeyed', async (t) => {
  const { say, heard, dropped } = openNode()
  say('nodes/bridge/1/relay/i2c0-3b/set', '{"state":true}')
  say('relay/i2c0-3b/set', '{"state":true}')
  t.same(heard(), [])
  t.equal(dropped.length, 2)
})

t.test('a sensor publishes its present value when it is asked', async (t) => {
  const { say, heard } = openNode({ base: '' })
  say('barometer/i2c0-60/get', '{}')
  say('pir/-/get', '')
  t.same(heard(), [
    ['barometer/i2c0-60', { pressure: [101.3, 'kPa'], altitude: [2.1, 'm'] }],
    ['pir/-', { 'event-count': 0 }],
  ])
})

t.test('a new publish interval is acknowledged and replaces the old one', async (t) => {
  const { node, say, heard, alarms } = openNode({ base: '' })
  node.announce()
  heard()
  say('thermometer/i2c0-48/config/set', '{"publish-interval":30}')
  t.same(heard(), [['thermometer/i2c0-48/config/ok', { 'publish-interval': 30 }]])
  const changed = [...alarms].filter(({ intervalMs }) => intervalMs !== 10_000)
  t.match(changed, [{ intervalMs: 30_000 }])
  t.equal(alarms.size, sensors.length)
  changed[0]?.tick()
  t.match(heard(), [['thermometer/i2c0-48']])

  say('pir/-/config/update', '{"publish-interval":0.5}')
  t.same(heard(), [['pir/-/config/ok', { 'publish-interval': 0.5 }]])
  say('pir/-/config/set', '{"publish-interval":86400}')
  t.same(heard(), [['pir/-/config/ok', { 'publish-interval': 86_400 }]])
  t.equal(alarms.size, sensors.length)
})

t.test('a wrong publish interval is answered with what was expected and what came', async (t) => {
  const { node, say, heard, alarms } = openNode({ base: '' })
  node.announce()
  heard()
  const wrong = ['0', '0.09', '-1', '86401', '1e999', '"30"', 'null', 'true', '[30]']
  for (const text of [
    ...wrong.map((value) => `{"publish-interval":${value}}`),
    '{}',
    '30',
    'soon',
  ]) {
    say('pir/-/config/set', text)
    const [[topic, answer] = []] = heard()
    t.equal(topic, 'pir/-/config/error')
    t.match(answer, {
      code: 'bad-payload',
      message: 'expected publish-interval of 0.1 to 86400 seconds, got ',
    })
  }
  say('pir/-/config/set', '{"publish-interval":-1}')
  t.match(heard(), [['pir/-/config/error', { message: /got "\{\\"publish-interval\\":-1\}"$/ }]])
  t.ok(
    [...alarms].every(({ intervalMs }) => intervalMs === 10_000),
    'the interval stays',
  )
})

t.test('an actuator has no publish interval', async (t) => {
  const { say, heard, alarms } = openNode({ base: '' })
  say('led/-/config/set', '{"publish-interval":30}')
  const message =
    'expected publish-interval only for a sensor, this is an actuator, got ' +
    '"{\\"publish-interval\\":30}"'
  t.same(heard(), [['led/-/config/error', { code: 'bad-payload', message }]])
  t.equal(alarms.size, 0)
})

t.test('a node lists its sensors, actuators and notifications', async (t) => {
  const { say, heard } = openNode()
  say('nodes/bridge/0/-/-/config/list', '{}')
  t.same(heard(), [
    ['nodes/bridge/0/-/-/config/ok', { sensors, actuators, notifications: ['boot'] }],
  ])
})

t.test('a node ignores its own answers and introductions, which are for the hub', async (t) => {
  const { say, heard, dropped } = openNode({ base: '' })
  say('-/-/config/ok', '{"sensors":[]}')
  say('pir/-/config/error', '{"code":"bad-payload"}')
  say('clown.talk/-/config/set', '{}')
  t.same(heard(), [])
  t.same(dropped, [])
})

t.test(
  'no bytes on any topic make a node throw, or say anything but its few answers',
  async (t) => {
    const { node, say, published } = openNode()
    const device = fc.constantFrom(...sensors, ...actuators, '-/-', 'clown.talk/-', 'x/y')
    const verb = fc.constantFrom('set', 'get', ...['set', 'update', 'list', 'ok', 'x'].map(config))
    const topic = fc.oneof(
      fc.tuple(device, verb).map((levels) => `nodes/bridge/0/${levels.join('/')}`),
      anyText(),
    )
    const value = fc.oneof(fc.jsonValue(), fc.double(), fc.string(), fc.boolean())
    const command = fc.record({ state: value, 'publish-interval': value }, { requiredKeys: [] })
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array)),
      fc.json().map((text) => Buffer.from(text)),
      command.map((object) => Buffer.from(JSON.stringify(object))),
    )
    const answer = /^nodes\/bridge\/0\/([^/]+\/[^/]+)(\/config\/(ok|error))?$/
    fc.assert(
      fc.property(topic, bytes, (topic, bytes) => {
        node.receive(topic, new Payload(bytes))
        return published.splice(0).every((message) => answer.test(message.topic))
      }),
      { numRuns: 2000 },
    )
    say('nodes/bridge/0/relay/i2c0-3b/set', '{"state":true}')
    t.match(published, [{ topic: 'nodes/bridge/0/relay/i2c0-3b' }], 'it still obeys')
  },
)

function config(verb: string): string {
  return `config/${verb}`
}
