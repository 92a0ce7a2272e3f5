import t from 'tap'
import type { User } from '../../src/access/user.ts'
import { anonymousWarning, userWarnings } from '../../src/access/user-check.ts'

function userWith(given: Partial<User>): User {
  return { name: 'bob', rules: [], tokens: [], passwordHash: 'x', ...given }
}

t.test('an anonymous user who may do more than read is reported', async (t) => {
  const findingFor = (given: Partial<User>) =>
    anonymousWarning([userWith({ ...given, name: 'anonymous' })])
  t.equal(anonymousWarning([]), undefined)
  t.equal(findingFor({}), undefined)
  t.equal(findingFor({ role: 'viewer' }), undefined)
  t.equal(
    findingFor({ role: 'operator' }),
    'whoever reaches a port may write and command and retain: let the user anonymous read only',
  )
  t.match(
    findingFor({ rules: [{ allow: ['read', 'command'], topic: '{client}/#' }] }),
    /y command:/,
  )
  t.equal(anonymousWarning([userWith({ role: 'admin' })]), undefined)
})

t.test('users who cannot sign in, or do nothing, are reported', async (t) => {
  const token = { name: 'a', sha256: 'b', created: 'c' }
  const { passwordHash, ...without } = userWith({ role: 'viewer' })
  t.same(userWarnings([userWith({ role: 'viewer' }), { ...without, tokens: [token] }]), [])
  t.same(userWarnings([{ ...without, name: 'anonymous' }]), [])
  t.same(userWarnings([without]), ['bob has no password and no token: clown-hub user password bob'])
  t.same(userWarnings([userWith({ rules: [{ allow: [], topic: 'a' }] })]), [
    'bob may do nothing: give that user a role or rules',
  ])
  t.same(userWarnings([userWith({ name: 'anonymous', role: 'admin' })]), [
    'whoever reaches a port may write and command and retain: let the user anonymous read only',
  ])
})
