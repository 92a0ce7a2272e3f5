import t from 'tap'
import {
  homeAssistant,
  homeAssistantBeside,
} from '../../../src/profiles/home-assistant/home-assistant.ts'
import { profileContract } from '../contract.ts'
import { playTo } from '../play.ts'
import { announced } from './announced.ts'

t.test("Home Assistant's discovery", async (t) =>
  profileContract(t, () => homeAssistant, {
    files: ['home-assistant', 'omg-theengs', 'zwave-js-ui'],
    // One of them is about another profile's devices too.
    isOurs: ({ about }) => !about.startsWith('rtl_433'),
  }),
)

function config(settings: object): string {
  return JSON.stringify(settings)
}

t.test('a number is rounded as Python rounds it, and named as its device is', async (t) => {
  const playing = playTo(homeAssistant)
  const device = { ids: ['tower'], name: 'Tower', mdl: 'A', sw: '1.2' }
  playing.hear(
    'homeassistant/sensor/t/config',
    config({
      name: 'Tower T',
      stat_t: 't',
      uniq_id: 't',
      val_tpl: '{{ value|float|round(1) }}',
      unit_of_meas: '°C',
      dev: device,
    }),
    true,
  )
  playing.hear('t', '-3.3500')
  t.match(playing.shown(), [{ name: 'Tower T', readings: { t: [-3.4, '°C'] } }])
  t.match(playing.devices.get('t')?.facts, {
    node: 'tower',
    part: 't',
    model: 'A',
    firmware: '1.2',
  })
  t.equal(playing.devices.get('t')?.topic, 'devices/home-assistant/tower/sensor/t')
})

t.test(
  'a base is replaced, also in the list of availability, and devices are known by their address',
  async (t) => {
    const playing = playTo(homeAssistant)
    playing.hear(
      'homeassistant/switch/x/config',
      config({
        ...{ '~': 'dev/x', stat_t: '~/s', cmd_t: 'set/~', avty: [{ t: '~/a' }, 'nonsense'] },
        ...{ dev: { cns: [['mac', '02:00']], name: 'X' }, name: null },
      }),
    )
    playing.hear('dev/x/a', 'online')
    playing.hear('dev/x/s', 'ON')
    t.match(playing.shown(), [{ id: 'x', name: 'X', state: { state: true }, available: true }])
    t.same(playing.ask('x', false), [{ topic: 'set/dev/x', payload: 'OFF' }])
    t.equal(playing.devices.get('x')?.facts.node, '02:00')
  },
)

t.test('a device config brings, changes and removes its components', async (t) => {
  const playing = playTo(homeAssistant)
  const topic = 'homeassistant/device/d/config'
  const announce = (cmps: object, others: object = {}) => {
    const whole = { dev: { ids: 'd', name: 'D' }, o: { name: 'x', sw: '1' }, stat_t: 's', cmps }
    playing.hear(topic, config({ ...whole, ...others }), true)
  }
  const a = { p: 'sensor', uniq_id: 'a', val_tpl: '{{ value_json.a }}' }
  const b = { p: 'sensor', uniq_id: 'b', val_tpl: '{{ value_json.b }}' }
  announce(
    { a, b: { ...b, avty_t: '~/av' }, c: { p: 'camera', topic: 'c' }, d: 5, e: { uniq_id: 'e' } },
    { '~': 'd' },
  )
  playing.hear('s', '{"a":1,"b":2}')
  playing.hear('d/av', 'offline')
  t.match(playing.shown(), [
    { id: 'a', name: 'D a', readings: { a: ['1', null] }, available: true },
    { id: 'b', readings: { b: ['2', null] }, available: false },
  ])
  const leftOut = playing.told.filter(({ what }) => what === 'left-out')
  t.match(leftOut, [{ id: `${topic} c`, reason: /got camera/ }])
  announce({ a, b: { p: 'sensor' } })
  t.match(playing.shown(), [{ id: 'a', readings: { a: ['1', null] } }])
  announce({ a: { ...a, name: 'Again' } })
  t.match(playing.shown(), [{ id: 'a', name: 'D Again' }])
  playing.hear(topic, '', true)
  t.same(playing.shown(), [])
  playing.hear(topic, '', true)
})

