import t from 'tap'
import { hardwario } from '../../src/profiles/hardwario.ts'
import { profileContract } from './contract.ts'
import { playTo } from './play.ts'

t.test('HARDWARIO TOWER', async (t) =>
  profileContract(t, () => hardwario, { files: ['hardwario'] }),
)

t.test('a relay pulses, which no report confirms, and is asked for its state', async (t) => {
  const playing = playTo(hardwario)
  playing.hear('node/a/relay/-/state', 'null')
  const facts = playing.devices.get('a/relay/-')?.facts
  t.same(playing.shown()[0]?.state, { state: null })
  const pulse = { topic: 'node/a/relay/-/pulse/set', payload: '{"duration":500,"direction":true}' }
  t.same(playing.ask('a/relay/-', { pulse: 500 }), [pulse])
  t.equal(facts?.isConfirmable?.({ state: true, pulse: 500 }), false)
  t.equal(facts?.isConfirmable?.({ state: true }), true)
  t.match(facts?.question?.(), [{ topic: 'node/a/relay/-/state/get', payload: '' }])
  t.throws(() => playing.ask('a/relay/-', { brightness: 1 }), {
    code: 'bad-payload',
    message: 'expected state, pulse, got "brightness"',
  })
  t.throws(() => playing.ask('a/relay/-', {}), { message: 'expected state, pulse, got none' })
})

t.test("an LED is told in the words of Clown.Model's", async (t) => {
  const playing = playTo(hardwario)
  playing.hear('node/a/led/-/state', 'true')
  t.match(playing.shown(), [{ kind: 'led', state: { state: 'on' } }])
  const topic = 'node/a/led/-/state/set'
  t.same(playing.ask('a/led/-', 'on'), [{ topic, payload: 'true' }])
  t.same(playing.ask('a/led/-', 'off'), [{ topic, payload: 'false' }])
  playing.hear('node/a/led/-/state', 'false')
  t.match(playing.shown(), [{ state: { state: 'off' } }])
})

t.test('what others command is observed, of devices that are known', async (t) => {
  const { hear, told } = playTo(hardwario)
  hear('node/a/relay/-/state/set', 'true')
  hear('node/a/relay/-/state', 'false')
  hear('node/a/relay/-/state/set', 'true')
  hear('node/a/relay/-/state/set', '"toggle"')
  hear('node/a/relay/-/state/get', '')
  t.same(
    told.filter(({ what }) => what === 'observed'),
    [{ what: 'observed', id: 'a/relay/-', asked: { state: true } }],
  )
})

t.test('what was known before the start can be commanded at once', async (t) => {
  const playing = playTo(hardwario, {
    known: [
      { node: 'a', kind: 'relay' },
      { node: 'a', kind: 'climate', part: 'x' },
    ],
  })
  t.match(playing.shown(), [{ id: 'a/relay/-', available: null }])
  t.same(playing.ask('a/relay/-', true), [{ topic: 'node/a/relay/-/state/set', payload: 'true' }])
  playing.hear('gateway/usb/detach', '"unknown"')
  t.equal(playing.shown().length, 1)
})
