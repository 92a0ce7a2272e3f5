import t from 'tap'
import { hashPassword } from '../../src/access/passwords.ts'
import { refuseLoginPage } from '../../src/api/sign-in-routes.ts'
import { userNamed } from '../access/changing-directory.ts'
import { startedHttpServer } from '../started-http-server.ts'
import { startedHub } from '../started-hub.ts'
import { basic, startedSignIn } from '../started-sign-in.ts'

const clown = userNamed('clown', {
  passwordHash: await hashPassword('bigclown'),
  role: 'operator',
})
const plain = userNamed('plain', { passwordHash: await hashPassword('x') })
const form = new URLSearchParams({ user: 'clown', password: 'bigclown' })
const json = (value: unknown) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(value),
})

/** Signs in as clown; answers the header of the cookie. */
async function logIn(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/login`, { method: 'POST', body: form, headers })
  const [setCookie = ''] = response.headers.getSetCookie()
  return { Cookie: setCookie.replace(/;.*/, '') }
}

async function post(url: string, headers: Record<string, string> = {}) {
  return await fetch(url, { method: 'POST', headers })
}

async function statusOfSession(url: string, headers: Record<string, string>): Promise<number> {
  return (await fetch(`${url}/session`, { headers })).status
}

t.test('a form or JSON signs in, and the cookie is for this host alone', async (t) => {
  const { url } = await startedSignIn(t, [clown])
  const asJson = json({ user: 'clown', password: 'bigclown' })
  for (const request of [{ method: 'POST', body: form }, asJson]) {
    const response = await fetch(`${url}/login`, request)
    t.equal(response.status, 204)
    t.equal(response.headers.get('cache-control'), 'no-store')
    const [cookie, ...others] = response.headers.getSetCookie()
    t.match(cookie, /^hub_session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/)
    t.same(others, [])
  }
})

t.test('under TLS the cookie has a name that nobody else can set', async (t) => {
  const { url } = await startedSignIn(t, [clown], { isSecure: true })
  const response = await fetch(`${url}/login`, { method: 'POST', body: form })
  const [cookie] = response.headers.getSetCookie()
  t.match(cookie, /^__Host-hub_session=[\w-]{43}; Path=\/; .*; Secure$/)
})

t.test('a session tells who it is, and ends by signing out', async (t) => {
  const { url } = await startedSignIn(t, [clown, plain])
  const cookie = await logIn(url)
  const response = await fetch(`${url}/session`, { headers: cookie })
  t.same(await response.json(), { user: 'clown', role: 'operator' })
  const byBasic = await fetch(`${url}/session`, { headers: basic('plain', 'x') })
  t.same(await byBasic.json(), { user: 'plain', role: null })
  const out = await post(`${url}/logout`, cookie)
  t.equal(out.status, 204)
  t.match(out.headers.getSetCookie(), [/^hub_session=; Path=\/; Max-Age=0; /])
  t.equal(await statusOfSession(url, cookie), 401)
  t.equal((await post(`${url}/logout`)).status, 204, 'who is out already may do it again')
})

t.test('signing in anew ends the session of that browser before', async (t) => {
  const { url } = await startedSignIn(t, [clown])
  const first = await logIn(url)
  const elsewhere = await logIn(url)
  const second = await logIn(url, first)
  t.same(
    await Promise.all([first, elsewhere, second].map((cookie) => statusOfSession(url, cookie))),
    [401, 200, 200],
  )
})

t.test('signing out everywhere ends all sessions and tickets of that user', async (t) => {
  const { url, tickets, sessions, signedOut } = await startedSignIn(t, [clown, plain])
  const [one, other] = [await logIn(url), await logIn(url)]
  const foreign = { Cookie: `hub_session=${sessions.start(plain)}` }
  const ticket = tickets.issue(clown)
  t.equal((await post(`${url}/logout-everywhere`)).status, 401)
  const response = await post(`${url}/logout-everywhere`, one)
  t.equal(response.status, 204)
  t.match(response.headers.getSetCookie(), [/Max-Age=0/])
  t.same(signedOut, ['clown'])
  t.same(
    await Promise.all([one, other, foreign].map((cookie) => statusOfSession(url, cookie))),
    [401, 401, 200],
  )
  t.equal(tickets.redeem(ticket), undefined)
})

t.test('who is signed in gets tickets', async (t) => {
  const { url, tickets } = await startedSignIn(t, [clown])
  for (const headers of [basic('clown', 'bigclown'), await logIn(url)]) {
    const response = await post(`${url}/ticket`, headers)
    t.equal(response.status, 200)
    t.equal(response.headers.get('cache-control'), 'no-store')
    const { ticket, expiresInSeconds } = JSON.parse(await response.text())
    t.equal(expiresInSeconds, 30)
    t.equal(tickets.redeem(ticket)?.user.name, 'clown')
  }
  t.equal((await post(`${url}/ticket`)).status, 401)
})

t.test('wrong credentials are refused without a window of the browser', async (t) => {
  const { url } = await startedSignIn(t, [clown])
  const wrong = await fetch(`${url}/login`, json({ user: 'clown', password: 'x' }))
  const nobody = await fetch(`${url}/session`)
  for (const response of [wrong, nobody]) {
    t.equal(response.status, 401)
    t.match(response.headers.get('www-authenticate'), /^Cookie realm="hub"/)
    t.same(response.headers.getSetCookie(), [])
  }
})

t.test('a body that holds no credentials is refused by what it is', async (t) => {
  const { url } = await startedSignIn(t, [clown])
  const statusOf = async (request: RequestInit) =>
    (await fetch(`${url}/login`, { method: 'POST', ...request })).status
  const values = [{}, [], null, 'x', { user: 'clown' }, { user: 'clown', password: 1 }]
  for (const value of values) t.equal(await statusOf(json(value)), 400, JSON.stringify(value))
  t.equal(await statusOf({ ...json({}), body: '{"user":' }), 400)
  t.equal(await statusOf({ body: new URLSearchParams({ password: 'x' }) }), 400)
  t.equal(await statusOf({ body: 'user=clown' }), 415)
  t.equal(await statusOf({}), 415)
  const mediaType = { 'Content-Type': ' Application/JSON ; charset=utf-8' }
  const body = JSON.stringify({ user: 'clown', password: 'bigclown' })
  t.equal(await statusOf({ body, headers: mediaType }), 204)
})

t.test('a form of a browser is led on, and shown again with what was wrong', async (t) => {
  const { url, sessions } = await startedSignIn(t, [clown])
  const navigate = (path: string, body: URLSearchParams | string, headers = {}) => {
    const all = { Accept: 'text/html,*/*', ...headers }
    return fetch(url + path, { redirect: 'manual', method: 'POST', body, headers: all })
  }
  const right = await navigate('/login', form)
  t.equal(right.status, 303)
  t.equal(right.headers.get('location'), './')
  t.equal(right.headers.getSetCookie().length, 1)
  const wrong = await navigate('/login', new URLSearchParams({ user: '<i>', password: 'x' }))
  t.equal(wrong.status, 401)
  const text = await wrong.text()
  t.match(text, /role="alert">This user and this password do not belong together\./)
  t.match(text, 'value="&#60;i&#62;"')
  const empty = await navigate('/login', new URLSearchParams({}))
  t.equal(empty.status, 400)
  t.match(await empty.text(), 'Please give a user and a password.')
  const strange = await navigate('/login', 'x')
  t.match(await strange.text(), 'expected a user and a password')
  const cookie = { Cookie: `hub_session=${sessions.start(clown)}` }
  const out = await navigate('/logout', '', cookie)
  t.equal(out.headers.get('location'), './')
  t.equal(await statusOfSession(url, cookie), 401)
})

t.test('only the address bar of a browser is challenged for a password', async (t) => {
  const { httpPort } = await startedHub(t, { http: { port: 0, pathPrefix: '/hub' } })
  const challengeOf = async (path: string, init: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${httpPort}${path}`, init)
    return `${response.status} ${response.headers.get('www-authenticate')}`
  }
  const quiet = '401 Cookie realm="hub", form-action="/hub/login"'
  const headers = { Accept: 'text/html' }
  t.match(await challengeOf('/api/nodes', { headers }), /^401 Basic realm="hub"/)
  t.equal(await challengeOf('/api/nodes', {}), quiet)
  t.equal(await challengeOf('/ticket', { method: 'POST', headers }), quiet)
})

