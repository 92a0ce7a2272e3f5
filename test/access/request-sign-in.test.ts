import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { hashPassword } from '../../src/access/passwords.ts'
import { cookieNameFor, sessionIdsIn, ticketIn } from '../../src/access/request-sign-in.ts'
import { createToken } from '../../src/access/tokens.ts'
import { basic, startedSignIn } from '../started-sign-in.ts'
import { userNamed } from './changing-directory.ts'

const { token, sha256 } = createToken()
const clown = userNamed('clown', { passwordHash: await hashPassword('bigclown') })
const other = userNamed('other', {
  tokens: [{ name: 'x', sha256, created: '2026-11-21T00:00:00Z' }],
})
const anonymous = userNamed('anonymous')

/** Who a request with these headers would be, by name, or why it is refused. */
async function who(url: string, headers: Record<string, string> = {}, query = '') {
  const response = await fetch(`${url}/who${query}`, { headers })
  const result = JSON.parse(await response.text())
  return result.user?.name ?? result.refused
}

const offer = (ticket: string) => ({
  'Sec-WebSocket-Protocol': `clown.talk.v1, clown.ticket.${ticket}`,
})

t.test('a user is told by HTTP Basic, a cookie or a ticket', async (t) => {
  const { url, sessions, tickets } = await startedSignIn(t, [clown, other])
  t.equal(await who(url, basic('clown', 'bigclown')), 'clown')
  t.equal(await who(url, basic('other', token)), 'other')
  t.equal(await who(url, { Cookie: `a=b; hub_session=${sessions.start(clown)}` }), 'clown')
  t.equal(await who(url, offer(tickets.issue(clown))), 'clown')
  t.equal(await who(url), 'nobody')
})

t.test('HTTP Basic comes first, then the cookie, then the ticket', async (t) => {
  const { url, sessions, tickets } = await startedSignIn(t, [clown, other])
  const ticket = tickets.issue(other)
  const cookie = { Cookie: `hub_session=${sessions.start(clown)}` }
  t.equal(await who(url, { ...basic('other', token), ...cookie, ...offer(ticket) }), 'other')
  t.equal(await who(url, { ...basic('other', 'x'), ...cookie }), 'wrong')
  t.equal(await who(url, { ...cookie, ...offer(ticket) }), 'clown')
  t.equal(await who(url, offer(ticket)), 'other', 'what was not looked at is not used up')
})

t.test('a cookie that is no longer good counts as none', async (t) => {
  const { url, sessions, tickets } = await startedSignIn(t, [clown])
  t.equal(await who(url, { Cookie: 'hub_session=x' }), 'nobody')
  t.equal(await who(url, { Cookie: 'hub_session=x', ...offer(tickets.issue(clown)) }), 'clown')
  const id = sessions.start(clown)
  t.equal(await who(url, { Cookie: `hub_session=x; hub_session=${id}` }), 'clown')
})

t.test('a ticket is used up by one request, and a void one is counted', async (t) => {
  const { url, tickets, counters } = await startedSignIn(t, [clown, anonymous])
  const ticket = tickets.issue(clown)
  t.equal(await who(url, offer(ticket)), 'clown')
  t.equal(await who(url, offer(ticket)), 'wrong', 'and is not anonymous then')
  t.equal(counters.snapshot()['sign-in-refused'], 1)
})

t.test('who gives nothing is anonymous, where there is such a user', async (t) => {
  const { url, directory } = await startedSignIn(t, [clown, anonymous])
  t.equal(await who(url), 'anonymous')
  t.equal(await who(url, basic('clown', 'x')), 'wrong')
  t.equal(await who(url, basic('anonymous', '')), 'wrong')
  directory.change(clown)
  t.equal(await who(url), 'nobody')
})

const bearer = (text: string) => ({ Authorization: `Bearer ${text}` })

t.test('a token is told by itself, without its user', async (t) => {
  const { url, sessions } = await startedSignIn(t, [clown, other])
  const cookie = { Cookie: `hub_session=${sessions.start(clown)}` }
  t.equal(await who(url, bearer(token)), 'other')
  t.equal(await who(url, { ...bearer(token), ...cookie }), 'other')
  t.equal(await who(url, { ...bearer(createToken().token), ...cookie }), 'wrong')
  t.equal(await who(url, { ...bearer('what.a-proxy.uses'), ...cookie }), 'clown')
})

t.test('of a page of a foreign origin only a token and a ticket count', async (t) => {
  const foreign = { foreignOrigin: 'http://evil.example' }
  const { url, sessions, tickets } = await startedSignIn(t, [clown, other, anonymous], foreign)
  t.equal(await who(url), 'nobody')
  t.equal(await who(url, basic('clown', 'bigclown')), 'nobody')
  t.equal(await who(url, { Cookie: `hub_session=${sessions.start(clown)}` }), 'nobody')
  t.equal(await who(url, { ...basic('clown', 'x'), ...offer(tickets.issue(clown)) }), 'clown')
  t.equal(await who(url, offer('x')), 'wrong')
  t.equal(await who(url, bearer(token)), 'other')
})

t.test('nothing in a URL signs anybody in', async (t) => {
  const { url, sessions, tickets } = await startedSignIn(t, [clown, other])
  const secrets = [token, tickets.issue(clown), sessions.start(clown)]
  const keys = ['access_token', 'token', 'ticket', 'clown.ticket', 'hub_session', 'authorization']
  for (const secret of secrets) {
    for (const key of keys) t.equal(await who(url, {}, `?${key}=${secret}`), 'nobody', key)
  }
})

t.test('under TLS only a cookie of the secure name counts', async (t) => {
  const { url, sessions } = await startedSignIn(t, [clown], { isSecure: true })
  t.equal(await who(url, { Cookie: `hub_session=${sessions.start(clown)}` }), 'nobody')
  t.equal(await who(url, { Cookie: `__Host-hub_session=${sessions.start(clown)}` }), 'clown')
})

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

function offering(list?: string): IncomingMessage {
  return requestWith(list === undefined ? {} : { 'sec-websocket-protocol': list })
}

t.test('a ticket is found among what is offered', async (t) => {
  t.equal(ticketIn(offering('clown.talk.v1, clown.ticket.a-_Z')), 'a-_Z')
  t.equal(ticketIn(offering('clown.talk.v1,clown.tickets.x')), undefined)
  t.equal(ticketIn(offering()), undefined)
})
