import fc from 'fast-check'
import t from 'tap'
import { elementTexts } from '../../src/core/json-array.ts'

t.test('the elements of an array are cut out unchanged', async (t) => {
  t.same(elementTexts('["a", {"n":[1.10,{}]} ,{"id":"x"}]'), [
    '"a"',
    '{"n":[1.10,{}]}',
    '{"id":"x"}',
  ])
})

t.test('brackets, commas and quotes inside strings are no structure', async (t) => {
  t.same(elementTexts('["[,\\"]\\\\", "]"]'), ['"[,\\"]\\\\"', '"]"'])
})

t.test('the texts parse to the elements of any array', async () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { minLength: 1 }), fc.nat(3), (elements, indent) => {
      const texts = elementTexts(JSON.stringify(elements, null, indent))
      return JSON.stringify(texts.map((text) => JSON.parse(text))) === JSON.stringify(elements)
    }),
  )
})
