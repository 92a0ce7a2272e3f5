import { pino } from 'pino'
import t from 'tap'
import { createPasswordCheck, hashPassword } from '../../src/access/passwords.ts'
import {
  createCredentialCache,
  createSignIn,
  parseBasic,
  type SignInOptions,
  type SignInResult,
} from '../../src/access/sign-in.ts'
import { createToken } from '../../src/access/tokens.ts'
import { checkConfig } from '../../src/config.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { changingDirectory, userNamed } from './changing-directory.ts'

const { limits } = checkConfig({ users: { clown: { password: 'bigclown' } } })
const anywhere = '192.0.2.1'
const right = { user: 'clown', password: 'bigclown' }
const wrong = { user: 'clown', password: 'x' }

async function openSignIn(signInLimits: Partial<SignInOptions['limits']['signIn']> = {}) {
  const token = createToken()
  const kept = { name: 'x', sha256: token.sha256, created: '2026-11-21T00:00:00Z' }
  const clown = userNamed('clown', { passwordHash: await hashPassword('bigclown') })
  const node = userNamed('node', { tokens: [kept] })
  const directory = changingDirectory(clown, node)
  const counters = createCounters()
  const lines: string[] = []
  const log = pino({}, { write: (line: string) => lines.push(line) })
  const state = { nowMs: 1, checks: 0, isBroken: false }
  const checkPassword = createPasswordCheck({ ...limits.signIn, ...signInLimits })
  const signIn = createSignIn({
    directory,
    limits: { ...limits, signIn: { ...limits.signIn, ...signInLimits } },
    sampledLog: createSampledLog(log, counters, () => state.nowMs),
    now: () => state.nowMs,
    checkPassword: (...credentials) => {
      state.checks++
      if (state.isBroken) return Promise.reject(new Error('a defect'))
      return checkPassword(...credentials)
    },
  })
  return { signIn, directory, clown, node, token: token.token, state, counters, lines }
}

function isIn(result: SignInResult): boolean {
  return 'user' in result
}

t.test('a user signs in with the password of that user only', async (t) => {
  const { signIn, clown, counters, lines } = await openSignIn()
  t.same(await signIn(right, anywhere), { user: clown })
  for (const [user, password] of [
    ['clown', 'x'],
    ['clown', ''],
    ['nobody', 'bigclown'],
    ['node', 'bigclown'],
    ['__proto__', ''],
  ] as const) {
    t.same(await signIn({ user, password }, '127.0.0.1'), { refused: 'wrong' }, user)
  }
  t.same(counters.snapshot(), { 'sign-in-refused': 5 })
  t.match(JSON.parse(lines.join()), {
    kind: 'sign-in-refused',
    user: 'clown',
    address: '127.0.0.1',
  })
  t.notMatch(lines, [/bigclown/])
})

t.test('what nobody can have costs no hash, and no failure', async (t) => {
  const { signIn, state } = await openSignIn()
  const long = { user: 'u'.repeat(65), password: 'p'.repeat(257) }
  for (let count = 0; count < 20; count++) {
    t.same(await signIn({ ...right, user: long.user }, anywhere), { refused: 'wrong' })
    t.same(await signIn({ ...right, password: long.password }, anywhere), { refused: 'wrong' })
    t.same(await signIn({ user: '', password: '' }, anywhere), { refused: 'wrong' })
  }
  t.equal(state.checks, 0)
  t.ok(isIn(await signIn(right, anywhere)))
})

t.test(
  'a wrong password from a foreign page counts against that page, and its origin is logged',
  async (t) => {
    const { signIn, lines } = await openSignIn()
    const evil = 'http://evil.example'
    for (let count = 0; count < 10; count++) {
      const guess = { user: `user${count}`, password: 'x' }
      t.same(await signIn(guess, '127.0.0.1', evil), { refused: 'wrong' })
    }
    t.match(await signIn(right, '127.0.0.1', evil), { refused: 'throttled' })
    t.ok(isIn(await signIn(right, '127.0.0.1')))
    t.match(JSON.parse(lines[0] ?? ''), { kind: 'sign-in-refused', origin: evil })
  },
)

