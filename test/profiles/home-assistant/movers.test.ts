import t from 'tap'
import { announced } from './announced.ts'

t.test('a cover opens, closes, stops and moves to a position', async (t) => {
  const cover = announced('cover', {
    ...{ stat_t: 's', cmd_t: 'c', pos_t: 'p', set_pos_t: 'sp', pos_open: 0, pos_clsd: 255 },
    ...{ set_pos_tpl: '{"p":{{ position }},"v":{{ value }}}', pl_open: 'UP', pl_stop: null },
    ...{ tilt_cmd_t: 'tc', tilt_status_t: 'ts', tilt_max: 90 },
  })
  cover.hear('s', 'opening')
  cover.hear('p', '255')
  cover.hear('ts', '45')
  t.match(cover.device, { kind: 'cover', state: { state: 'opening', position: 0, tilt: 50 } })
  cover.hear('p', '{"position":0}')
  cover.hear('s', 'None')
  cover.hear('s', 'nonsense')
  cover.hear('p', 'nonsense')
  t.match(cover.device, { state: { state: null, position: 100 } })
  t.same(cover.sent('open'), ['c UP'])
  t.same(cover.sent({ position: 40 }), ['sp {"p":40,"v":153}'])
  t.same(cover.sent({ tilt: 50 }), ['tc 45'])
  t.throws(() => cover.sent('stop'), { message: 'expected open, close as state, got "stop"' })
  cover.hear('c', 'CLOSE')
  cover.hear('tc', '90')
  t.same(cover.observed, [{ state: 'close' }, { tilt: 100 }])
  t.equal(cover.facts.isConfirmable?.({ position: 4 }), true)
  t.equal(cover.facts.isConfirmable?.({ state: 'stop' }), false)
  const told = announced('cover', { stat_t: 's', cmd_t: 'c', stat_stopped: 'halted' })
  t.equal(told.facts.isConfirmable?.({ state: 'stop' }), true)
  told.hear('s', 'halted')
  t.match(told.device, { state: { state: 'stopped' } })
})

t.test('a cover without states is told by its position', async (t) => {
  const cover = announced('cover', { cmd_t: 'c', pos_t: 'p', pos_tpl: '{{ value_json.at }}' })
  cover.hear('p', '{"at":0}')
  t.match(cover.device, { state: { state: 'closed', position: 0 } })
  cover.hear('p', '{"at":30}')
  t.match(cover.device, { state: { state: 'open', position: 30 } })
  cover.hear('p', '{"at":"x"}')
  t.equal(cover.facts.isConfirmable?.({ state: 'open' }), true)
})

t.test('a valve is told in words or in numbers', async (t) => {
  const words = announced('valve', { stat_t: 's', cmd_t: 'c' })
  words.hear('s', 'closed')
  t.match(words.device, { kind: 'cover', state: { state: 'closed' } })
  t.same(words.sent('open'), ['c OPEN'])
  const numbers = announced('valve', { stat_t: 's', cmd_t: 'c', pos: true })
  numbers.hear('s', '30')
  t.match(numbers.device, { state: { state: 'open', position: 30 } })
  numbers.hear('s', '{"state":"closing","position":0}')
  t.match(numbers.device, { state: { state: 'closing', position: 0 } })
  numbers.hear('s', '0')
  t.match(numbers.device, { state: { state: 'closed' } })
  numbers.hear('s', 'nonsense')
  t.same(numbers.sent('open'), ['c 100'])
  t.same(numbers.sent('close'), ['c 0'])
  t.same(numbers.sent('stop'), ['c STOP'])
  t.same(numbers.sent({ position: 5 }), ['c 5'])
  numbers.hear('c', '70')
  t.same(numbers.observed, [{ position: 70 }])
})

t.test('a lock locks and unlocks, and opens where it can', async (t) => {
  const lock = announced('lock', { stat_t: 's', cmd_t: 'c', stat_locked: 'zu' })
  lock.hear('s', 'zu')
  t.match(lock.device, { kind: 'lock', state: { state: 'locked' } })
  t.same(lock.sent('unlock'), ['c UNLOCK'])
  t.throws(() => lock.sent('open'), { message: 'expected lock, unlock as state, got "open"' })
  t.same(announced('lock', { cmd_t: 'c', pl_open: 'OPEN' }).sent('open'), ['c OPEN'])
})

