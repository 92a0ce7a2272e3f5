import t from 'tap'
import {
  isSamePosition,
  offFor,
  reportResultOf,
  stateKey,
  switchOf,
} from '../../src/nodes/switch-state.ts'

const offs = ['off', 'OFF', 'Off', ' off ', '0', 'false', 'False', 0, -0, false]
const ons = ['on', 'ON', '1', 'true', 1, 50, true, 'TOGGLE', '3-dot']

t.test('off is off in whatever words and letters, bare or as a state', async (t) => {
  for (const state of offs) {
    t.equal(switchOf(state), 'off', JSON.stringify(state))
    t.equal(switchOf({ state, linkquality: 120 }), 'off', JSON.stringify({ state }))
    t.equal(stateKey(state), stateKey({ state: false }), 'and the same state')
  }
})

t.test('any other word or number is on', async (t) => {
  for (const state of ons) {
    t.equal(switchOf(state), 'on', JSON.stringify(state))
    t.equal(switchOf({ state }), 'on', JSON.stringify({ state }))
  }
})

t.test('what has no state says neither', async (t) => {
  for (const value of [null, '', ' ', {}, { brightness: 1 }, { state: null }, { state: {} }, []]) {
    t.equal(switchOf(value), undefined, JSON.stringify(value))
  }
})

t.test('a position is the same in other words, and a level is none', async (t) => {
  t.ok(isSamePosition(true, 'ON'))
  t.ok(isSamePosition('off', 0))
  t.notOk(isSamePosition('on', 'off'))
  t.notOk(isSamePosition(50, 50))
  t.notOk(isSamePosition({}, {}))
  t.equal(stateKey('on'), stateKey({ state: 'ON' }))
  t.not(stateKey(50), stateKey(true))
})

t.test('a device is turned off in the words it is turned on with', async (t) => {
  const pairs = [
    [{ state: true }, { state: false }],
    [{ state: 'on', colour: 1 }, { state: 'off' }],
    [{ state: 'ON' }, { state: 'OFF' }],
    [{ state: '3-dot' }, { state: 'off' }],
    [{ state: 7 }, { state: 0 }],
    ['ON', 'OFF'],
    ['On', 'Off'],
    ['true', 'false'],
    ['TRUE', 'FALSE'],
    ['1', '0'],
    [1, 0],
    [true, false],
  ] as const
  for (const [on, off] of pairs) {
    t.same(offFor(on), off, JSON.stringify(on))
    t.equal(switchOf(off), 'off')
  }
})

t.test('a report confirms a command when it has all that was asked for', async (t) => {
  t.equal(reportResultOf({ state: true }, { state: true }), 'as-asked')
  t.equal(reportResultOf({ state: true }, { state: true, power: 12 }), 'as-asked')
  t.equal(reportResultOf({ color: [1, 2] }, { color: [1, 2] }), 'as-asked')
  t.equal(reportResultOf('on', 'on'), 'as-asked')
})

t.test(
  'a switch position is the same in other words, and a bare word speaks of the state',
  async (t) => {
    t.equal(reportResultOf({ state: 'off' }, { state: 'OFF', linkquality: 80 }), 'as-asked')
    t.equal(reportResultOf({ state: true }, { state: 'ON' }), 'as-asked')
    t.equal(reportResultOf('ON', { state: 'ON', brightness: 3 }), 'as-asked')
    t.equal(reportResultOf('ON', { state: 'OFF' }), 'otherwise')
    t.equal(reportResultOf(1, { temperature: 20 }), undefined)
    t.equal(
      reportResultOf({ level: 'on' }, { level: 'ON' }),
      'otherwise',
      'other quantities are compared as they are',
    )
  },
)

t.test('a quantity is the same with its unit and without', async (t) => {
  t.equal(reportResultOf({ level: 50 }, { level: [50, '%'] }), 'as-asked')
  t.equal(reportResultOf({ level: 50 }, { level: [49, '%'] }), 'otherwise')
  t.equal(reportResultOf({ level: 50 }, { level: [50, 51] }), 'otherwise')
  t.equal(reportResultOf({ level: 50 }, { level: [50] }), 'otherwise')
})

t.test('a report of another state is a mismatch', async (t) => {
  t.equal(reportResultOf({ state: true }, { state: false }), 'otherwise')
  t.equal(reportResultOf({ state: true, level: 3 }, { level: 2 }), 'otherwise')
  t.equal(reportResultOf('on', 'off'), 'otherwise')
})

t.test('a report of something else, or of a part, says nothing', async (t) => {
  t.equal(reportResultOf({ state: true }, { power: 12 }), undefined)
  t.equal(reportResultOf({ state: true, level: 3 }, { state: true }), undefined)
  t.equal(reportResultOf({ state: true }, [true]), undefined)
  t.equal(reportResultOf({ state: true }, null), undefined)
  t.equal(reportResultOf({}, { state: true }), undefined)
  // No name of an object's own counts as told because every object inherits it.
  t.equal(reportResultOf({ constructor: 1 }, { state: true }), undefined)
})
