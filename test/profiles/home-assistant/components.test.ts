import t from 'tap'
import { announced } from './announced.ts'

t.test('a switch has words of its own, and is told by others too', async (t) => {
  const config = {
    stat_t: 's',
    cmd_t: 'c',
    stat_on: '1',
    stat_off: '0',
    pl_on: 'go',
    pl_off: 'halt',
  }
  const plug = announced('switch', config)
  plug.hear('s', '1.0')
  t.match(plug.device, { kind: 'relay', state: { state: true } })
  plug.hear('s', 'None')
  t.match(plug.device, { state: { state: null } })
  plug.hear('s', 'perhaps')
  t.match(plug.device, { state: { state: null } })
  plug.hear('c', 'halt')
  plug.hear('c', 'perhaps')
  t.same(plug.observed, [{ state: false }])
  t.same(plug.sent('on'), ['c go'])
  t.same(plug.sent({ state: 'off' }), ['c halt'])
  t.throws(() => plug.sent({ pulse: 500 }), {
    code: 'bad-payload',
    message: /^expected state, got "pulse"$/,
  })
  t.throws(() => plug.sent({}), { message: 'expected state, got none' })
  t.equal(plug.facts.isConfirmable?.({ state: true }), true)
})

t.test('what nothing tells of cannot be confirmed', async (t) => {
  const none = announced('switch', { cmd_t: 'c' })
  const optimistic = announced('switch', { cmd_t: 'c', stat_t: 's', opt: true })
  const echo = announced('switch', { cmd_t: 'c', stat_t: 'c' })
  for (const { facts } of [none, optimistic, echo]) {
    t.equal(facts.isConfirmable?.({ state: true }), false)
  }
  t.equal(announced('switch', { stat_t: 's' }).facts.ask, undefined)
})

t.test('a siren is told as JSON, unless it has a template', async (t) => {
  const siren = announced('siren', { stat_t: 's', cmd_t: 'c' })
  t.same(siren.sent(true), ['c {"state":"ON"}'])
  siren.hear('s', '{"state":"ON","tone":"x"}')
  t.match(siren.device, { kind: 'relay', state: { state: true } })
  siren.hear('s', 'OFF')
  t.match(siren.device, { state: { state: false } })
  const template = { cmd_t: 'c', cmd_tpl: '{{ value|lower }}', qos: 1 }
  const other = announced('siren', template)
  t.same(other.sent(true), ['c on'])
  other.hear('c', 'on')
  t.same(other.observed, [])
})

t.test('a command whose template has no result is refused', async (t) => {
  const plug = announced('switch', { cmd_t: 'c', cmd_tpl: '{{ value.x.y }}' })
  t.throws(() => plug.sent(true), { code: 'bad-payload', message: /^command_template: expected/ })
})

t.test(
  'a sensor is a number where it has a unit, a class of numbers or a state class',
  async (t) => {
    const readings = (config: object, payload: string) => {
      const sensor = announced('sensor', { stat_t: 's', ...config })
      sensor.hear('s', payload)
      return sensor.device.readings
    }
    t.same(readings({ unit_of_meas: 'W' }, '5'), { o: [5, 'W'] })
    t.same(readings({ dev_cla: 'power' }, '5'), { power: [5, null] })
    t.same(readings({ stat_cla: 'measurement' }, '5'), { o: [5, null] })
    t.same(readings({ dev_cla: 'timestamp' }, '2026'), { timestamp: ['2026', null] })
    t.same(readings({}, '5'), { o: ['5', null] })
    t.same(readings({}, 'unknown'), { o: [null, null] })
    t.same(readings({ unit_of_meas: '' }, 'x'), { o: ['x', null] })
    const named = (template: string) => {
      return readings({ val_tpl: template }, '{"a":{"Big One":1},"value":2,"x_y":3}')
    }
    t.same(named('{{ value_json.a["Big One"] }}'), { 'big-one': ['1', null] })
    t.same(named('{{ value_json.x_y|float }}'), { 'x-y': ['3.0', null] })
    t.same(named('{{ value_json.value }}'), { o: ['2', null] })
    t.same(readings({ dev_cla: '°' }, '1'), { value: [1, null] })
  },
)

