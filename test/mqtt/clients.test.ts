import t from 'tap'
import { noRights } from '../../src/access/rights.ts'
import type { User } from '../../src/access/user.ts'
import { answersTopic, clientName, createClients, partsOf } from '../../src/mqtt/clients.ts'

t.test('two users never share the name of a client', async (t) => {
  t.not(clientName('a', 'b:c'), clientName('a:b', 'x'))
  t.not(clientName('one', 'panel'), clientName('two', 'panel'))
  t.not(clientName('one', ''), clientName('one', ''), 'an empty id is nobody else’s')
})

t.test('a name can be taken apart', async (t) => {
  t.same(partsOf(clientName('one', 'a:b')), { user: 'one', clientId: 'a:b' })
})

/** Clients of the user `one`, who may read what the id of each names. */
function clientsOfOne() {
  const rule = { allow: ['read' as const], topic: 'of/{client}' }
  const one: User = { name: 'one', rules: [rule], tokens: [] }
  const users = new Map([[one.name, one]])
  return { users, one, clients: createClients({ find: (name) => users.get(name) }) }
}

t.test('a client has the rights of its user, as they are now', async (t) => {
  const { users, one, clients } = clientsOfOne()
  t.equal(clients.rightsOf('nobody:a'), undefined)
  t.notOk(clients.mayRead('nobody:a', 'of/a'))
  t.ok(clients.mayRead('one:a', 'of/a'))
  t.notOk(clients.mayRead('one:b', 'of/a'))
  t.equal(clients.rightsOf('one:a'), clients.rightsOf('one:a'), 'looked up once')
  const before = clients.rightsOf('one:a')
  clients.forget('one:a')
  t.not(clients.rightsOf('one:a'), before)
  users.set(one.name, { ...one, rules: [] })
  t.notOk(clients.mayRead('one:a', 'of/a'))
})

t.test('an MQTT client is a sender with the rights it has now', async (t) => {
  const { clients } = clientsOfOne()
  const sender = clients.senderOf('one:c1', '10.1.2.3')
  const rights = clients.rightsOf('one:c1')
  t.same(sender, { user: 'one', clientId: 'c1', rights, address: '10.1.2.3', way: 'mqtt' })
  t.equal(sender.rights, rights)
  t.equal(clients.senderOf('gone:c1', 'x').rights, noRights, 'users who are gone have none')
})

t.test(
  'a client may read where it is answered, and be answered where it may publish',
  async (t) => {
    const { users, one, clients } = clientsOfOne()
    const rights = clients.rightsOf('one:a')
    t.ok(rights?.mayRead('answers/one/a'))
    t.ok(rights?.mayRead('answers/one/a/1'))
    t.notOk(rights?.mayRead('answers/one/ab'))
    t.ok(rights?.maySubscribe('answers/one/a/#').allowed)
    t.notOk(rights?.maySubscribe('answers/one/#').allowed)
    t.ok(rights?.mayBeAnswered('answers/one/a/x'))
    t.notOk(rights?.mayBeAnswered('elsewhere'))
    users.set(one.name, { ...one, role: 'operator' })
    t.ok(clients.rightsOf('one:a')?.mayBeAnswered('elsewhere'))
    t.equal(answersTopic('one:a/b'), undefined, 'an id that is no level has no such topic')
    t.notOk(clients.rightsOf('one:a/b')?.mayBeAnswered('$SYS/x'))
  },
)