t.test('a token is a password that costs no hash, and no throttle keeps it out', async (t) => {
  const { signIn, node, token, state } = await openSignIn()
  for (let count = 0; count < 30; count++) {
    const other = createToken().token
    t.notOk(isIn(await signIn({ user: 'node', password: other }, anywhere)))
  }
  t.match(await signIn({ user: 'node', password: createToken().token }, anywhere), {
    refused: 'throttled',
  })
  t.same(await signIn({ user: 'node', password: token }, anywhere), { user: node })
  t.notOk(isIn(await signIn({ user: 'clown', password: token }, '192.0.2.2')))
  t.equal(state.checks, 0)
})

t.test('who comes back costs no hash for a while, right or wrong', async (t) => {
  const { signIn, state, counters } = await openSignIn()
  for (let count = 0; count < 50; count++) {
    t.ok(isIn(await signIn(right, anywhere)))
    t.same(await signIn(wrong, '192.0.2.2'), { refused: 'wrong' }, 'an old password is no attack')
  }
  t.ok(isIn(await signIn(right, '192.0.2.3')), 'nor from elsewhere')
  t.equal(state.checks, 2)
  t.equal(counters.snapshot()['sign-in-throttled'], undefined)
  state.nowMs = 86_400_002
  t.ok(isIn(await signIn(right, anywhere)))
  t.equal(state.checks, 3)
})

t.test('the same credentials at the same time cost one hash', async (t) => {
  const { signIn, state } = await openSignIn()
  const results = await Promise.all(Array.from({ length: 200 }, () => signIn(right, anywhere)))
  t.ok(results.every(isIn))
  t.equal(state.checks, 1)
})

t.test('too many at once are told to come back in a second', async (t) => {
  const { signIn, counters } = await openSignIn({ checksAtOnce: 1, checksWaiting: 1 })
  const users = ['clown', 'a', 'b', 'c']
  const attempts = users.map((user) => signIn({ ...right, user }, anywhere))
  const busy = { refused: 'busy', retryAfterSeconds: 1 }
  t.match(await Promise.all(attempts), [{ user: {} }, { refused: 'wrong' }, busy, busy])
  t.equal(counters.snapshot()['sign-in-busy'], 2)
  t.same(await signIn({ ...right, user: 'b' }, anywhere), { refused: 'wrong' })
})

t.test('a change of the users ends what was known of them', async (t) => {
  const { signIn, directory, clown } = await openSignIn()
  t.ok(isIn(await signIn(right, anywhere)))
  t.notOk(isIn(await signIn(wrong, anywhere)))
  directory.change({ ...clown, passwordHash: await hashPassword('x') })
  t.notOk(isIn(await signIn(right, anywhere)))
  t.ok(isIn(await signIn(wrong, anywhere)))
  directory.change()
  t.notOk(isIn(await signIn(wrong, anywhere)))
})

t.test('a user who changes while the hash runs is not let in by the old one', async (t) => {
  const { signIn, directory, clown, state } = await openSignIn()
  const passwordHash = await hashPassword('x')
  const late = [signIn(right, anywhere), signIn(wrong, anywhere)]
  // Both are being hashed after one turn, which takes milliseconds.
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(state.checks, 2)
  directory.change({ ...clown, passwordHash })
  t.same(await Promise.all(late), [{ refused: 'wrong' }, { refused: 'wrong' }])
  t.ok(isIn(await signIn(wrong, anywhere)), 'and nothing false is remembered')
})

t.test('from this machine the right password takes a second longer during an attack', async (t) => {
  const { signIn } = await openSignIn()
  for (let count = 0; count < 10; count++) {
    await signIn({ user: 'clown', password: `x${count}` }, '::1')
  }
  const startMs = performance.now()
  t.ok(isIn(await signIn(right, '127.0.0.1')))
  const tookMs = performance.now() - startMs
  t.ok(tookMs > 990 && tookMs < 3000, `it took ${Math.round(tookMs)} ms`)
})

