import { readdirSync } from 'node:fs'
import t from 'tap'
import { modelTable, readQuantity, rowsOf } from '../../src/dialects/model-table.ts'
import { createDevices } from '../../src/simulator/simulated-node.ts'

t.test('every device of the simulated node has a row, which reads what it reports', async (t) => {
  for (const [name, device] of createDevices()) {
    const [kind = ''] = name.split('/')
    t.not(rowsOf(kind).length, 0, kind)
    for (const row of rowsOf(kind)) {
      t.not(readQuantity(row, device.reading()), undefined, `${kind} ${row.key}`)
    }
  }
})

t.test('every kind of Clown.Model that reports has a row, and no row is of another', async (t) => {
  const folder = new URL('../../schemas/clown-model/', import.meta.url)
  const kinds = readdirSync(folder)
    .map((file) => file.replace(/(-set)?\.schema\.json$/, ''))
    .filter((kind) => !/^(boot|clown-talk|config|sensor-get)/.test(kind))
  t.same([...new Set(modelTable.map(({ kind }) => kind))].sort(), [...new Set(kinds)].sort())
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