t.test('a sensor that says nothing keeps its value', async (t) => {
  const sensor = announced('sensor', { stat_t: 's', unit_of_meas: 'W' })
  sensor.hear('s', '5')
  sensor.hear('s', '')
  t.same(sensor.device.readings, { o: [5, 'W'] })
})

t.test('a template without a result leaves the value as it was', async (t) => {
  const sensor = announced('sensor', { stat_t: 's', val_tpl: '{{ value_json.a|is_defined }}' })
  sensor.hear('s', '{"a":1}')
  sensor.hear('s', '{"b":1}')
  t.same(sensor.device.readings, { a: ['1', null] })
})

t.test('a motion sensor goes off by itself', async (t) => {
  const config = { stat_t: 's', dev_cla: 'motion', off_dly: 30 }
  const sensor = announced('binary_sensor', config)
  sensor.hear('s', 'ON')
  sensor.clock.step(20_000)
  sensor.hear('s', 'ON')
  sensor.clock.step(29_000)
  t.same(sensor.device.readings, { motion: [true, null] })
  sensor.clock.step(1000)
  t.same(sensor.device.readings, { motion: [false, null] })
  t.match(sensor.device, { kind: 'binary-sensor', state: { state: false } })
  sensor.hear('s', 'ON')
  sensor.hear('s', 'OFF')
  sensor.hear('s', 'nonsense')
  sensor.hear('s', 'unknown')
  t.same(sensor.device.readings, { motion: [null, null] })
  sensor.hear('s', 'ON')
  sensor.announce({ unique_id: 'id', ...config, name: 'x' })
  sensor.clock.step(60_000)
  t.match(sensor.facts, { about: 'motion', name: 'x' })
})

t.test('what has expired is away', async (t) => {
  const sensor = announced('sensor', { stat_t: 's', exp_aft: '60', avty_t: 'a' })
  t.equal(sensor.device.available, null)
  sensor.hear('a', 'online')
  sensor.hear('s', '1')
  sensor.clock.step(50_000)
  sensor.hear('s', '2')
  sensor.clock.step(50_000)
  t.equal(sensor.device.available, true)
  sensor.clock.step(10_000)
  t.equal(sensor.device.available, false)
  sensor.hear('s', '3')
  t.equal(sensor.device.available, true)
  sensor.hear('a', 'offline')
  t.equal(sensor.device.available, false)
  sensor.announce({ unique_id: 'id', stat_t: 's' })
  sensor.clock.step(600_000)
  t.equal(sensor.device.available, true)
})

t.test('buttons and scenes are pressed, which nothing confirms', async (t) => {
  const scene = announced('scene', { cmd_t: 'c', cmd_tpl: '{"a":"{{ value }}"}' })
  t.match(scene.device, { kind: 'button', available: true })
  t.same(scene.sent(null), ['c {"a":"ON"}'])
  const button = announced('button', { cmd_t: 'c' })
  t.same(button.sent({}), ['c PRESS'])
  t.equal(button.facts.isConfirmable?.({}), false)
  button.hear('c', 'PRESS')
  button.hear('c', 'other')
  t.same(button.observed, [{}])
  t.throws(() => button.sent({ state: true }), { message: 'expected an empty object, got "state"' })
  t.same(announced('button', {}).reasons, ['expected a command_topic'])
})

