import { pino } from 'pino'
import t from 'tap'
import { anonymousIn } from '../../src/access/anonymous.ts'
import type { User } from '../../src/access/user.ts'
import { openUserDirectory } from '../../src/access/user-directory.ts'

const log = pino({ level: 'silent' })

function anonymousAmong(...inline: User[]): User | undefined {
  return anonymousIn(openUserDirectory({ inline, file: undefined, log }))
}

t.test('anonymous is who has neither password nor token, under that name only', async (t) => {
  const anonymous: User = { name: 'anonymous', rules: [], tokens: [] }
  const token = { name: 'x', sha256: 'a'.repeat(64), created: '2026-11-21T00:00:00Z' }
  t.equal(anonymousAmong(anonymous), anonymous)
  t.equal(anonymousAmong({ ...anonymous, name: 'other' }), undefined)
  t.equal(anonymousAmong({ ...anonymous, passwordHash: 'x' }), undefined)
  t.equal(anonymousAmong({ ...anonymous, tokens: [token] }), undefined)
})
