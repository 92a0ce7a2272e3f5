import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import {
  base32,
  createToken,
  createTokenOwners,
  digestOf,
  hasToken,
  isToken,
} from '../../src/access/tokens.ts'
import type { Token } from '../../src/access/user.ts'
import { changingDirectory, userNamed } from './changing-directory.ts'

const kept = (sha256: string): Token => ({ name: 'x', sha256, created: '2026-11-21T00:00:00Z' })

t.test('a token holds 160 bits in base32, and its digest is what is kept', async (t) => {
  const { token, sha256 } = createToken()
  t.match(token, /^ch_[a-z2-7]{32}$/)
  t.equal(sha256, createHash('sha256').update(token).digest('hex'))
  t.equal(digestOf(token), sha256)
  const all = Array.from({ length: 100 }, () => createToken().token)
  t.equal(new Set(all).size, 100)
  // 3,200 characters out of 32: that one of them never comes has a chance of 1 in 10^42.
  t.equal(new Set(all.flatMap((text) => [...text.slice(3)])).size, 32)
})

t.test('a token is known by its looks', async (t) => {
  t.ok(isToken(createToken().token))
  for (const text of ['', 'ch_', `ch_${'a'.repeat(31)}`, `ch_${'a'.repeat(33)}`]) {
    t.notOk(isToken(text), text)
  }
  t.notOk(isToken(`ch_${'A'.repeat(32)}`))
  t.notOk(isToken(`ch_${'1'.repeat(32)}`))
  t.notOk(isToken(`ch_${'a'.repeat(32)}\n`))
})

t.test('each of the tokens of a user is good, and no other', async (t) => {
  const [one, other, foreign] = [createToken(), createToken(), createToken()]
  const user = userNamed('node', { tokens: [kept('ab'), kept(one.sha256), kept(other.sha256)] })
  t.ok(hasToken(user, one.token))
  t.ok(hasToken(user, other.token))
  t.notOk(hasToken(user, foreign.token))
  t.notOk(hasToken(userNamed('node'), one.token))
})

t.test('the owner of a token is found without a name, as long as there is one', async (t) => {
  const { token, sha256 } = createToken()
  const node = userNamed('node', { tokens: [kept(sha256)] })
  const directory = changingDirectory(userNamed('clown'), node)
  const ownerOf = createTokenOwners(directory)
  t.equal(ownerOf(token), node)
  t.equal(ownerOf(createToken().token), undefined)
  directory.change(userNamed('clown'), userNamed('node'))
  t.equal(ownerOf(token), undefined)
  directory.change(node)
  t.equal(ownerOf(token), node)
})

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
