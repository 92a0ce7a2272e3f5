import { createHash } from 'node:crypto'
import t from 'tap'
import { createToken } from '../../src/access/tokens.ts'

t.test('a token has 160 random bits, and its digest is that of the whole', async (t) => {
  const { token, sha256 } = createToken()
  t.match(token, /^ch_[a-z2-7]{32}$/)
  t.equal(sha256, createHash('sha256').update(token).digest('hex'))
  t.not(createToken().token, token)
})
