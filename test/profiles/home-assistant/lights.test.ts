import t from 'tap'
import { announced } from './announced.ts'

const json = { schema: 'json', stat_t: 's', cmd_t: 'c' }

t.test('a light that speaks JSON tells and takes what it has', async (t) => {
  const light = announced('light', { ...json, fx_list: ['blink'], sup_clrm: ['rgb', 'color_temp'] })
  const said = { state: 'ON', brightness: 128, color_mode: 'rgb', color: { r: 255, g: 160, b: 0 } }
  light.hear('s', JSON.stringify({ ...said, effect: 'blink', color_temp: 370 }))
  const state = { state: true, brightness: 50, color: 'FFA000', effect: 'blink', 'color-temp': 370 }
  t.match(light.device, { kind: 'light', state })
  light.hear(
    's',
    '{"color_mode":"color_temp","color":{"r":1,"g":1,"b":1},"state":null,"effect":""}',
  )
  light.hear('s', 'nonsense')
  light.hear('s', '{"color":{"r":300,"g":0,"b":0},"brightness":"x"}')
  t.match(light.device, { state: { color: 'FFA000', state: null } })
  const asked = { color: '#00ff80', effect: 'blink', 'color-temp': 250, brightness: 100 }
  t.same(light.sent(asked), [
    'c {"state":"ON","brightness":255,"color_temp":250,"color":{"r":0,"g":255,"b":128},"effect":"blink"}',
  ])
  t.same(light.sent(false), ['c {"state":"OFF"}'])
  t.same(light.sent({ brightness: 0 }), ['c {"state":"OFF"}'])
  t.throws(() => light.sent({ color: 'red' }), {
    message: 'expected a color such as FF8800 as color, got "red"',
  })
  t.throws(() => light.sent({ effect: 'x' }), { message: 'expected blink as effect, got "x"' })
  t.throws(() => light.sent({}), { message: /got none/ })
  t.throws(() => light.sent({ tone: 1 }), { message: /got "tone"/ })
  light.hear('c', '{"state":"OFF"}')
  t.same(light.observed, [{ state: false }])
  t.equal(light.facts.isConfirmable?.({ color: 'FF0000' }), true)
})

t.test('a light that speaks JSON has colors by hue or by coordinates', async (t) => {
  const hue = announced('light', { ...json, sup_clrm: ['hs'] })
  for (const [h, s, color] of [
    [0, 100, 'FF0000'],
    [120, 100, '00FF00'],
    [240, 50, '8080FF'],
  ] as const) {
    hue.hear('s', JSON.stringify({ color: { h, s } }))
    t.match(hue.device, { state: { color } })
    t.same(hue.sent({ color }), [`c {"state":"ON","color":{"h":${h},"s":${s === 50 ? 49.8 : s}}}`])
  }
  t.same(hue.sent({ color: '000000' }), ['c {"state":"ON","color":{"h":0,"s":0}}'])
  t.equal(hue.facts.isConfirmable?.({ color: 'FF0000' }), false)
  const xy = announced('light', {
    ...{ ...json, sup_clrm: ['xy', 'color_temp'], clr_temp_k: true },
    ...{ min_kelvin: 2200, max_kelvin: 6500 },
  })
  xy.hear('s', '{"color":{"x":0.64,"y":0.33},"color_temp":4000}')
  t.match(xy.device, { state: { color: 'FF0000', 'color-temp': 250 } })
  xy.hear('s', '{"color":{"x":0.3,"y":0}}')
  xy.hear('s', '{"color_temp":0}')
  t.match(xy.device, { state: { color: 'FF0000' } })
  t.same(xy.sent({ color: 'FF0000' }), ['c {"state":"ON","color":{"x":0.64,"y":0.33}}'])
  t.same(xy.sent({ color: '000000' }), ['c {"state":"ON","color":{"x":0.3127,"y":0.329}}'])
  t.same(xy.sent({ 'color-temp': 250 }), ['c {"state":"ON","color_temp":4000}'])
  t.same(xy.facts.askKeys, ['state', 'brightness', 'color-temp', 'color'])
  t.match(xy.facts.ranges, { 'color-temp': { min: 153, max: 455 } })
  const plain = announced('light', { ...json, sup_clrm: ['onoff'], effect: true })
  t.same(plain.facts.askKeys, ['state', 'effect'])
  const bare = announced('light', { ...json, min_mirs: 200, max_mirs: 400 })
  t.match(bare.facts.ranges, { 'color-temp': { min: 200, max: 400 } })
  t.same(bare.sent({ color: '010203' }), ['c {"state":"ON","color":{"r":1,"g":2,"b":3}}'])
  const silent = announced('light', { schema: 'json', cmd_t: 'c' })
  t.equal(silent.facts.isConfirmable?.({ state: true }), false)
  t.equal(announced('light', { schema: 'json', stat_t: 's' }).facts.ask, undefined)
})

const basic = { stat_t: 's', cmd_t: 'c', bri_cmd_t: 'bc', bri_stat_t: 'bs', bri_scl: 100 }