t.test('a fan has speeds, presets and swings', async (t) => {
  const fan = announced('fan', {
    ...{ stat_t: 's', cmd_t: 'c', pct_stat_t: 'ps', pct_cmd_t: 'pc', spd_rng_max: 3 },
    ...{ pr_mode_stat_t: 'ms', pr_mode_cmd_t: 'mc', pr_modes: ['auto'], osc_stat_t: 'os' },
    ...{ osc_cmd_t: 'oc', stat_val_tpl: '{{ value_json.on }}', pl_on: true, pl_off: false },
  })
  fan.hear('s', '{"on":true}')
  fan.hear('ps', '2')
  fan.hear('ms', 'auto')
  fan.hear('os', 'oscillate_off')
  const state = { state: true, speed: 67, preset: 'auto', oscillating: false }
  t.match(fan.device, { kind: 'fan', state })
  fan.hear('ps', 'None')
  fan.hear('os', 'oscillate_on')
  fan.hear('os', 'nonsense')
  fan.hear('ms', '')
  fan.hear('ms', 'None')
  t.match(fan.device, { state: { speed: null, oscillating: true, preset: null } })
  t.same(fan.sent({ state: true, speed: 30, preset: 'auto', oscillating: true }), [
    'c True',
    'pc 1',
    'mc auto',
    'oc oscillate_on',
  ])
  t.same(fan.sent({ oscillating: false }), ['oc oscillate_off'])
  t.throws(() => fan.sent({ preset: 'x' }), { message: 'expected auto as preset, got "x"' })
  const simple = announced('fan', { pct_cmd_t: 'pc' })
  t.same(simple.sent({ speed: 30 }), ['pc 30'])
  t.equal(Number(fan.facts.tolerance?.['speed']) > 16, true)
})

t.test('a thermostat has modes, set points and what it measures', async (t) => {
  const climate = announced('climate', {
    ...{
      mode_stat_t: 'ms',
      mode_cmd_t: 'mc',
      modes: ['heat'],
      temp_stat_t: 'ts',
      temp_cmd_t: 'tc',
    },
    ...{ temp_lo_stat_t: 'ls', temp_hi_cmd_t: 'hc', fan_mode_cmd_t: 'fc', curr_temp_t: 'ct' },
    ...{ curr_hum_t: 'ch', act_t: 'a', temp_unit: 'F', max_temp: 90, temp_step: 0.5 },
  })
  for (const [topic, payload] of Object.entries({
    ms: 'heat',
    ts: '70.5',
    ls: 'None',
    ct: '69',
    ch: '40',
    a: 'idle',
  })) {
    climate.hear(topic, payload)
  }
  t.match(climate.device, {
    kind: 'climate',
    readings: { temperature: [69, '°F'], humidity: [40, '%'] },
    state: { mode: 'heat', setpoint: 70.5, 'setpoint-low': null, action: 'idle' },
  })
  for (const topic of ['ct', 'a', 'ms', 'ts']) climate.hear(topic, '')
  climate.hear('ct', 'unavailable')
  climate.hear('a', 'None')
  t.match(climate.device, { readings: { temperature: [null, '°F'] }, state: { action: null } })
  t.same(climate.sent(71), ['tc 71'])
  t.same(climate.sent({ 'setpoint-high': 80, 'fan-mode': 'low' }), ['hc 80', 'fc low'])
  t.throws(() => climate.sent(91), { message: 'expected at most 90 as setpoint, got 91' })
  const warm = announced('climate', { temp_cmd_t: 'tc', min_temp: '5' })
  t.throws(() => warm.sent(4), { message: 'expected at least 5 as setpoint, got 4' })
  t.throws(() => climate.sent({ preset: 'x' }), { code: 'bad-payload' })
})

t.test('a fan turns either way, and a thermostat swings', async (t) => {
  const fan = announced('fan', { stat_t: 's', cmd_t: 'c', dir_cmd_t: 'dc', dir_stat_t: 'ds' })
  fan.hear('ds', 'reverse')
  t.match(fan.device, { state: { direction: 'reverse' } })
  t.same(fan.sent({ direction: 'forward' }), ['dc forward'])
  t.throws(() => fan.sent({ direction: 'up' }), { code: 'bad-payload' })
  const climate = announced('climate', {
    ...{ swing_mode_cmd_t: 'sc', swing_mode_stat_t: 'ss', swing_modes: ['on', 'off'] },
  })
  climate.hear('ss', 'on')
  t.match(climate.device, { state: { 'swing-mode': 'on' } })
  t.same(climate.sent({ 'swing-mode': 'off' }), ['sc off'])
})