t.test('what is no config is left out, with the reason', async (t) => {
  const playing = playTo(homeAssistant)
  const reasons: [topic: string, payload: string, reason: string][] = [
    ['homeassistant/sensor/x/config', '[1]', 'expected a JSON object'],
    ['homeassistant/sensor/x/config', 'text', 'expected a JSON object'],
    ['homeassistant/device/x/config', '{}', 'expected components in the config of a device'],
    [
      'homeassistant/device/x/config',
      config({ cmps: Object.fromEntries(Array.from({ length: 600 }, (_, at) => [at, {}])) }),
      'expected at most 512 components, got 600',
    ],
    [
      'homeassistant/sensor/x/config',
      config({ name: 'x'.repeat(70_000) }),
      'expected at most 65536 bytes',
    ],
    [
      'homeassistant/device/x/config',
      config({ name: 'x'.repeat(1_100_000) }),
      'expected at most 1048576 bytes',
    ],
  ]
  for (const [topic, payload, reason] of reasons) {
    playing.hear(topic, payload)
    t.match(playing.told.at(-1), { what: 'left-out', id: topic, reason })
  }
  playing.hear('homeassistant/sensor/own/config', config({ o: { name: 'Clown.Hub' }, stat_t: 's' }))
  t.same(playing.shown(), [])
})

t.test('an entity moves to another config, and the old one takes nothing with it', async (t) => {
  const playing = playTo(homeAssistant)
  const at = (place: string) => `homeassistant/switch/${place}/r/config`
  const settings = (topic: string) => config({ stat_t: topic, uniq_id: 'r', dev: { ids: 'd' } })
  playing.hear(at('old'), settings('old/s'), true)
  playing.hear('old/s', 'ON')
  playing.hear(at('new'), settings('new/s'), true)
  playing.hear('old/s', 'OFF')
  t.match(playing.shown(), [{ id: 'r', state: { state: true } }])
  playing.hear(at('old'), '', true)
  playing.hear('new/s', 'OFF')
  t.match(playing.shown(), [{ id: 'r', state: { state: false } }])
})

t.test("a command that is remembered is nobody's wish any more", async (t) => {
  const settings = { cmd_t: 'c', name: null }
  const retained = [
    { topic: 'homeassistant/switch/x/config', payload: config(settings) },
    { topic: 'c', payload: 'ON' },
  ]
  const playing = playTo(homeAssistant, { retained })
  t.match(playing.shown(), [{ id: 'x', name: 'x' }])
  t.same(
    playing.told.filter(({ what }) => what === 'observed'),
    [],
  )
})

t.test('of two that are remembered for one entity the first one holds', async (t) => {
  const at = (place: string) => `homeassistant/switch/${place}/r/config`
  const payload = (topic: string) => config({ stat_t: topic, uniq_id: 'r', dev: { ids: 'd' } })
  const playing = playTo(homeAssistant, {
    retained: [
      { topic: at('one'), payload: payload('one/s') },
      { topic: at('two'), payload: payload('two/s') },
    ],
  })
  playing.hear('one/s', 'ON')
  playing.hear('two/s', 'OFF')
  t.match(playing.shown(), [{ id: 'r', state: { state: true } }])
  t.match(
    playing.told.find(({ what }) => what === 'left-out'),
    { id: at('two') },
  )
})

t.test('two devices may give one id to their entities', async (t) => {
  const playing = playTo(homeAssistant)
  for (const node of ['a', 'b']) {
    for (const component of ['switch', 'sensor']) {
      const settings = { stat_t: `${node}/s`, uniq_id: 'ESPswitchrelay', dev: { ids: node } }
      playing.hear(`homeassistant/${component}/${node}/relay/config`, config(settings), true)
    }
  }
  playing.hear('b/s', 'ON')
  const ids = [
    'ESPswitchrelay',
    'a/ESPswitchrelay',
    'b/ESPswitchrelay',
    '["b","sensor","ESPswitchrelay"]',
  ].sort()
  t.same(
    playing.shown().map(({ id }) => id),
    ids,
  )
  playing.hear('homeassistant/switch/a/relay/config', '', true)
  t.equal(playing.shown().length, 3)
})

t.test('a migration keeps what was said until the new config is there', async (t) => {
  const playing = playTo(homeAssistant)
  const topic = 'homeassistant/sensor/x/config'
  const settings = { stat_t: 's', uniq_id: 'x', dev: { ids: 'd' } }
  playing.hear(topic, config(settings), true)
  playing.hear('s', '1')
  playing.hear(topic, config({ migr_discvry: true }))
  playing.hear('s', '2')
  t.match(playing.shown(), [{ readings: { x: ['1', null] } }])
  playing.hear(topic, config(settings), true)
  playing.hear('s', '3')
  t.match(playing.shown(), [{ readings: { x: ['3', null] } }])
  playing.hear('homeassistant/sensor/none/config', config({ migrate_discovery: true }))
})

