import t from 'tap'
import { parseBasic } from '../../src/access/basic.ts'

const header = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

t.test('user and password are split at the first colon and read as UTF-8', async (t) => {
  t.same(parseBasic(header('clown:bigclown')), { user: 'clown', password: 'bigclown' })
  t.same(parseBasic(header('klaun:velký:klaun')), { user: 'klaun', password: 'velký:klaun' })
  t.same(parseBasic(header(':')), { user: '', password: '' })
})

t.test('anything else is no credentials', async (t) => {
  for (const other of [undefined, '', 'Basic', 'Bearer abc', header('clown'), 'Basic !!!']) {
    t.equal(parseBasic(other), undefined, String(other))
  }
})
