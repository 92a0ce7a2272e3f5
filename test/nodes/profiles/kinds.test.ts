import t from 'tap'
import {
  type DeviceKind,
  goalOf,
  inTermsOf,
  isPair,
  lastingPart,
  readAsk,
  settledPart,
} from '../../../src/nodes/profiles/kinds.ts'

t.test('an ask is read by the words of its kind', async (t) => {
  const asks: readonly (readonly [DeviceKind, unknown, unknown])[] = [
    ['relay', true, { state: true }],
    ['relay', 'ON', { state: true }],
    ['relay', { state: 'off' }, { state: false }],
    ['relay', { state_left: 1 }, { state_left: true }],
    ['relay', { pulse: 500 }, { state: true, pulse: 500 }],
    ['relay', { state: false, pulse: 500 }, { state: false, pulse: 500 }],
    ['light', { brightness: 50, other: [1] }, { brightness: 50, other: [1] }],
    ['light', { color_temp: 370, other_key: 1 }, { 'color-temp': 370, other_key: 1 }],
    ['light', { brightness_l1: 50, color_temp_l1: 300 }, { brightness_l1: 50, color_temp_l1: 300 }],
    ['climate', { setpoint_low: 19 }, { 'setpoint-low': 19 }],
    ['cover', 'OPEN', { state: 'open' }],
    ['lock', { state: 'lock' }, { state: 'lock' }],
    ['number', 1.5, { value: 1.5 }],
    ['select', 'boost', { value: 'boost' }],
    ['button', null, {}],
    ['button', {}, {}],
    ['climate', 21, { setpoint: 21 }],
    ['light', { color: '#ff8800' }, { color: 'FF8800' }],
  ]
  for (const [kind, payload, asked] of asks) t.same(readAsk(kind, payload), asked)
})

t.test('what a kind does not do is refused, with what was expected', async (t) => {
  const asks: readonly (readonly [DeviceKind, unknown, string])[] = [
    ['relay', 'maybe', 'expected true or false as state, got "maybe"'],
    ['relay', { state: 'TOGGLE' }, 'expected true or false as state, got "TOGGLE"'],
    ['light', { brightness: 101 }, 'expected 0 to 100 as brightness, got 101'],
    ['light', { brightness_l1: 101 }, 'expected 0 to 100 as brightness_l1, got 101'],
    ['cover', { state: 'up' }, 'expected open, close, stop as state, got "up"'],
    ['cover', 5, 'expected open, close, stop as state, got 5'],
    ['number', '5', 'expected a number as value, got "5"'],
    ['select', 5, 'expected a text as value, got 5'],
    ['light', { color: 'red' }, 'expected a color such as FF8800 as color, got "red"'],
    ['light', { color: 'FF88001' }, 'expected a color such as FF8800 as color, got "FF88001"'],
    ['button', true, 'expected an object, for a button, got true'],
  ]
  for (const [kind, payload, message] of asks) {
    t.throws(() => readAsk(kind, payload), { code: 'bad-payload', message })
  }
})

t.test('a command has a key that the device has, and no other', async (t) => {
  const light = ['state', 'brightness', 'color-temp']
  t.same(readAsk('light', { color_temp: 300 }, light), { 'color-temp': 300 })
  t.same(readAsk('button', {}, []), {})
  const asks: readonly (readonly [DeviceKind, unknown, readonly string[], string])[] = [
    [
      'light',
      { colour_temp: 1 },
      light,
      `${light.join(', ')}, got "colour_temp": did you mean "color-temp"?`,
    ],
    ['light', { state: true, effect: 'a' }, light, `${light.join(', ')}, got "effect"`],
    ['light', {}, light, `${light.join(', ')}, got none`],
    ['relay', { pulse: 5 }, ['state'], 'state, got "pulse"'],
    ['button', { press: 1 }, [], 'an empty object, got "press"'],
  ]
  for (const [kind, payload, keys, sentence] of asks) {
    const message = `expected ${sentence}`
    t.throws(() => readAsk(kind, payload, keys), { code: 'bad-payload', message })
  }
})

t.test('an ask is done when what it leads to is reported, not what is on the way', async (t) => {
  t.same(goalOf('cover', { state: 'close', position: 3 }), { state: 'closed', position: 3 })
  t.same(goalOf('lock', { state: 'unlock' }), { state: 'unlocked' })
  t.same(goalOf('select', { value: 'close' }), { value: 'close' })
  t.same(settledPart('cover', { state: 'closing', position: 3 }), { position: 3 })
  t.same(settledPart('cover', { state: 'closed' }), { state: 'closed' })
  t.same(settledPart('select', { value: 'closing' }), { value: 'closing' })
})

t.test('a key with underscores is the one of its kind, and no other', async (t) => {
  t.same(inTermsOf('light', { color_temp: 370, color_mode: 'xy' }), {
    'color-temp': 370,
    color_mode: 'xy',
  })
  t.same(inTermsOf('sensor', { color_temp: [370, 'mired'] }), { color_temp: [370, 'mired'] })
  t.same(settledPart('light', { color_temp: 370 }), { 'color-temp': 370 })
})

t.test('an event is told, and not kept', async (t) => {
  t.same(lastingPart('relay', { event: 'single', action: 'on', state: true }), { state: true })
  t.same(lastingPart('climate', { action: 'heating' }), { action: 'heating' })
})

t.test('a kind of Clown.Model is told in its units', async (t) => {
  t.same(inTermsOf('barometer', { pressure: [98466.5, 'Pa'], altitude: [241.2, 'm'] }), {
    pressure: [98.4665, 'kPa'],
    altitude: [241.2, 'm'],
  })
  t.same(inTermsOf('barometer', { pressure: [984.665, 'hPa'] }), { pressure: [98.4665, 'kPa'] })
  t.same(inTermsOf('barometer', { pressure: [null, 'Pa'] }), { pressure: [null, 'kPa'] })
  t.same(inTermsOf('sensor', { pressure: [1, 'Pa'], on: true }), { pressure: [1, 'Pa'], on: true })
})

t.test('a reading is a pair of a plain value and a unit', async (t) => {
  for (const value of [
    [1, 'V'],
    [null, null],
    ['a', null],
    [true, null],
  ] as const)
    t.ok(isPair(value))
  for (const value of [[1, 2], [1], [[1], 'V'], 1, null, 'V'] as const) t.notOk(isPair(value))
})