t.test(
  'gateways are greeted where there is no Home Assistant, and what they repeat confirms nothing',
  async (t) => {
    const greetings = (playing: Pick<ReturnType<typeof playTo>, 'told'>) =>
      playing.told.flatMap((each) => (each.what === 'sent' ? [each.outgoing] : []))
    const playing = announced('switch', { stat_t: 's', cmd_t: 'c' })
    playing.hear('s', 'OFF')
    playing.clock.step(5000)
    t.match(greetings(playing), [{ topic: 'homeassistant/status', payload: 'online', qos: 0 }])
    playing.clock.step(30_000)
    playing.hear('s', 'OFF')
    playing.hear('s', 'ON')
    playing.clock.step(30_000)
    playing.hear('s', 'ON')
    const from = playing.told.flatMap((each) => (each.what === 'reported' ? [each.from] : []))
    t.same(from, ['device', 'memory', 'device', 'device'])

    const retained = playTo(homeAssistant, {
      retained: [{ topic: 'homeassistant/status', payload: 'offline' }],
    })
    retained.clock.step(60_000)
    t.same(greetings(retained), [])
    const live = playTo(homeAssistant)
    live.hear('homeassistant/status', 'online')
    live.clock.step(60_000)
    t.same(greetings(live), [])

    // One that was started before the hub says nothing more, and what was announced to it is there.
    const config = JSON.stringify({ stat_t: 's', uniq_id: 'u' })
    const beside = playTo(homeAssistantBeside, {
      retained: [{ topic: 'homeassistant/sensor/u/config', payload: config }],
    })
    beside.clock.step(60_000)
    t.same(greetings(beside), [])
    const alone = playTo(homeAssistantBeside)
    alone.clock.step(5000)
    t.match(greetings(alone), [{ topic: 'homeassistant/status', payload: 'online' }])
  },
)

t.test('what is more than a profile may have is left out, and nothing else', async (t) => {
  const playing = playTo(homeAssistant)
  const components = (from: number) =>
    Object.fromEntries(
      Array.from({ length: 400 }, (_, at) => [
        `c${from + at}`,
        { p: 'sensor', stat_t: `s/${from + at}`, uniq_id: `u${from + at}` },
      ]),
    )
  for (const [name, from] of Object.entries({ one: 0, two: 400 })) {
    const settings = { dev: { ids: 'd' }, cmps: components(from) }
    playing.hear(`homeassistant/device/${name}/config`, config(settings), true)
  }
  t.equal(playing.devices.size, 512)
  t.match(playing.told.at(-1), { what: 'left-out', reason: /at most 512 devices of a node/ })
  playing.hear('s/3', 'x')
  t.match(playing.devices.get('u3')?.values, { c3: ['x', null] })
})

t.test('templates that loop cost little, and their config stays', async (t) => {
  const loop =
    '{% for i in range(99999) %}{% for j in range(99999) %}{{ i }}{% endfor %}{% endfor %}'
  const sensor = announced('sensor', { stat_t: 's', val_tpl: loop })
  const start = process.cpuUsage()
  for (let count = 0; count < 20; count++) sensor.hear('s', 'x')
  const { user } = process.cpuUsage(start)
  t.ok(user < 1_000_000, `${user} µs`)
  t.same(sensor.device.readings, {})
})

t.test('availability goes by its mode', async (t) => {
  const at = (mode: string) =>
    announced('sensor', {
      stat_t: 's',
      avty: [{ t: 'a' }, { t: 'b' }, { t: 'b' }],
      avty_mode: mode,
    })
  const any = at('any')
  any.hear('a', 'offline')
  t.equal(any.device.available, null)
  any.hear('b', 'offline')
  t.equal(any.device.available, false)
  any.hear('b', 'online')
  t.equal(any.device.available, true)
  const all = at('all')
  all.hear('a', 'online')
  t.equal(all.device.available, null)
  all.hear('b', 'online')
  t.equal(all.device.available, true)
  const template = announced('sensor', {
    stat_t: 's',
    avty_t: 'a',
    avty_tpl: '{{ value_json.x.y }}',
  })
  template.hear('a', '{}')
  t.equal(template.device.available, null)
})
