import t from 'tap'
import type { User } from '../../src/access/user.ts'
import { createClientRights } from '../../src/bus/client-rights.ts'

t.test('a client has the rights of its user, as they are now', async (t) => {
  const rule = { allow: ['read' as const], topic: 'of/{client}' }
  const one: User = { name: 'one', rules: [rule], tokens: [] }
  const users = new Map([[one.name, one]])
  const rights = createClientRights({ find: (name) => users.get(name) })
  t.equal(rights.of('nobody:a'), undefined)
  t.ok(rights.of('one:a')?.mayRead('of/a'))
  t.notOk(rights.of('one:b')?.mayRead('of/a'))
  t.equal(rights.of('one:a'), rights.of('one:a'), 'looked up once')
  const before = rights.of('one:a')
  rights.forget('one:a')
  t.not(rights.of('one:a'), before)
  users.set(one.name, { ...one, rules: [] })
  t.notOk(rights.of('one:a')?.mayRead('of/a'))
})
