import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { pino } from 'pino'
import t from 'tap'
import { createDigestSignIn, digestSecretOf, parseDigest } from '../../src/access/digest.ts'
import { createLoginThrottle } from '../../src/access/login-throttle.ts'
import { checkConfig } from '../../src/config.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { changingDirectory, userNamed } from './changing-directory.ts'

const { limits } = checkConfig({ users: { clown: { password: 'bigclown' } } })
const md5 = (text: string) => createHash('md5').update(text).digest('hex')

function opened(signIn: Partial<typeof limits.signIn> = {}) {
  const clown = { ...userNamed('clown'), digestSecret: digestSecretOf('clown', 'bigclown') }
  const directory = changingDirectory(clown, userNamed('plain'))
  const state = { nowMs: 0 }
  const now = () => state.nowMs
  const throttle = createLoginThrottle({
    limits: { ...limits, signIn: { ...limits.signIn, ...signIn } },
    now,
  })
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  return {
    digest: createDigestSignIn({ directory, throttle, sampledLog, now }),
    directory,
    state,
    clown,
    counters,
  }
}

interface Answer {
  readonly user?: string
  readonly password?: string
  readonly nonce: string
  readonly nc?: string
  readonly uri?: string
  readonly more?: string
}

/** The header of a client, and the request it comes with. */
function answering(given: Answer) {
  const {
    user = 'clown',
    password = 'bigclown',
    nonce,
    nc = '00000001',
    uri = '/api/x?a=1',
  } = given
  const response = md5(
    `${md5(`${user}:tvheadend:${password}`)}:${nonce}:${nc}:0a4f:auth:${md5(`GET:${uri}`)}`,
  )
  const who = `username="${user}", realm="tvheadend", nonce="${nonce}", uri="${uri}"`
  const authorization = `Digest ${who}, qop=auth, nc=${nc}, cnonce="0a4f", response="${response}"${given.more ?? ''}`
  const isFor = (place: string) => place === '/api/x?a=1'
  return { method: 'GET', authorization, address: '192.0.2.1', isFor }
}

function nonceIn(challenge: string): string {
  return /nonce="([^"]+)"/.exec(challenge)?.[1] ?? ''
}

t.test('whoever knows the password is let in, again and again with one nonce', async (t) => {
  const { digest, clown } = opened()
  t.ok(digest.isOfUse())
  const challenge = digest.challenge()
  t.match(
    challenge,
    /^Digest realm="tvheadend", qop="auth", algorithm=MD5, nonce="[^"]+", opaque="/,
  )
  const nonce = nonceIn(challenge)
  for (const nc of ['00000001', '00000003', '00000002', '0000000a']) {
    t.same(await digest.signIn(answering({ nonce, nc })), { user: clown })
  }
})

t.test('who signs in with a code besides has no other way in', async (t) => {
  const { digest, clown, directory } = opened()
  directory.change({ ...clown, totp: 'GEZDGNBVGY3TQOJQ' })
  const nonce = nonceIn(digest.challenge())
  t.same(await digest.signIn(answering({ nonce })), { refused: 'wrong' })
})

t.test('a wrong password, an unknown user and one without a secret are all wrong', async (t) => {
  const { digest, counters } = opened()
  const nonce = nonceIn(digest.challenge())
  for (const given of [{ password: 'x' }, { user: 'nobody' }, { user: 'plain' }]) {
    t.same(await digest.signIn(answering({ nonce, ...given })), { refused: 'wrong' })
  }
  const elsewhere = answering({ nonce, uri: '/api/other' })
  t.same(await digest.signIn(elsewhere), { refused: 'wrong' }, 'it is for another address')
  t.equal(counters.snapshot()['sign-in-refused'], 4)
})

t.test('a replayed request, a wrong nonce and an expired one are stale', async (t) => {
  const { digest, state, clown } = opened()
  const nonce = nonceIn(digest.challenge())
  const request = answering({ nonce })
  t.same(await digest.signIn(request), { user: clown })
  t.same(await digest.signIn(request), { refused: 'stale' })
  t.same(await digest.signIn(answering({ nonce, nc: '00001000' })), { user: clown })
  t.same(await digest.signIn(answering({ nonce, nc: '00000002' })), { refused: 'stale' }, 'too old')
  for (const wrong of ['x', `0${nonce}`, nonce.replace(/.$/, 'z'), '0-0-0']) {
    t.same(await digest.signIn(answering({ nonce: wrong })), { refused: 'stale' })
  }
  state.nowMs = 5 * 60_000
  t.same(await digest.signIn(answering({ nonce, nc: '00001001' })), { refused: 'stale' })
  t.match(digest.challenge(true), /, stale=true$/)
})

