import t from 'tap'
import { createKeptSessions } from '../../src/bus/kept-sessions.ts'

const hourMs = 3_600_000

t.test('a session goes on until a clean one takes its place', async (t) => {
  const sessions = createKeptSessions({ limits: { count: 9, hours: 9 }, end: t.fail })
  t.teardown(sessions.close)
  const accept = (clientId: string, clean: boolean) => sessions.accept({ clientId, clean })
  t.notOk(accept('a', false))
  t.ok(accept('a', false))
  t.notOk(accept('b', false), 'each client has its own')
  t.notOk(accept('a', true))
  sessions.left('a')
  t.notOk(accept('a', false))
  t.ok(accept('a', false))
  t.notOk(accept('__proto__', false))
})

t.test('past the count the session ends whose client has been away for longest', async (t) => {
  const ended: string[] = []
  const end = (clientId: string) => ended.push(clientId)
  const sessions = createKeptSessions({ limits: { count: 2, hours: 24 }, end })
  t.teardown(sessions.close)
  const names = ['a', 'b', 'c', 'd']
  for (const clientId of names) sessions.accept({ clientId, clean: false })
  for (const clientId of ['b', 'a', 'b']) sessions.left(clientId)
  t.ok(sessions.accept({ clientId: 'a', clean: false }), 'who is back is not away')
  for (const clientId of ['c', 'd']) sessions.left(clientId)
  t.same(ended, ['b'])
  t.notOk(sessions.accept({ clientId: 'b', clean: false }))
})

t.test('a session ends when its client has been away for too long', async (t) => {
  const ended: string[] = []
  let nowMs = 0
  const sessions = createKeptSessions({
    limits: { count: 9, hours: 2 },
    end: (clientId) => ended.push(clientId),
    now: () => nowMs,
  })
  t.teardown(sessions.close)
  for (const clientId of ['a', 'b', 'c']) sessions.accept({ clientId, clean: false })
  sessions.left('a')
  nowMs = hourMs
  sessions.left('b')
  nowMs = 2 * hourMs
  sessions.left('c')
  t.same(ended, ['a'])
})
