import t from 'tap'
import { clientName, partsOf } from '../../src/bus/client-name.ts'

t.test('two users never share the name of a client', async (t) => {
  t.not(clientName('a', 'b:c'), clientName('a:b', 'x'))
  t.not(clientName('one', 'panel'), clientName('two', 'panel'))
  t.not(clientName('one', ''), clientName('one', ''), 'an empty id is nobody else’s')
})

t.test('a name can be taken apart', async (t) => {
  t.same(partsOf(clientName('one', 'a:b')), { user: 'one', clientId: 'a:b' })
})
