import { performance } from 'node:perf_hooks'
import fc from 'fast-check'
import t from 'tap'
import { HubError } from '../../src/core/errors.ts'
import { elementTexts, fieldOf, isRecord, keepsJsonShape, parseJson } from '../../src/core/json.ts'

const wide = { depth: 100, keys: 1000, stringBytes: 100_000, arrayItems: 1000 }
const limits = { depth: 3, keys: 2, stringBytes: 4, arrayItems: 3 }

/** The sentence that refuses `text`, or undefined when its shape is taken. */
function refusalOf(text: string): string | undefined {
  try {
    elementTexts(text, limits)
    return undefined
  } catch (error) {
    return error instanceof HubError && error.code === 'bad-frame' ? error.message : 'defect'
  }
}

t.test('each limit is kept to the last one and names its rule past it', async (t) => {
  const rows: [taken: string, refused: string, sentence: string][] = [
    ['[[{}],[[]]]', '[[[[]]]]', 'expected at most 3 levels of nesting in JSON, got more'],
    [
      '{"a":{},"b":[]}',
      '{"a":1,"b":2,"c":3}',
      'expected objects of at most 2 keys in JSON, got more',
    ],
    ['[1,[1,2,3],3]', '[1,2,3,4]', 'expected arrays of at most 3 items in JSON, got more'],
    ['["abcd",""]', '["abcde"]', 'expected strings of at most 4 bytes in JSON, got more'],
  ]
  for (const [taken, refused, sentence] of rows) {
    t.equal(refusalOf(taken), undefined, taken)
    t.equal(refusalOf(refused), sentence, refused)
  }
})

t.test('strings are measured in UTF-8, keys too, escapes as they are written', async (t) => {
  t.equal(refusalOf('["čč","♥a","😀"]'), undefined)
  for (const text of ['"ččx"', '"♥ab"', '"😀a"', '{"abcde":1}', '"\\n\\n\\n"', '"\\u00e1"']) {
    t.match(refusalOf(text), /strings of at most 4 bytes/, text)
  }
  t.equal(refusalOf('["\\n\\"",1]'), undefined)
})

t.test('brackets and commas inside strings are no structure', async (t) => {
  t.equal(refusalOf('["[[[[",",,,,","]]}}"]'), undefined)
  t.equal(refusalOf('["\\\\",["\\"[["]]'), undefined)
})

t.test('what is no JSON is left to the parser', async (t) => {
  for (const text of ['', ']]]]', ',,,,', '"abc', '"ab\\', '{{{}']) {
    t.equal(refusalOf(text), undefined, text)
    t.throws(() => JSON.parse(text), SyntaxError)
  }
})

t.test('F12: 64 KiB of opening brackets cost less than 5 ms', async (t) => {
  const deep = '['.repeat(100_000)
  const long = `["a",${'[1],'.repeat(16_000)}1]`
  for (const text of [deep.slice(0, 65_536), deep, long, '{"a":'.repeat(13_000)]) {
    // The least of several: other work on the machine may come between.
    const tookMs = Array.from({ length: 10 }, () => {
      const startMs = performance.now()
      t.ok(refusalOf(text))
      return performance.now() - startMs
    })
    t.ok(Math.min(...tookMs) < 5)
  }
})

t.test('a shape can be asked for, too', async (t) => {
  t.ok(keepsJsonShape('[[{"a":"[[["}],[]]', limits))
  t.notOk(keepsJsonShape('[[{"a":[]}],[]]', limits))
})

t.test('any JSON is taken by limits as large as itself, and refused below its depth', async () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null
      ? 1 + Math.max(0, ...Object.values(value).map(depthOf))
      : 0
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(2), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      elementTexts(text, wide)
      const depth = depthOf(value)
      const keeps = (limit: number) => keepsJsonShape(text, { ...wide, depth: limit })
      return keeps(depth) && (depth === 0 || !keeps(depth - 1))
    }),
  )
})

t.test('the elements of an array are cut out unchanged', async (t) => {
  t.same(elementTexts('["a", {"n":[1.10,{}]} ,{"id":"x"}]', wide), [
    '"a"',
    '{"n":[1.10,{}]}',
    '{"id":"x"}',
  ])
})

t.test('brackets, commas and quotes inside strings are no structure', async (t) => {
  t.same(elementTexts('["[,a', wide), [], 'a string without an end, which the parser finds')
  t.same(elementTexts('["[,\\"]\\\\", "]"]', wide), ['"[,\\"]\\\\"', '"]"'])
})

t.test('the texts parse to the elements of any array', async () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { minLength: 1 }), fc.nat(3), (elements, indent) => {
      const texts = elementTexts(JSON.stringify(elements, null, indent), wide)
      return JSON.stringify(texts.map((text) => JSON.parse(text))) === JSON.stringify(elements)
    }),
  )
})

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
