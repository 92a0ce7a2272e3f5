import { readdirSync } from 'node:fs'
import t from 'tap'
import { askFor, isOn, readQuantity } from '../../src/dialects/model-row.ts'
import { modelTable, rowsFor, rowsOf } from '../../src/dialects/model-table.ts'
import { isDeviceKind } from '../../src/nodes/profiles/kinds.ts'
import { openNode } from '../simulator/opened-node.ts'

t.test('every device of the simulated node has a row, which reads what it reports', async (t) => {
  const { node, heard } = openNode({ base: '' })
  node.announce()
  const [, ...reports] = heard()
  t.not(reports.length, 0)
  for (const [topic, report] of reports) {
    const [kind = ''] = String(topic).split('/')
    t.not(rowsOf(kind).length, 0, kind)
    for (const row of rowsOf(kind)) {
      t.not(readQuantity(row, report), undefined, `${kind} ${row.key}`)
    }
  }
})

t.test('every kind of Clown.Model that reports has a row, and no row is of another', async (t) => {
  const folder = new URL('../../schemas/clown-model/', import.meta.url)
  const kinds = readdirSync(folder)
    .map((file) => file.replace(/(-set)?\.schema\.json$/, ''))
    .filter((kind) => !/^(boot|clown-talk|config|sensor-get)/.test(kind))
  const known = new Set(modelTable.map(({ kind }) => kind))
  for (const kind of kinds) t.ok(known.has(kind), kind)
  // Those of conventions of hardware, and what any device may tell.
  const others = [...known].filter((kind) => !kinds.includes(kind))
  t.same(
    others.filter((kind) => kind !== '' && !isDeviceKind(kind)),
    [],
  )
})

t.test('no two rows of a device have the same slot', async (t) => {
  const slots = modelTable.map(({ slot }) => slot)
  t.equal(new Set(slots).size, slots.length)
  // As many as the ids of Jeedom have room for, with the actions of each.
  t.ok(slots.every((slot) => slot > 0 && slot < 512))
  t.ok(modelTable.every(({ jeedom: { actions = [] } }) => actions.length < 8))
})

t.test('a device has what its kind has, and what it tells besides', async (t) => {
  const keys = (kind: string, report: object) =>
    rowsFor({ kind, keys: new Set(Object.keys(report)) }).map(({ key }) => key)
  t.same(keys('light', {}), ['state'])
  t.same(keys('light', { state: true, brightness: 50, color: 'FF0000', linkquality: [9, 'lqi'] }), [
    'state',
    'brightness',
    'color',
  ])
  t.same(keys('relay', { state: true, energy: [5, 'Wh'], power: [41.7, 'W'] }), [
    'state',
    'power',
    'energy',
  ])
  t.same(keys('thermometer', { temperature: [5, '℃'] }), ['temperature'], 'once')
  t.same(keys('binary-sensor', { state: true, door: [true, null] }), ['door'])
  t.same(keys('binary-sensor', { state: true }), ['state'])
  t.same(keys('sensor', { humidity: [40, '%'], temperature: [21, '°C'] }), [
    'temperature',
    'humidity',
  ])
  t.same(keys('event', { event: 'single' }), ['event'])
  const wet = (kind: string) => rowsFor({ kind, keys: new Set(['moisture']) })
  t.match(wet('sensor'), [{ form: 'measured', unit: '%' }])
  t.match(wet('binary-sensor'), [{ form: 'switch' }])
})

t.test(
  'what is told in another unit is converted, and whatever nobody knows is as it is',
  async (t) => {
    const read = (kind: string, report: Record<string, unknown>) =>
      rowsFor({ kind, keys: new Set(Object.keys(report)) }).map((row) => readQuantity(row, report))
    t.same(read('sensor', { temperature: [212, '°F'] }), [100])
    t.same(read('sensor', { pressure: [101_325, 'Pa'], power: [1.5, 'kW'] }), [101.325, 1500])
    t.same(read('sensor', { energy: [2, 'kWh'], battery: [90, '%'] }), [2000, 90])
    t.same(read('sensor', { temperature: [null, '°C'], power: [5, 'horses'] }), [undefined, 5])
    t.same(read('binary-sensor', { door: [true, null], window: true }), [true, true])
    t.same(read('cover', { state: 'opening', position: 40, tilt: 'x' }), ['opening', 40, undefined])
    t.same(read('button', { press: 1 }), [undefined])
  },
)

t.test('words and numbers mean on or off, and are asked for by words', async (t) => {
  const row = (kind: string, key = 'state') => {
    const found = rowsOf(kind).find((one) => one.key === key)
    if (found === undefined) throw new Error(`expected a row for ${kind}`)
    return found
  }
  t.equal(isOn(row('lock'), 'locked'), true)
  t.equal(isOn(row('lock'), 'unlocking'), false)
  t.equal(isOn(row('cover'), 'stopped'), true)
  t.equal(isOn(row('cover'), 'closed'), false)
  t.equal(isOn(row('led'), '2-dot'), true)
  t.equal(isOn(row('light', 'brightness'), 0), false)
  t.same([askFor(row('lock'), true), askFor(row('lock'), false)], ['lock', 'unlock'])
  t.same([askFor(row('cover'), true), askFor(row('cover'), false)], ['open', 'close'])
  t.same([askFor(row('led'), true), askFor(row('led'), false)], ['on', 'off'])
  t.same([askFor(row('fan'), true), askFor(row('fan'), false)], [true, false])
  t.equal(askFor(row('binary-sensor'), true), undefined)
  t.equal(askFor(row('light', 'brightness'), true), undefined)
})

t.test('what makes no sense is as if nothing were known', async (t) => {
  const [thermometer] = rowsOf('thermometer')
  const [relay] = rowsOf('relay')
  const [led] = rowsOf('led')
  const [pir] = rowsOf('pir')
  t.ok(thermometer && relay && led && pir)
  if (!thermometer || !relay || !led || !pir) return
  for (const report of [undefined, null, 5, [], {}, { temperature: 5 }, { temperature: ['5'] }]) {
    t.equal(readQuantity(thermometer, report), undefined, JSON.stringify(report))
  }
  t.equal(readQuantity(thermometer, { temperature: [5, '℃'] }), 5)
  t.equal(readQuantity(relay, { state: 'on' }), undefined)
  t.equal(readQuantity(led, { state: true }), undefined)
  t.equal(readQuantity(pir, { 'event-count': Number.NaN }), undefined)
})
