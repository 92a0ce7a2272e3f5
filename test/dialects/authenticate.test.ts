import t from 'tap'
import { authenticate, isAnswer, isSameSiteWrite } from '../../src/dialects/authenticate.ts'
import { asked } from './asked.ts'

const guest = { name: 'guest', rules: [], tokens: [] }
const challenge = 'Basic realm="Test"'

t.test('whoever gives credentials is who they are of, and a guest gives none', async (t) => {
  const user = { ...guest, name: 'clown' }
  const known = asked({ signIn: () => Promise.resolve({ user }), guest: () => guest })
  t.equal(await authenticate(known, challenge), user)
  t.equal(await authenticate(asked({ guest: () => guest }), challenge), guest)
})

t.test('with wrong credentials nobody is a guest', async (t) => {
  const wrong = asked({ signIn: () => Promise.resolve({ refused: 'wrong' }), guest: () => guest })
  const answer = await authenticate(wrong, challenge)
  t.ok(isAnswer(answer))
  t.match(answer, { status: 401, headers: { 'WWW-Authenticate': challenge } })
  t.match(await authenticate(asked(), challenge), { status: 401 })
})

t.test('whoever has to wait is told how long', async (t) => {
  const refused = (why: 'throttled' | 'busy') =>
    asked({ signIn: () => Promise.resolve({ refused: why, retryAfterSeconds: 7 }) })
  const headers = { 'Retry-After': '7' }
  t.match(await authenticate(refused('throttled'), challenge), { status: 429, headers })
  t.match(await authenticate(refused('busy'), challenge), { status: 503, headers })
})

t.test('what a page of strangers can make a browser do is no same-site write', async (t) => {
  const headers = { authorization: 'Basic eDp5' }
  t.ok(isSameSiteWrite(asked({ headers })))
  t.ok(isSameSiteWrite(asked({ method: 'POST' })))
  t.ok(isSameSiteWrite(asked({ headers: { ...headers, 'sec-fetch-site': 'same-origin' } })))
  t.ok(isSameSiteWrite(asked({ headers: { ...headers, 'sec-fetch-site': 'none' } })))
  t.notOk(isSameSiteWrite(asked({ headers: { ...headers, 'sec-fetch-site': 'cross-site' } })))
  t.notOk(isSameSiteWrite(asked({ headers: { cookie: 'a=b' } })))
})

t.test(
  'a browser that cannot be told from a page of strangers does not mean what it gets',
  async (t) => {
    const authorization = 'Basic eDp5'
    const browser = { authorization, 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)' }
    const address = '192.168.1.9'
    t.notOk(isSameSiteWrite(asked({ headers: browser, address })))
    t.ok(isSameSiteWrite(asked({ headers: browser, address, method: 'POST' })), 'its Origin tells')
    t.ok(isSameSiteWrite(asked({ headers: browser, address, isSecure: true })))
    t.ok(isSameSiteWrite(asked({ headers: browser, address: '::1' })))
    t.ok(isSameSiteWrite(asked({ headers: { ...browser, 'sec-fetch-site': 'none' }, address })))
    t.ok(isSameSiteWrite(asked({ headers: { authorization, 'user-agent': 'curl/8.0' }, address })))
    t.ok(isSameSiteWrite(asked({ headers: { authorization }, address })))
  },
)
