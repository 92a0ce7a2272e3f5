import t from 'tap'
import { quantitiesIn } from '../../../src/nodes/history/quantities.ts'

/** What is found, as `quantity=value unit`. */
function told(value: unknown): string[] {
  return quantitiesIn(value).map(
    ({ quantity, value, unit = '' }) => `${quantity}=${value}${unit && ` ${unit}`}`,
  )
}

t.test('numbers and booleans of a report are found, with their units', async (t) => {
  t.same(told({ temperature: [20.5, '℃'], state: true, name: 'x' }), [
    'temperature=20.5 ℃',
    'state=true',
  ])
  t.same(told(-0), ['value=0'])
  t.same(told(false), ['value=false'])
  t.same(told([21, '℃']), ['value=21 ℃'])
  t.same(told({ energy: { power: [5, 'W'], total: 1e300 } }), [
    'energy.power=5 W',
    'energy.total=1e+300',
  ])
})

t.test('what is no number stays out', async (t) => {
  const none = [null, 'on', [], [1], [1, 2], [1, 2, 3], [1, '℃', 2], [1, 'u'.repeat(33)], [1, '\n']]
  for (const value of [...none, Number.POSITIVE_INFINITY, Number.NaN, {}]) {
    t.same(told(value), [], JSON.stringify(value))
    t.same(told({ a: value }), [])
  }
})

t.test('names that are too long or too deep, and more than 64 of them, are left out', async (t) => {
  t.same(told({ ['n'.repeat(128)]: 1 }).length, 1)
  t.same(told({ ['n'.repeat(129)]: 1, 'a\nb': 2, b: 3 }), ['b=3'])
  t.same(told({ a: { b: { c: { d: 1 } } } }), ['a.b.c.d=1'])
  t.same(told({ a: { b: { c: { d: { e: 1 } } } } }), [])
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`q${at}`, at]))
  t.equal(told(many).length, 64)
})