t.test('F17: 1,000 guesses a minute at one name cost some ten hashes', async (t) => {
  const ways: [name: string, addressOf: (number: number) => string, atMost: number][] = [
    // 5 at once, then after 1, 2, 4, 8, 16 and 32 seconds.
    ['from one address', () => '198.51.100.1', 5 + 6],
    ['from many addresses', (number) => `198.51.${number >> 8}.${number & 255}`, 10 + 6],
  ]
  for (const [name, addressOf, atMost] of ways) {
    const { signIn, state, counters } = await openSignIn()
    t.ok(isIn(await signIn(right, anywhere)), 'the user was there before')
    const before = state.checks
    for (let number = 0; number < 1000; number++) {
      state.nowMs = number * 60
      await signIn({ user: 'clown', password: `guess${number}` }, addressOf(number))
    }
    const checks = state.checks - before
    t.ok(checks >= 5 && checks <= atMost, `${name}: ${checks} hashes`)
    t.equal(counters.snapshot()['sign-in-throttled'], 1000 - checks)
    t.ok(isIn(await signIn(right, anywhere)), `${name}: the user gets in`)
    t.ok(isIn(await signIn(right, '127.0.0.1')), `${name}: and from this machine`)
  }
})

t.test('F17: one attacker does not keep a user out who comes from a new address', async (t) => {
  const { signIn } = await openSignIn()
  for (let number = 0; number < 1000; number++) {
    await signIn({ user: 'clown', password: `guess${number}` }, '198.51.100.1')
  }
  t.ok(isIn(await signIn(right, '203.0.113.1')))
  t.match(await signIn(right, '198.51.100.1'), { refused: 'throttled', retryAfterSeconds: 1 })
})

t.test('F58: a change of one user costs the others no hash', async (t) => {
  const { signIn, directory, clown, node, state } = await openSignIn()
  t.ok(isIn(await signIn(right, anywhere)))
  directory.change(clown, { ...node, passwordHash: await hashPassword('x') })
  t.ok(isIn(await signIn(right, anywhere)))
  t.equal(state.checks, 1)
})

t.test(
  'F58: who is known to be right from there waits for nobody, but not without end',
  async (t) => {
    const { signIn } = await openSignIn()
    t.ok(isIn(await signIn(right, anywhere)))
    for (let number = 0; number < 50; number++) {
      await signIn({ user: 'clown', password: `guess${number}` }, anywhere)
      t.ok(isIn(await signIn(right, anywhere)), 'others mistype it there')
    }
    for (let number = 0; number < 60; number++) {
      await signIn({ user: 'clown', password: `more${number}` }, anywhere)
    }
    t.match(await signIn(right, anywhere), { refused: 'throttled' }, 'somebody guesses there')
  },
)

t.test('F17: a guess that is right is not told from others while the throttle is on', async (t) => {
  const { signIn } = await openSignIn()
  t.ok(isIn(await signIn(right, anywhere)))
  for (let number = 0; number < 20; number++) {
    await signIn({ user: 'clown', password: `guess${number}` }, '198.51.100.1')
  }
  const throttled = { refused: 'throttled', retryAfterSeconds: 1 }
  t.same(await signIn(right, '198.51.100.1'), throttled, 'though the right one is known elsewhere')
  t.same(await signIn({ ...right, password: 'y' }, '198.51.100.1'), throttled)
})

t.test('F17: a name that exists takes as long as one that does not', async (t) => {
  const { signIn } = await openSignIn({ failuresPerAddress: 1000, failuresPerUser: 1000 })
  const rounds = 40
  const tookMs: Record<string, number[]> = { clown: [], node: [], nobody: [] }
  for (let round = 0; round < rounds; round++) {
    for (const [user, times] of Object.entries(tookMs)) {
      const startMs = performance.now()
      await signIn({ user, password: `guess${round}` }, anywhere)
      times.push(performance.now() - startMs)
    }
  }
  const median = (times: number[]) => times.sort((a, b) => a - b)[rounds / 2] ?? 0
  const [known = 0, withoutPassword = 0, unknown = 0] = Object.values(tookMs).map(median)
  t.comment(`${known.toFixed(1)}, ${withoutPassword.toFixed(1)}, ${unknown.toFixed(1)} ms`)
  const within = (one: number) => one / known > 0.7 && one / known < 1.4
  t.ok(within(withoutPassword), 'a user without a password')
  t.ok(within(unknown), 'nobody')
})