t.test('a hub has these endpoints, each for its method', async (t) => {
  const { httpPort } = await startedHub(t)
  const url = `http://127.0.0.1:${httpPort}`
  const cookie = await logIn(url)
  t.equal(await statusOfSession(url, cookie), 200)
  t.equal((await fetch(`${url}/login`)).status, 200)
  t.equal((await fetch(`${url}/login`, { method: 'PUT' })).headers.get('allow'), 'GET, HEAD, POST')
  for (const path of ['logout', 'logout-everywhere', 'ticket']) {
    const response = await fetch(`${url}/${path}`)
    t.equal(response.status, 405)
    t.equal(response.headers.get('allow'), 'POST')
  }
  t.equal((await post(`${url}/session`)).status, 405)
  t.equal((await post(`${url}/logout-everywhere`, cookie)).status, 204)
})

t.test('past the limits a sign-in is told when to try again', async (t) => {
  const signIn = { checksAtOnce: 1, checksWaiting: 1, failuresPerUser: 2 }
  const connections = { exemptLoopback: false, acceptBurst: 1000, unauthenticatedPerAddress: 1000 }
  const hub = await startedHub(t, { limits: { signIn, connections } })
  const attempt = async (user: string, password: string) => {
    const url = `http://127.0.0.1:${hub.httpPort}/login`
    const response = await fetch(url, json({ user, password }))
    return `${response.status} ${response.headers.get('retry-after')}`
  }
  const users = ['a', 'b', 'c', 'd', 'e']
  const answers = await Promise.all(users.map((user) => attempt(user, 'x')))
  t.ok(answers.includes('503 1'))
  t.ok(answers.includes('401 null'))
  t.equal(await attempt('clown', 'x'), '401 null')
  t.equal(await attempt('clown', 'y'), '429 1')
  t.ok((hub.counters()['sign-in-busy'] ?? 0) > 0)
  t.equal(hub.counters()['sign-in-throttled'], 1)
})

t.test('a person is told in words why the form came back', async (t) => {
  const headers = { 'Retry-After': '7' }
  const cases: [status: number, reason: string, words: RegExp][] = [
    [429, '', /Too many wrong passwords were given\. Please try again in 7 s\./],
    [503, '', /Too many people are signing in at the moment\. Please try again\./],
    [415, 'a < b', /role="alert">a &#60; b</],
  ]
  for (const [status, reason, words] of cases) {
    const { port } = await startedHttpServer(t, {
      routeOf: () => ({
        get: ({ response }) => refuseLoginPage(response, { status, reason, headers }),
      }),
    })
    const response = await fetch(`http://127.0.0.1:${port}/login`)
    t.equal(response.status, status)
    t.equal(response.headers.get('retry-after'), '7')
    t.match(await response.text(), words)
  }
})