t.test('a nonce that had to be forgotten is not good any more', async (t) => {
  const { digest, state, clown } = opened()
  const first = nonceIn(digest.challenge())
  t.same(await digest.signIn(answering({ nonce: first })), { user: clown })
  state.nowMs = 1000
  for (let at = 0; at < 4096; at++) {
    await digest.signIn(answering({ nonce: nonceIn(digest.challenge()) }))
  }
  t.same(await digest.signIn(answering({ nonce: first, nc: '00000002' })), { refused: 'stale' })
})

t.test('guesses are counted with those of other ways in', async (t) => {
  const { digest } = opened()
  const nonce = nonceIn(digest.challenge())
  const guess = () => digest.signIn(answering({ nonce, password: 'x' }))
  let result = await guess()
  for (let at = 0; at < 200 && !('retryAfterSeconds' in result); at++) result = await guess()
  t.match(result, { refused: 'throttled' })
  t.ok('retryAfterSeconds' in result && result.retryAfterSeconds > 0)
})

t.test('on this machine, whoever has guessed waits a second for each attempt', async (t) => {
  const { digest, clown } = opened({ failuresPerAddress: 2 })
  const nonce = nonceIn(digest.challenge())
  const here = (given: Partial<Answer>) =>
    digest.signIn({ ...answering({ nonce, ...given }), address: '127.0.0.1' })
  for (let at = 0; at < 3; at++) await here({ password: 'x' })
  const beganMs = performance.now()
  t.same(await here({}), { user: clown })
  t.ok(performance.now() - beganMs >= 900)
})

t.test('what cannot be read, or leaves out what protects from replays, is nobody', async (t) => {
  const { digest } = opened()
  const nonce = nonceIn(digest.challenge())
  const { authorization, ...request } = answering({ nonce })
  const altered = [
    'Basic eDp5',
    'Digest',
    `Digest ${'x'.repeat(5000)}`,
    authorization.replace('qop=auth', 'qop=auth-int'),
    authorization.replace(/nc=\d+/, 'nc=1'),
    authorization.replace('realm="tvheadend"', 'realm="other"'),
    authorization.replace('username="clown"', 'username=""'),
    authorization.replace(/response="\w+"/, 'response="0"'),
    `${authorization}, algorithm=SHA-256`,
  ]
  for (const header of altered) {
    t.same(
      await digest.signIn({ ...request, authorization: header }),
      { refused: 'nobody' },
      header,
    )
  }
})

t.test('F61: the longest header that can be sent costs no time, whatever is in it', async (t) => {
  for (const text of ['a', '"', ' ', 'a=', '\\"', ',', '="']) {
    const start = process.cpuUsage()
    for (let at = 0; at < 20; at++) parseDigest(`Digest ${text.repeat(65_000 / text.length)}`)
    for (let at = 0; at < 20; at++) parseDigest(`Digest ${text.repeat(4000 / text.length)}`)
    const { user } = process.cpuUsage(start)
    t.ok(user < 50_000, `20 of ${text} took ${user} µs`)
  }
})

t.test('names may be quoted, and headers written in any way', async (t) => {
  const header =
    'digest USERNAME="a\\"b", realm="tvheadend",nonce=n , uri="/", qop="auth", nc=0000000A, cnonce=c, algorithm=md5, response=' +
    'A'.repeat(32)
  t.match(parseDigest(header), { username: 'a"b', nonce: 'n', count: 10, response: 'a'.repeat(32) })
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseDigest(`Digest ${text}`)
    }),
  )
})

t.test('without anybody who wants it, it is of no use', async (t) => {
  const directory = changingDirectory(userNamed('plain'))
  const throttle = createLoginThrottle({ limits, now: () => 0 })
  const sampledLog = createSampledLog(pino({ level: 'silent' }), createCounters())
  const digest = createDigestSignIn({ directory, throttle, sampledLog })
  t.notOk(digest.isOfUse())
  t.match(digest.challenge(), /^Digest /)
})
