import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { Payload, utf8Text } from '../../src/core/payload.ts'

const decode = (bytes: string | Buffer) => {
  const { encoding, jsonText, value } = new Payload(Buffer.from(bytes))
  return { encoding, jsonText, value }
}

t.test('JSON stays the text it was', async (t) => {
  t.same(decode('{"temperature":[20.10,"℃"]}'), {
    encoding: 'json',
    jsonText: '{"temperature":[20.10,"℃"]}',
    value: { temperature: [20.1, '℃'] },
  })
})

t.test('JSON with line breaks is put on one line', async (t) => {
  t.equal(decode('{\r\n"a":\n"b\\n"}').jsonText, '{  "a": "b\\n"}')
})

t.test('an empty payload is null', async (t) => {
  t.same(decode(''), { encoding: 'json', jsonText: 'null', value: null })
})

t.test('text that is not JSON is a JSON string', async (t) => {
  t.same(decode('hello "you"'), {
    encoding: 'text',
    jsonText: '"hello \\"you\\""',
    value: 'hello "you"',
  })
})

t.test('F12: JSON deeper than any limit is told as text, and its bytes stay', async (t) => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  t.equal(decode(nested(32)).encoding, 'json')
  t.same(decode(nested(33)), {
    encoding: 'text',
    jsonText: `"${nested(33)}"`,
    value: nested(33),
  })
  const bomb = new Payload(Buffer.from('['.repeat(100_000)))
  t.equal(bomb.encoding, 'text')
  t.equal(bomb.bytes.length, 100_000)
})

t.test('JSON past the limits is told as text, whichever it is past', async (t) => {
  const limits = { depth: 2, keys: 2, stringBytes: 4, arrayItems: 2 }
  const encodingOf = (text: string) => new Payload(Buffer.from(text), limits).encoding
  for (const text of ['[[1]]', '{"a":1,"b":2}', '"abcd"', '[1,2]']) {
    t.equal(encodingOf(text), 'json', text)
  }
  for (const text of ['[[[1]]]', '{"a":1,"b":2,"c":3}', '"abcde"', '[1,2,3]']) {
    t.equal(encodingOf(text), 'text', text)
  }
})

t.test('without limits the ceilings of the configuration hold', async (t) => {
  const schema = JSON.parse(readFileSync('schemas/config.schema.json', 'utf8'))
  const { keys, arrayItems } = schema.properties.limits.properties.json.properties
  const object = (count: number) =>
    JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, at) => [at, at])))
  const array = (count: number) => JSON.stringify(Array.from({ length: count }, () => 0))
  t.equal(decode(object(keys.maximum)).encoding, 'json')
  t.equal(decode(object(keys.maximum + 1)).encoding, 'text')
  t.equal(decode(array(arrayItems.maximum)).encoding, 'json')
  t.equal(decode(array(arrayItems.maximum + 1)).encoding, 'text')
})

t.test('a byte order mark is kept as text', async (t) => {
  t.same(decode('\ufeff{}').encoding, 'text')
})

t.test('bytes that are not UTF-8 are base64', async (t) => {
  t.same(decode(Buffer.from([0xff, 0x00])), {
    encoding: 'base64',
    jsonText: '"/wA="',
    value: '/wA=',
  })
})

t.test('JSON that was parsed already is not parsed again', async (t) => {
  const value = { state: true }
  const payload = Payload.ofJson('{"state":\ntrue}', value)
  t.equal(payload.value, value)
  t.equal(payload.jsonText, '{"state": true}')
  t.equal(String(payload.bytes), '{"state":\ntrue}')
})

t.test('any bytes give JSON on one line, decoded once', async () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const payload = new Payload(Buffer.from(bytes))
      return (
        !/[\r\n]/.test(payload.jsonText) &&
        JSON.stringify(JSON.parse(payload.jsonText)) === JSON.stringify(payload.value)
      )
    }),
  )
})

t.test('bytes in UTF-8 are a text, and nothing of it is left out', async (t) => {
  for (const text of ['', 'a', '℃🔧é', '\ufeffa', 'a\u0000']) {
    t.equal(utf8Text(Buffer.from(text)), text)
  }
})

t.test('other bytes are none', async (t) => {
  const others = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x84]]
  for (const bytes of others) t.equal(utf8Text(Buffer.from(bytes)), undefined)
})
