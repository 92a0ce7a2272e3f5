import t from 'tap'
import { noRights } from '../../src/access/rights.ts'
import type { User } from '../../src/access/user.ts'
import {
  answersTopic,
  clientName,
  createClients,
  partsOf,
  senderOf,
} from '../../src/mqtt/clients.ts'
import { changingDirectory } from '../access/changing-directory.ts'

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
  const directory = changingDirectory(one)
  return { directory, one, clients: createClients(directory) }
}

t.test('a client has the rights of its user, as they are now', async (t) => {
  const { directory, one, clients } = clientsOfOne()
  t.equal(clients.rightsOf('nobody:a'), undefined)
  t.ok(clients.rightsOf('one:a')?.mayRead('of/a'))
  t.notOk(clients.rightsOf('one:b')?.mayRead('of/a'))
  const { edition } = clients
  t.equal(clients.edition, edition)
  directory.change({ ...one, rules: [] })
  t.not(clients.edition, edition)
  t.notOk(clients.rightsOf('one:a')?.mayRead('of/a'))
})

t.test('an MQTT client is a sender with the rights it has now', async (t) => {
  const { clients } = clientsOfOne()
  const rights = clients.rightsOf('one:c1')
  const sender = senderOf('one:c1', '10.1.2.3', rights)
  t.same(sender, { user: 'one', clientId: 'c1', rights, address: '10.1.2.3', way: 'mqtt' })
  t.equal(sender.rights, rights)
  t.equal(senderOf('gone:c1', 'x').rights, noRights, 'users who are gone have none')
})

t.test(
  'a client may read where it is answered, and be answered where it may publish',
  async (t) => {
    const { directory, one, clients } = clientsOfOne()
    const rights = clients.rightsOf('one:a')
    t.ok(rights?.mayRead('answers/one/a'))
    t.ok(rights?.mayRead('answers/one/a/1'))
    t.notOk(rights?.mayRead('answers/one/ab'))
    t.ok(rights?.maySubscribe('answers/one/a/#').allowed)
    t.notOk(rights?.maySubscribe('answers/one/#').allowed)
    t.ok(rights?.mayBeAnswered('answers/one/a/x'))
    t.notOk(rights?.mayBeAnswered('elsewhere'))
    directory.change({ ...one, role: 'operator' })
    t.ok(clients.rightsOf('one:a')?.mayBeAnswered('elsewhere'))
    t.equal(answersTopic('one:a/b'), undefined, 'an id that is no level has no such topic')
    t.notOk(clients.rightsOf('one:a/b')?.mayBeAnswered('$SYS/x'))
  },
)
