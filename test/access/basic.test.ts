import t from 'tap'
import { parseBasic } from '../../src/access/basic.ts'

const header = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

t.test('user and password are split at the first colon and read as UTF-8', async (t) => {
  t.same(parseBasic(header('clown:bigclown')), { user: 'clown', password: 'bigclown' })
  t.same(parseBasic(header('klaun:velký:klaun')), { user: 'klaun', password: 'velký:klaun' })
  t.same(parseBasic(header(':')), { user: '', password: '' })
})

t.test('F11: bytes that are not UTF-8 are no credentials', async (t) => {
  for (const text of ['clown\xff:a', 'clown:a\xc0\xaf', 'clown:\xed\xa0\x80']) {
    const bytes = Buffer.from(text, 'latin1')
    t.equal(parseBasic(`Basic ${bytes.toString('base64')}`), undefined)
  }
})

t.test('anything else is no credentials', async (t) => {
  for (const other of [undefined, '', 'Basic', 'Bearer abc', header('clown'), 'Basic !!!']) {
    t.equal(parseBasic(other), undefined, String(other))
  }
})
