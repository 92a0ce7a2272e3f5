import t from 'tap'
import { fieldOf, isRecord } from '../../src/core/record.ts'

t.test('an object of JSON is told from everything else', async (t) => {
  t.ok(isRecord({}))
  for (const value of [null, undefined, [], [{}], 'a', 1, true]) t.notOk(isRecord(value))
})

t.test('a field is one that was written into the object', async (t) => {
  t.equal(fieldOf({ state: false }, 'state'), false)
  t.equal(fieldOf(JSON.parse('{"__proto__":1}'), '__proto__'), 1)
  t.equal(fieldOf({}, 'constructor'), undefined)
  for (const value of [null, undefined, ['state'], 'state']) {
    t.equal(fieldOf(value, 'length'), undefined)
  }
})