t.test('a check that fails is no result: the same credentials are checked again', async (t) => {
  const { signIn, clown, state } = await openSignIn({ failuresPerAddress: 1 })
  state.isBroken = true
  await t.rejects(signIn(right, anywhere), { message: 'a defect' })
  state.isBroken = false
  t.same(await signIn(right, anywhere), { user: clown })
})

function openCache(entries = 2) {
  const state = { nowMs: 1 }
  const cache = createCredentialCache({ entries, lifeMs: 1000, now: () => state.nowMs })
  return { state, cache }
}

t.test('the same credentials have the same key, in this process', async (t) => {
  const { cache } = openCache()
  const key = cache.keyOf({ user: 'clown', password: 'bigclown' })
  t.equal(cache.keyOf({ user: 'clown', password: 'bigclown' }), key)
  t.not(cache.keyOf({ user: 'clownb', password: 'igclown' }), key, 'what is whose is told apart')
  t.not(cache.keyOf({ user: 'clown', password: 'other' }), key)
  t.not(openCache().cache.keyOf({ user: 'clown', password: 'bigclown' }), key)
  t.notMatch(key, /clown/)
})

t.test(
  'a result is remembered for its time, and a wrong one as long as it is asked for',
  async (t) => {
    const { state, cache } = openCache()
    t.equal(cache.get('a', 'h'), undefined)
    cache.set('a', 'h', 'right')
    cache.set('b', 'h', 'wrong')
    state.nowMs = 1001
    t.equal(cache.get('a', 'h'), 'right')
    t.equal(cache.get('b', 'h'), 'wrong')
    state.nowMs = 1002
    t.equal(cache.get('a', 'h'), undefined)
    t.equal(cache.get('b', 'h'), 'wrong')
    state.nowMs = 2002
    t.equal(cache.get('b', 'h'), 'wrong')
    state.nowMs = 3003
    t.equal(cache.get('b', 'h'), undefined)
  },
)

t.test(
  'the oldest result makes way, and right and wrong ones have room of their own',
  async (t) => {
    const { cache } = openCache()
    for (const key of ['a', 'b', 'a', 'c']) cache.set(key, 'h', 'right')
    for (const key of ['x', 'y', 'z']) cache.set(key, 'h', 'wrong')
    t.same(
      ['a', 'b', 'c'].map((key) => cache.get(key, 'h')),
      ['right', undefined, 'right'],
    )
    t.same(
      ['x', 'y', 'z'].map((key) => cache.get(key, 'h')),
      [undefined, 'wrong', 'wrong'],
    )
  },
)

t.test('F58: what is known is of one hash, and a change of others changes nothing', async (t) => {
  const { cache } = openCache()
  cache.set('a', 'h', 'right')
  cache.set('b', undefined, 'wrong')
  t.equal(cache.get('a', 'other'), undefined)
  t.equal(cache.get('b', 'h'), undefined)
  t.equal(cache.get('a', 'h'), 'right')
  t.equal(cache.get('b', undefined), 'wrong')
})

const header = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

t.test('user and password are split at the first colon and read as UTF-8', async (t) => {
  t.same(parseBasic(header('clown:bigclown')), { user: 'clown', password: 'bigclown' })
  t.same(parseBasic(header('klaun:velký:klaun')), { user: 'klaun', password: 'velký:klaun' })
  t.same(parseBasic(header(':')), { user: '', password: '' })
})

t.test('F11: bytes that are not UTF-8 are no credentials', async (t) => {
  for (const text of ['clown\xff:a', 'clown:a\xc0\xaf', 'clown:\xed\xa0\x80']) {
    const bytes = Buffer.from(text, 'latin1')
    t.equal(parseBasic(`Basic ${bytes.toString('base64')}`), undefined)
  }
})

t.test('anything else is no credentials', async (t) => {
  for (const other of [undefined, '', 'Basic', 'Bearer abc', header('clown'), 'Basic !!!']) {
    t.equal(parseBasic(other), undefined, String(other))
  }
})
