import fc from 'fast-check'
import t from 'tap'
import { parseJson } from '../../src/core/parse-json.ts'

t.test('JSON says the same as text and as bytes in UTF-8', async (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      t.strictSame(parseJson(text), JSON.parse(text))
      t.strictSame(parseJson(Buffer.from(text)), JSON.parse(text))
    }),
  )
})

t.test('what is no JSON says nothing', async (t) => {
  for (const text of ['', '{', 'undefined', '{"a":1}{']) {
    t.equal(parseJson(text), undefined, text)
    t.equal(parseJson(Buffer.from(text)), undefined, text)
  }
  t.equal(parseJson(Buffer.from([0xff])), undefined)
})
