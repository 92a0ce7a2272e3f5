import t from 'tap'
import { wled } from '../../src/profiles/wled.ts'
import { profileContract } from './contract.ts'
import { playTo } from './play.ts'

t.test('WLED', async (t) => profileContract(t, () => wled, { files: ['wled'] }))

function light() {
  const playing = playTo(wled)
  playing.hear('wled/x/status', 'online', true)
  return {
    ...playing,
    asked: (payload: unknown) =>
      playing.ask('wled/x', payload).map(({ topic, payload: sent }) => `${topic} ${sent}`),
    values: () => playing.devices.get('wled/x')?.values,
  }
}

t.test('it is told its colour and its brightness, or a word', async (t) => {
  const { asked } = light()
  t.same(asked({ color: '00FF00', brightness: 100 }), ['wled/x/col #00FF00', 'wled/x 255'])
  t.same(asked({ state: true, brightness: 50 }), ['wled/x 128'])
  t.same(asked({ state: false, brightness: 50 }), ['wled/x OFF'])
  t.throws(() => asked({ effect: 'x' }), { code: 'bad-payload', message: /got "effect"/ })
  t.throws(() => asked({}), { message: /got none/ })
})

t.test('off keeps the brightness that it had, and odd words say nothing', async (t) => {
  const { hear, values } = light()
  hear('wled/x/g', '255')
  hear('wled/x/g', '0')
  t.same(values(), { state: false, brightness: 100 })
  for (const odd of ['256', '-1', 'x']) hear('wled/x/g', odd)
  for (const odd of ['#12345', 'x']) hear('wled/x/c', odd)
  hear('wled/x/status', 'perhaps')
  t.same(values(), { state: false, brightness: 100 })
})

t.test('what others tell it is seen', async (t) => {
  const { hear, told } = light()
  for (const text of ['on', 'OFF', '128', 'T']) hear('wled/x', text)
  hear('wled/x/v', '<vs/>')
  const observed = told.flatMap((each) => (each.what === 'observed' ? [each.asked] : []))
  t.same(observed, [{ state: true }, { state: false }, { state: true, brightness: 50 }])
})