t.test('a number has bounds and a step, a select has options, a text has neither', async (t) => {
  const number = announced('number', {
    stat_t: 's',
    cmd_t: 'c',
    max: 10,
    step: 0.5,
    unit_of_meas: 's',
  })
  number.hear('s', '2.5')
  t.match(number.device, { state: { value: 2.5 }, readings: { o: [2.5, 's'] } })
  number.hear('s', 'None')
  number.hear('s', 'x')
  t.match(number.device, { state: { value: null } })
  t.same(number.sent(3), ['c 3'])
  t.throws(() => number.sent(11), { message: 'expected 1 to 10 as value, got 11' })
  t.same(number.facts.tolerance, { value: 0.25 })
  t.same(number.facts.ranges, { value: { min: 1, max: 10, step: 0.5, unit: 's' } })
  const bare = announced('number', { stat_t: 's', cmd_t: 'c' })
  bare.hear('s', '7')
  t.match(bare.device, { state: { value: 7 }, readings: {} })
  const select = announced('select', { stat_t: 's', cmd_t: 'c', ops: ['eco', 'boost'] })
  select.hear('s', 'eco')
  select.hear('s', '')
  t.match(select.device, { state: { value: 'eco' } })
  select.hear('s', 'None')
  t.match(select.device, { state: { value: null } })
  t.throws(() => select.sent('x'), { message: 'expected eco, boost as value, got "x"' })
  t.same(select.facts.ranges, { value: { options: ['eco', 'boost'] } })
  const text = announced('text', { stat_t: 's', cmd_t: 'c' })
  text.hear('s', 'hello')
  t.match(text.device, { kind: 'text', state: { value: 'hello' } })
  t.same(text.sent('x y'), ['c x y'])
})

t.test('events are told when they happen, and not when they are remembered', async (t) => {
  const bell = announced('event', { stat_t: 's', evt_typ: ['press'] })
  bell.hear('s', '{"event_type":"press"}')
  bell.hear('s', '{"event_type":"other"}')
  bell.hear('s', 'nothing')
  t.equal(bell.told.filter(({ what }) => what === 'reported').length, 1)
  bell.announce({ unique_id: 'id', stat_t: 's', name: 'again' })
  t.equal(bell.told.filter(({ what }) => what === 'reported').length, 1)
  bell.hear('s', '{"event_type":"anything"}')
  t.match(bell.device, { kind: 'event', state: { event: 'anything' } })
  const trigger = announced('device_automation', { topic: 's', type: 'press', subtype: 'left' })
  trigger.hear('s', 'whatever')
  t.match(trigger.device, { kind: 'event', state: { event: 'left' } })
})

t.test('an update tells its versions', async (t) => {
  const update = announced('update', { stat_t: 's', l_ver_t: 'l' })
  update.hear('s', '{"installed_version":"1.0","latest_version":2}')
  t.same(update.device.readings, {
    'installed-version': ['1.0', null],
    'latest-version': ['2', null],
  })
  update.hear('s', '1.1')
  update.hear('s', '{"state":"idle"}')
  update.hear('l', '3')
  t.same(update.device.readings, {
    'installed-version': ['1.1', null],
    'latest-version': ['3', null],
  })
})

t.test('what the hub does not know is left out, and why', async (t) => {
  const reasonsOf = (component: string, config: object) => {
    const { reasons, shown } = announced(component, { ...config })
    t.same(shown(), [])
    return reasons
  }
  t.same(reasonsOf('camera', { topic: 'x' }), [
    'expected a component that the hub knows, got camera',
  ])
  t.same(reasonsOf('constructor', {}), ['expected a component that the hub knows, got constructor'])
  t.same(reasonsOf('sensor', {}), ['expected a topic of a state or of commands'])
  t.match(reasonsOf('sensor', { stat_t: 's', val_tpl: "{{ value|regex_replace('a') }}" }), [
    /^value_template: expected a filter that the hub knows, got regex_replace$/,
  ])
  t.match(reasonsOf('sensor', { stat_t: 's', val_tpl: 5 }), [
    'value_template: expected a template, got number',
  ])
  for (const topic of ['#', 'a/#', '+', 'a/+', '+/+/state', '$SYS/x', '+/']) {
    t.equal(reasonsOf('sensor', { stat_t: topic }).length, 1, topic)
  }
  for (const topic of ['a/+/id', 'a/#', '$SYS/x']) {
    t.equal(reasonsOf('switch', { cmd_t: topic }).length, 1, topic)
  }
})
