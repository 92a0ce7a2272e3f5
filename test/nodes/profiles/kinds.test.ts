import t from 'tap'
import {
  type DeviceKind,
  goalOf,
  inTermsOf,
  isPair,
  lastingPart,
  readAsk,
  settableOf,
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
  t.same(readAsk('light', { color_temp: 300 }, { askKeys: light }), { 'color-temp': 300 })
  t.same(readAsk('button', {}, { askKeys: [] }), {})
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
    t.throws(() => readAsk(kind, payload, { askKeys: keys }), { code: 'bad-payload', message })
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
  t.same(inTermsOf('barometer', { pressure: [null, 'Pa'], fault: 'x' }), {
    pressure: [null, 'kPa'],
    fault: 'x',
  })
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

t.test('what a device cannot be set to is not asked of it', async (t) => {
  const ranges = {
    effect: { options: ['Rainbow', 'Fire'] },
    'color-temp': { min: 154, max: 370 },
    brightness: {},
    startup: { type: 'text', options: ['on', '2'] },
    hold: { type: 'number', max: 9 },
  } as const
  const askKeys = ['state', ...Object.keys(ranges)]
  const ask = (payload: unknown) => readAsk('light', payload, { askKeys, ranges })
  t.same(ask({ effect: 'Fire', startup: 2, hold: -5 }), { effect: 'Fire', startup: 2, hold: -5 })
  t.same(ask({ color_temp: 100 }), { 'color-temp': 154 }, 'a lamp does what is nearest')
  t.same(ask({ color_temp: 500 }), { 'color-temp': 370 })
  const refused: readonly (readonly [object, string])[] = [
    [{ effect: 'fire' }, 'Rainbow, Fire as effect, got "fire"'],
    [{ startup: 'off' }, 'on, 2 as startup, got "off"'],
    [{ hold: 10 }, 'at most 9 as hold, got 10'],
    [{ brightness: 101 }, '0 to 100 as brightness, got 101'],
  ]
  for (const [payload, sentence] of refused) {
    t.throws(() => ask(payload), { code: 'bad-payload', message: `expected ${sentence}` })
  }
  const least = { askKeys: ['value'], ranges: { value: { min: 5 } } }
  t.throws(() => readAsk('number', 4, least), { message: 'expected at least 5 as value, got 4' })
})

t.test('everybody is told what a device can be set to', async (t) => {
  const askKeys = ['state', 'position', 'calibration', 'motor_speed']
  const ranges = {
    state: { options: ['open', 'close'] },
    motor_speed: { type: 'number', min: 1 },
  } as const
  t.same(settableOf('cover', { askKeys, ranges }), {
    state: { type: 'text', options: ['open', 'close'] },
    position: { type: 'number', min: 0, max: 100, unit: '%' },
    calibration: { type: 'any' },
    motor_speed: { type: 'number', min: 1 },
  })
  t.same(settableOf('light', { askKeys: ['state', 'color', 'color-temp', 'state_left'] }), {
    state: { type: 'boolean' },
    color: { type: 'color' },
    'color-temp': { type: 'number', unit: 'mired' },
    state_left: { type: 'boolean' },
  })
  t.same(settableOf('relay', { askKeys: ['state', 'pulse'] }), {
    state: { type: 'boolean' },
    pulse: { type: 'number', min: 0, unit: 'ms' },
  })
  t.same(settableOf('lock', { askKeys: ['state'] }), {
    state: { type: 'text', options: ['lock', 'unlock', 'open'] },
  })
  t.same(settableOf('button', { askKeys: [] }), {})
})
