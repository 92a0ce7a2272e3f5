import { once } from 'node:events'
import { get } from 'node:http'
import t from 'tap'
import type { SignedOut } from '../../src/access/secrets.ts'
import { asAdmin, createAsUser } from '../../src/api/as-user.ts'
import { userNamed } from '../access/changing-directory.ts'
import { startedHttpServer } from '../started-http-server.ts'

const sampledLog = { warn: () => {} }

t.test(
  'an answer that goes on ends with the session of who gets it, and a whole one is told',
  async (t) => {
    const ends = new Set<(why: SignedOut) => void>()
    const until = (ended: (why: SignedOut) => void) => {
      ends.add(ended)
      return () => ends.delete(ended)
    }
    const asUser = createAsUser(async () => ({ user: userNamed('clown'), until }), { sampledLog })
    const signOut = () => {
      for (const end of ends) end('signed-out')
    }
    const { port } = await startedHttpServer(t, {
      routeOf: (path) => ({
        get: (exchange) =>
          asUser(exchange, () => {
            const { response } = exchange
            if (path === '/long') response.write('a line\n')
            else {
              signOut()
              response.end('signed out\n')
            }
          }),
      }),
    })
    const asked = get(`http://127.0.0.1:${port}/long`)
    const [response] = await once(asked, 'response')
    const ended = new Promise((resolve) => response.once('close', resolve))
    response.on('error', () => {}).resume()
    const whole = await fetch(`http://127.0.0.1:${port}/logout-everywhere`)
    t.equal(await whole.text(), 'signed out\n')
    await ended
    t.notOk(response.complete)
  },
)

t.test('a user without the role is refused, and the security log hears of it', async (t) => {
  const heard: unknown[] = []
  const warn = (kind: string, fields: object) => heard.push({ kind, ...fields })
  const asUser = createAsUser(async () => ({ user: userNamed('clown') }), {
    sampledLog: { warn },
    clientAddress: () => '192.0.2.7',
  })
  const { port } = await startedHttpServer(t, {
    routeOf: () => ({ get: (exchange) => asAdmin(asUser, exchange, () => t.fail()) }),
  })
  const answer = await fetch(`http://127.0.0.1:${port}/api/bans?secret=1`)
  t.equal(answer.status, 403)
  const message = 'expected a user of role admin, got role none'
  t.same(await answer.json(), { code: 'forbidden', message })
  const fields = { user: 'clown', address: '192.0.2.7', way: 'http', path: '/api/bans' }
  t.same(heard, [{ kind: 'right-missing', ...fields }])
})
