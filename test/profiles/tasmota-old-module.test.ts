import t from 'tap'
import { tasmota } from '../../src/profiles/tasmota/tasmota.ts'
import { playTo } from './play.ts'

/** A module that has said no more than that it is there, and was waited for. */
function stranger(telemetry = 'tele/pump', retained: { topic: string; payload: string }[] = []) {
  const playing = playTo(tasmota, { retained })
  playing.hear(`${telemetry}/LWT`, 'Online', true)
  playing.clock.step(1000)
  return {
    ...playing,
    asked: () => {
      const sent = playing.told.flatMap((each) => (each.what === 'sent' ? [each.outgoing] : []))
      return sent.map(({ topic, payload }) => `${topic} ${payload}`)
    },
    answer: (topic: string, value: object) =>
      playing.hear(`stat/pump/${topic}`, JSON.stringify(value)),
    kinds: () => playing.shown().map(({ id, name, kind }) => `${id} ${kind} ${name}`),
  }
}

const network = { StatusNET: { Hostname: 'pump', Mac: '60:01:94:00:ab:01' } }

t.test('a module without discovery is asked what it is, and known by its address', async (t) => {
  const { asked, answer, kinds, hear, ask, isConfirmed, shown, told } = stranger()
  t.same(asked(), ['cmnd/pump/STATUS 0'])
  answer('STATUS', { Status: { FriendlyName: ['Pump'], DeviceName: 'Cellar', Power: 1 } })
  answer('STATUS2', { StatusFWR: { Version: '6.6.0' } })
  answer('STATUS5', network)
  answer('STATUS10', { StatusSNS: { Time: 'now', AM2301: { Temperature: 20.5 }, TempUnit: 'C' } })
  t.same(kinds(), [], 'not before it has said all')
  answer('STATUS11', { StatusSTS: { POWER: 'OFF', Wifi: { RSSI: 7 } } })
  t.same(kinds(), [
    '60019400AB01/relay/1 relay Pump',
    '60019400AB01/sensor/AM2301 sensor Cellar AM2301',
  ])
  hear('tele/pump/SENSOR', '{"AM2301":{"Temperature":21},"TempUnit":"C"}')
  t.match(shown(), [{}, { readings: { temperature: [21, '°C'] } }])
  const id = '60019400AB01/relay/1'
  t.same(ask(id, true), [{ topic: 'cmnd/pump/POWER', payload: 'ON' }])
  const from = told.length
  hear('stat/pump/RESULT', '{"POWER":"ON"}')
  t.ok(isConfirmed(id, true, from))
  hear('tele/pump/LWT', 'Offline', true)
  t.ok(shown().every(({ available }) => available === false))
})

t.test('one that answers all at once on turned topics has what it tells of', async (t) => {
  const { asked, hear, kinds } = stranger('pump/tele')
  t.same(
    asked(),
    ['cmnd/pump/STATUS 0'].map((line) => line.replace('cmnd/pump', 'pump/cmnd')),
  )
  const said = {
    ...network,
    Status: { FriendlyName: [] },
    StatusSTS: {
      POWER1: 'OFF',
      POWER2: 'OFF',
      POWER3: 'ON',
      POWER4: 'ON',
      Dimmer: 5,
      CT: 300,
      Color: 'FF00000000',
    },
    StatusSNS: { Shutter1: { Position: 100, Direction: 0 } },
  }
  hear('pump/stat/STATUS0', 'no JSON')
  hear('pump/stat/STATUS0', JSON.stringify(said))
  t.same(kinds(), [
    '60019400AB01/cover/1 cover pump',
    '60019400AB01/light/4 light pump 4',
    '60019400AB01/relay/3 relay pump 3',
  ])
})

t.test('a lamp is as it tells of itself', async (t) => {
  const keysOf = (state: object) => {
    const { answer, shown } = stranger()
    answer('STATUS5', network)
    answer('STATUS11', { StatusSTS: { POWER: 'ON', ...state } })
    answer('RESULT', { POWER: 'ON', ...state })
    return shown().map((each) => Object.keys(each.state ?? {}).sort())
  }
  t.same(keysOf({ Dimmer: 7 }), [['brightness', 'state']])
  t.same(keysOf({ Dimmer: 7, CT: 300 }), [['brightness', 'color-temp', 'state']])
  t.same(keysOf({ Dimmer: 7, Color: 'FF0000' }), [['brightness', 'color', 'state']])
})

t.test('one that answers nothing is known by its topic, until it says its address', async (t) => {
  const { kinds, hear, clock } = stranger()
  hear('tele/pump/STATE', '{"POWER":"OFF"}')
  t.same(kinds(), [], 'it may answer still')
  clock.step(10_000)
  hear('tele/pump/STATE', '{"POWER":"OFF"}')
  t.same(kinds(), ['pump/relay/1 relay pump'])
  const config = {
    ...{ mac: 'A4CF12B0C1D2', t: 'pump', ft: '%prefix%/%topic%/', tp: ['cmnd', 'stat', 'tele'] },
    ...{ rl: [1], ver: 1 },
  }
  hear('tasmota/discovery/A4CF12B0C1D2/config', JSON.stringify(config), true)
  t.same(kinds(), ['A4CF12B0C1D2/relay/1 relay pump'])
})

t.test('one that has nothing to tell of is none', async (t) => {
  const { kinds, answer, hear, clock } = stranger()
  clock.step(10_000)
  hear('tele/pump/INFO1', '{"Module":"Sonoff"}')
  answer('STATUS5', network)
  answer('STATUS11', { StatusSTS: { Uptime: 3 } })
  t.same(kinds(), [])
})

t.test('one that announces itself meanwhile is not asked', async (t) => {
  const { told, hear, clock, shown } = playTo(tasmota)
  const config = {
    ...{ mac: 'A4CF12B0C1D2', t: 'pump', ft: '%prefix%/%topic%/', tp: ['cmnd', 'stat', 'tele'] },
    ...{ rl: [1], ver: 1 },
  }
  hear('tele/pump/LWT', 'Online', true)
  hear('tasmota/discovery/A4CF12B0C1D2/config', JSON.stringify(config), true)
  hear('tele/pump/LWT', 'Online', true)
  clock.step(10_000)
  t.equal(shown().length, 1)
  t.notOk(told.some(({ what }) => what === 'sent'))
})

t.test('one that announces itself before it answers is there once', async (t) => {
  const { hear, answer, kinds } = stranger()
  const config = {
    ...{ mac: '60019400AB01', t: 'pump', ft: '%prefix%/%topic%/', tp: ['cmnd', 'stat', 'tele'] },
    ...{ rl: [1], dn: 'Cellar', ver: 1 },
  }
  hear('tasmota/discovery/60019400AB01/config', JSON.stringify(config), true)
  answer('STATUS5', network)
  answer('STATUS11', { StatusSTS: { POWER: 'ON' } })
  t.same(kinds(), ['60019400AB01/relay/1 relay Cellar'])
})

t.test('what is no module, or is away, is not asked', async (t) => {
  const { told, hear, clock } = playTo(tasmota)
  hear('tele/pump/LWT', 'Offline', true)
  hear('tele/other/LWT', 'connected', true)
  clock.step(10_000)
  t.same(told, [])
})
