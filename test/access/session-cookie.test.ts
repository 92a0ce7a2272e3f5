import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { cookieNameFor, sessionIdsIn } from '../../src/access/session-cookie.ts'

function requestWith(headers: IncomingMessage['headers']): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { headers })
}

function nameFor(host: string | undefined, isSecure = false, prefix = ''): string {
  return cookieNameFor(requestWith({ host }), isSecure, prefix)
}

t.test('the name of the cookie has the port that the browser asks, and the prefix', async (t) => {
  t.equal(nameFor('hub.local:8080'), 'hub_session_8080')
  t.equal(nameFor('[::1]:8081'), 'hub_session_8081')
  t.equal(nameFor('[::1]'), 'hub_session_80')
  t.equal(nameFor('hub.local'), 'hub_session_80')
  t.equal(nameFor(undefined), 'hub_session_80')
  t.equal(nameFor('hub.local', true), '__Host-hub_session_443')
  t.equal(nameFor('hub.local:8443', true, '/my/hub'), '__Host-hub_session_8443.my.hub')
})

t.test('a hub sees the sessions of its own name only, and all of them', async (t) => {
  const cookie = 'hub_session_80=a; hub_session_8080=b; x=y;hub_session_80=c'
  t.same(sessionIdsIn(requestWith({ cookie }), { cookieName: 'hub_session_80' }), ['a', 'c'])
  t.same(sessionIdsIn(requestWith({}), { cookieName: 'hub_session_80' }), [])
})
