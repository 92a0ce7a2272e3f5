import t from 'tap'
import { reportResultOf } from '../../../src/nodes/commands/command-life.ts'

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
