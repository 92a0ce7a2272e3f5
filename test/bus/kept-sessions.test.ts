import t from 'tap'
import { createKeptSessions } from '../../src/bus/kept-sessions.ts'

t.test('a session goes on until a clean one takes its place', async (t) => {
  const sessions = createKeptSessions()
  const accept = (clientId: string, clean: boolean) => sessions.accept({ clientId, clean })
  t.notOk(accept('a', false))
  t.ok(accept('a', false))
  t.notOk(accept('b', false), 'each client has its own')
  t.notOk(accept('a', true))
  t.notOk(accept('a', false))
  t.ok(accept('a', false))
  t.notOk(accept('__proto__', false))
})
