import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Payload } from '../../../src/core/payload.ts'
import {
  checkHistoryFilters,
  createRecorder,
  quantitiesIn,
  type Recorded,
} from '../../../src/nodes/history/recorder.ts'

const message = {
  topic: 'n/a/0',
  payload: Payload.ofJson('{"value":1}', { value: 1 }),
  qos: 0,
  retain: false,
} as const

t.test('who follows hears of what is not recorded, too', async (t) => {
  const added: unknown[] = []
  const recorder = createRecorder({
    history: {
      add: ({ at, value }) => {
        added.push([at, value])
        return undefined
      },
      promise: () => added.push('promised'),
    },
  })
  recorder.record(message, { isRecorded: false }, 1)
  t.equal(recorder.isFollowed, false)
  const heard: Recorded[] = []
  const stop = recorder.follow((recorded) => heard.push(recorded))
  t.equal(recorder.isFollowed, true)
  recorder.record(message, { isRecorded: false }, 2.6)
  recorder.record({ ...message, qos: 1 }, { isRecorded: true }, -5)
  t.match(heard, [
    { at: 3, quantities: { length: 0 } },
    { at: 0, quantities: { length: 1 } },
  ])
  t.same(added, [[0, 1], 'promised'])
  stop()
  recorder.record(message, { isRecorded: true }, 7)
  t.equal(heard.length, 2)
})

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

t.test('a dot in a name is not one between two names, nor is a bare value a field', async (t) => {
  t.same(told({ 'a.b': 1, a: { b: 2 } }), ['a\\.b=1', 'a.b=2'])
  t.same(told({ value: 5 }), ['\\value=5'])
  t.same(told({ '\\value': 5, a: { value: 6 }, 'a\\.b': 7 }), [
    '\\\\value=5',
    'a.value=6',
    'a\\\\\\.b=7',
  ])
  t.same(
    quantitiesIn({ value: 1, 'a.b': true, c: { 'd.e': 2 }, f: { g: 3 } }).map(
      ({ formerly }) => formerly,
    ),
    ['value', 'a.b', 'c.d.e', undefined],
  )
  t.same(told([5, '']), ['value=5'], 'no unit')
  t.equal(told({ ['.'.repeat(128)]: 1 }).length, 1, 'what is escaped does not count')
})

/** The fields on the way to a value. */
const paths = fc.array(fc.string({ unit: fc.constantFrom(...'ab.\\', 'value'), maxLength: 4 }), {
  maxLength: 4,
})

t.test('no two places in a report have the same name', async () => {
  const nameOf = (path: readonly string[]) => {
    const report = path.reduceRight<unknown>((value, key) => ({ [key]: value }), 1)
    return quantitiesIn(report)[0]?.quantity
  }
  fc.assert(
    fc.property(paths, paths, (one, other) => {
      const isSame = JSON.stringify(one) === JSON.stringify(other)
      assert.equal(nameOf(one) === nameOf(other), isSame)
    }),
    { numRuns: 2000 },
  )
})

t.test('a filter that is none is named', async (t) => {
  checkHistoryFilters({ record: ['#', 'a/+'], ignore: ['b/#'] }, '')
  t.throws(() => checkHistoryFilters({ record: ['#'], ignore: ['b', 'a/#/b'] }, 'hub.yaml: '), {
    code: 'bad-config',
    message: /^hub\.yaml: expected history\.ignore\.1 to be a filter, got "a\/#\/b": expected /,
  })
})