t.test(
  'a light with topics of its own is turned on last, first, or by its brightness',
  async (t) => {
    const light = announced('light', {
      ...{ ...basic, clr_temp_stat_t: 'ts', clr_temp_cmd_t: 'tc', fx_stat_t: 'fs', fx_cmd_t: 'fc' },
      ...{ rgb_stat_t: 'rs', rgb_cmd_t: 'rc', rgb_cmd_tpl: '{{ red }}-{{ green }}-{{ blue }}' },
    })
    for (const [topic, payload] of Object.entries({
      s: 'ON',
      bs: '40',
      ts: '300',
      fs: 'x',
      rs: '1,2,3',
    })) {
      light.hear(topic, payload)
    }
    const state = { state: true, brightness: 40, 'color-temp': 300, effect: 'x', color: '010203' }
    t.match(light.device, { kind: 'light', state })
    for (const topic of ['bs', 'ts', 'fs', 'rs']) light.hear(topic, '')
    t.match(light.device, { state })
    t.same(light.sent({ brightness: 30, effect: 'y' }), ['bc 30', 'fc y', 'c ON'])
    t.same(light.sent({ color: '0A0B0C' }), ['rc 10-11-12', 'c ON'])
    t.same(light.sent({ 'color-temp': 200 }), ['tc 200', 'c ON'])
    t.same(light.sent(false), ['c OFF'])
    t.throws(() => light.sent({}), { message: /got none/ })
    t.equal(light.facts.isConfirmable?.({ brightness: 1, state: true }), true)
    const first = announced('light', { ...basic, on_cmd_type: 'first' })
    t.same(first.sent({ brightness: 30 }), ['c ON', 'bc 30'])
    const byBrightness = announced('light', { ...basic, on_cmd_type: 'brightness' })
    t.same(byBrightness.sent(true), ['bc 100'])
    t.same(byBrightness.sent({ brightness: 30 }), ['bc 30'])
    const dimmed = announced('light', { bri_cmd_t: 'bc', bri_scl: 100 })
    t.same(dimmed.sent({ brightness: 0 }), ['bc 0'], 'nothing else turns it off')
    t.throws(() => byBrightness.sent({ color: '000000' }), { message: /got "color"/ })
    t.equal(announced('light', { stat_t: 's' }).facts.ask, undefined)
  },
)

t.test('a light with topics of its own has colors by hue or by coordinates', async (t) => {
  const hue = announced('light', { ...basic, hs_cmd_t: 'hc', hs_stat_t: 'hs' })
  hue.hear('hs', '120,100')
  t.match(hue.device, { state: { color: '00FF00' } })
  hue.hear('hs', 'x')
  t.same(hue.sent({ color: '0000FF' }), ['hc 240,100', 'c ON'])
  const xy = announced('light', { ...basic, xy_cmd_t: 'xc', xy_stat_t: 'xs' })
  xy.hear('xs', '0.64,0.33')
  t.match(xy.device, { state: { color: 'FF0000' } })
  xy.hear('xs', 'x')
  t.same(xy.sent({ color: 'FF0000' }), ['xc 0.64,0.33', 'c ON'])
})

t.test('a light by templates is told and asked through them', async (t) => {
  const light = announced('light', {
    ...{ schema: 'template', stat_t: 's', cmd_t: 'c', stat_tpl: '{{ value_json.s }}' },
    ...{ bri_tpl: '{{ value_json.b }}', clr_temp_tpl: '{{ value_json.t }}' },
    ...{ fx_tpl: '{{ value_json.f }}', r_tpl: '{{ value_json.r }}', g_tpl: '0', b_tpl: '0' },
    cmd_on_tpl:
      "{{ state }}{{ brightness|default('-') }}{{ red|default }}{{ effect|default }}{{ color_temp|default }}",
    cmd_off_tpl: '{{ state }}!',
  })
  light.hear('s', '{"s":"on","b":51,"t":300,"f":"x","r":255}')
  const state = { state: true, brightness: 20, 'color-temp': 300, effect: 'x', color: 'FF0000' }
  t.match(light.device, { kind: 'light', state })
  light.hear('s', '{}')
  t.match(light.device, { state })
  t.same(light.sent({ brightness: 20 }), ['c on51'])
  t.same(light.sent({ color: '0A0000', effect: 'e', 'color-temp': 200 }), ['c on-10e200'])
  t.same(light.sent(false), ['c off!'])
  t.equal(light.facts.isConfirmable?.({ state: true, color: 'FF0000' }), true)
  light.hear('c', 'on')
  t.same(light.observed, [])
  const few = announced('light', {
    schema: 'template',
    stat_t: 's',
    cmd_t: 'c',
    stat_tpl: '{{ value }}',
  })
  few.hear('s', 'off')
  t.match(few.device, { state: { state: false } })
  t.equal(few.facts.isConfirmable?.({ brightness: 5 }), false)
  t.equal(announced('light', { schema: 'template', stat_t: 's' }).facts.ask, undefined)
  t.equal(announced('light', { schema: 'template', cmd_t: 'c' }).facts.isConfirmable?.({}), false)
})

t.test('a light with white beside its colour tells and takes the colour', async (t) => {
  for (const [name, whites] of [
    ['rgbw', ',0'],
    ['rgbww', ',0,0'],
  ] as const) {
    const light = announced('light', {
      ...{ ...basic, [`${name}_command_topic`]: 'rc', [`${name}_state_topic`]: 'rs' },
    })
    light.hear('rs', '255,128,0,10,20')
    t.match(light.device, { state: { color: 'FF8000' } })
    t.same(light.sent({ color: '00FF00' }), [`rc 0,255,0${whites}`, 'c ON'])
  }
})
