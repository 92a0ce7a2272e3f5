import fc from 'fast-check'
import t from 'tap'
import { Payload } from '../../src/core/payload.ts'

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
  const startMs = performance.now()
  t.equal(bomb.encoding, 'text')
  t.ok(performance.now() - startMs < 5)
  t.equal(bomb.bytes.length, 100_000)
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
