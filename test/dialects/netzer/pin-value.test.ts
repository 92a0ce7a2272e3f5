import t from 'tap'
import { type ModelRow, rowsOf } from '../../../src/dialects/model-table.ts'
import { readPin, writePin } from '../../../src/dialects/netzer/pin-value.ts'
import { seenDevice } from '../seen-device.ts'

const somebody = { isPresent: () => true }
const nobody = { isPresent: () => false }

function rowOf(kind: string): ModelRow {
  const [row] = rowsOf(kind)
  if (row === undefined) throw new Error(`no row of ${kind}`)
  return row
}

t.test('what is switched is 0 or 1', async (t) => {
  const relay = { row: rowOf('relay') }
  t.equal(readPin(relay, seenDevice({ value: { state: true } }), nobody), '1')
  t.equal(readPin(relay, seenDevice({ value: { state: false } }), nobody), '0')
  const led = { row: rowOf('led') }
  t.equal(readPin(led, seenDevice({ value: { state: '2-dot' } }), nobody), '1')
  t.equal(readPin(led, seenDevice({ value: { state: 'off' } }), nobody), '0')
  const pir = { row: rowOf('pir') }
  t.equal(readPin(pir, seenDevice({ value: { 'event-count': 3 } }), somebody), '1')
  t.equal(readPin(pir, seenDevice({ value: { 'event-count': 3 } }), nobody), '0')
})

t.test('what is measured is 0 to 1023 of its scale, and no more', async (t) => {
  const thermometer = { row: rowOf('thermometer'), scale: { lowest: -20, highest: 60 } }
  const read = (celsius: number) =>
    readPin(thermometer, seenDevice({ value: { temperature: [celsius, '℃'] } }), nobody)
  t.equal(read(-20), '0')
  t.equal(read(60), '1023')
  t.equal(read(20), '512')
  t.equal(read(-40), '0')
  t.equal(read(99), '1023')
  const unscaled = { row: rowOf('thermometer') }
  t.equal(readPin(unscaled, seenDevice({ value: { temperature: [1, '℃'] } }), nobody), undefined)
})

t.test('nothing is said of what is not known, and of a node that is gone', async (t) => {
  const relay = { row: rowOf('relay') }
  t.equal(readPin(relay, seenDevice({ value: undefined }), nobody), undefined)
  t.equal(readPin(relay, seenDevice({ value: { state: 'on' } }), nobody), undefined)
  const away = seenDevice({ value: { state: true }, online: false })
  t.equal(readPin(relay, away, nobody), undefined)
})

t.test('0 and 1 command what can be switched, and nothing else does', async (t) => {
  t.same(writePin({ row: rowOf('relay') }, '1'), { state: true })
  t.same(writePin({ row: rowOf('relay') }, '0'), { state: false })
  t.same(writePin({ row: rowOf('led') }, '1'), { state: 'on' })
  t.same(writePin({ row: rowOf('led') }, '0'), { state: 'off' })
  t.equal(writePin({ row: rowOf('relay') }, '2'), undefined)
  t.equal(writePin({ row: rowOf('thermometer') }, '1'), undefined)
  t.equal(writePin({ row: rowOf('display-oled') }, '1'), undefined)
})
