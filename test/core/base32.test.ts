import fc from 'fast-check'
import t from 'tap'
import { base32 } from '../../src/core/base32.ts'

t.test('bytes are written as RFC 4648, section 10, has them', async (t) => {
  const vectors = { '': '', f: 'my', fo: 'mzxq', foo: 'mzxw6', foob: 'mzxw6yq', fooba: 'mzxw6ytb' }
  for (const [text, expected] of Object.entries(vectors)) {
    t.equal(base32(Buffer.from(text)), expected)
  }
  t.equal(base32(Buffer.from('foobar')), 'mzxw6ytboi')
})

t.test('every bit of the bytes is in the text', async (t) => {
  const isRight = (bytes: Uint8Array) => {
    const bits = [...base32(bytes)].map((letter) =>
      'abcdefghijklmnopqrstuvwxyz234567'.indexOf(letter).toString(2).padStart(5, '0'),
    )
    const expected = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
    return bits.join('').startsWith(expected)
  }
  t.doesNotThrow(() => fc.assert(fc.property(fc.uint8Array(), isRight)))
})
