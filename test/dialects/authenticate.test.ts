import t from 'tap'
import { comeIn, isAnswer, isMeant } from '../../src/dialects/authenticate.ts'
import { asked } from './asked.ts'

const guest = { name: 'guest', rules: [], tokens: [] }
const challenge = 'Basic realm="Test"'

t.test('whoever gives credentials is who they are of, and a guest gives none', async (t) => {
  const user = { ...guest, name: 'clown' }
  const known = asked({ signIn: () => Promise.resolve({ user }), guest: () => guest })
  t.equal(await comeIn(known, challenge), user)
  t.equal(await comeIn(asked({ guest: () => guest }), challenge), guest)
})

t.test('with wrong credentials nobody is a guest', async (t) => {
  const wrong = asked({ signIn: () => Promise.resolve({ refused: 'wrong' }), guest: () => guest })
  const answer = await comeIn(wrong, challenge)
  t.ok(isAnswer(answer))
  t.match(answer, { status: 401, headers: { 'WWW-Authenticate': challenge } })
  t.match(await comeIn(asked(), challenge), { status: 401 })
})

t.test('whoever has to wait is told how long', async (t) => {
  const refused = (why: 'throttled' | 'busy') =>
    asked({ signIn: () => Promise.resolve({ refused: why, retryAfterSeconds: 7 }) })
  const headers = { 'Retry-After': '7' }
  t.match(await comeIn(refused('throttled'), challenge), { status: 429, headers })
  t.match(await comeIn(refused('busy'), challenge), { status: 503, headers })
})

t.test('what a page of strangers can make a browser do is not meant', async (t) => {
  const headers = { authorization: 'Basic eDp5' }
  t.ok(isMeant(asked({ headers })))
  t.ok(isMeant(asked({ method: 'POST' })))
  t.ok(isMeant(asked({ headers: { ...headers, 'sec-fetch-site': 'same-origin' } })))
  t.ok(isMeant(asked({ headers: { ...headers, 'sec-fetch-site': 'none' } })))
  t.notOk(isMeant(asked({ headers: { ...headers, 'sec-fetch-site': 'cross-site' } })))
  t.notOk(isMeant(asked({ headers: { cookie: 'a=b' } })))
})

t.test(
  'a browser that cannot be told from a page of strangers does not mean what it gets',
  async (t) => {
    const authorization = 'Basic eDp5'
    const browser = { authorization, 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)' }
    const address = '192.168.1.9'
    t.notOk(isMeant(asked({ headers: browser, address })))
    t.ok(isMeant(asked({ headers: browser, address, method: 'POST' })), 'its Origin tells')
    t.ok(isMeant(asked({ headers: browser, address, isSecure: true })))
    t.ok(isMeant(asked({ headers: browser, address: '::1' })))
    t.ok(isMeant(asked({ headers: { ...browser, 'sec-fetch-site': 'none' }, address })))
    t.ok(isMeant(asked({ headers: { authorization, 'user-agent': 'curl/8.0' }, address })))
    t.ok(isMeant(asked({ headers: { authorization }, address })))
  },
)
