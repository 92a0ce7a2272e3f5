import { setImmediate as turnOver } from 'node:timers/promises'
import t from 'tap'
import {
  type Attempt,
  type AttemptResult,
  createLoginThrottle,
  type LoginThrottleOptions,
  type Refused,
} from '../../src/access/login-throttle.ts'
import { checkConfig } from '../../src/config.ts'

const { limits } = checkConfig({ users: { clown: { password: 'bigclown' } } })
const here = '127.0.0.1'

interface Overrides {
  readonly signIn?: Partial<LoginThrottleOptions['limits']['signIn']>
  readonly connections?: Partial<LoginThrottleOptions['limits']['connections']>
}

function openThrottle({ signIn, connections }: Overrides = {}) {
  const state = { nowMs: 0 }
  const { begin, turn } = createLoginThrottle({
    limits: {
      signIn: { ...limits.signIn, ...signIn },
      connections: { ...limits.connections, ...connections },
    },
    now: () => state.nowMs,
  })
  /** One attempt from its begin to its end: how long it had to wait, or else undefined. */
  const attempt = (user: string, address: string, result: AttemptResult = 'wrong') => {
    const turn = begin(user, address)
    if ('waitMs' in turn) return turn.waitMs
    turn.end(result)
    return undefined
  }
  /** How many of `count` attempts were let through. */
  const through = (count: number, nth: (number: number) => [user: string, address: string]) => {
    const answers = Array.from({ length: count }, (_, number) => attempt(...nth(number)))
    return answers.filter((waitMs) => waitMs === undefined).length
  }
  return { state, begin, turn, attempt, through }
}

function isRefused(turn: Attempt | Refused): turn is Refused {
  return 'waitMs' in turn
}

t.test(
  'F58: past 10 failures an address has five attempts a second, whoever it tries to be',
  async (t) => {
    const { state, begin, attempt, through } = openThrottle()
    const delays = (count: number) =>
      Array.from({ length: count }, (_, number) => begin(`other${number}`, '192.0.2.1')).flatMap(
        (turn) => (isRefused(turn) ? [] : turn.delayMs),
      )
    t.equal(
      through(10, (number) => [`user${number}`, '192.0.2.1']),
      10,
    )
    t.same(delays(100), [0, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800, 2000])
    t.equal(attempt('clown', '192.0.2.1'), 1000, 'more are refused')
    t.equal(attempt('clown', '192.0.2.2'), undefined)
    state.nowMs = 1000
    t.same(delays(100), [1200, 1400, 1600, 1800, 2000])
    state.nowMs = 10_000
    t.same(delays(1), [0])
  },
)

t.test('F58: names without end make the throttle forget nobody', async (t) => {
  const { attempt, through } = openThrottle()
  t.equal(
    through(100, () => ['clown', '192.0.2.1']),
    5,
  )
  for (let number = 0; number < 20_000; number++) {
    attempt(`user${number}`, `198.51.${number >> 8}.${number & 255}`)
  }
  t.equal(attempt('clown', '192.0.2.1'), 1000)
})

t.test('a network of IPv6 is one address', async (t) => {
  const { through } = openThrottle()
  t.equal(
    through(100, (number) => [`user${number}`, `2001:db8::${number}`]),
    10 + 11,
  )
})

t.test('a user name has 10 failures, from wherever, of which one address has 5', async (t) => {
  const { attempt, through } = openThrottle()
  t.equal(
    through(100, () => ['clown', '192.0.2.1']),
    5,
  )
  t.equal(attempt('clown', '192.0.2.2'), undefined, 'one address locks nobody else out')
  t.equal(
    through(100, (number) => ['clown', `198.51.100.${number}`]),
    4,
  )
  t.equal(attempt('clown', '203.0.113.1', 'right'), 1000)
  t.equal(attempt('other', '203.0.113.1', 'right'), undefined)
})

t.test('where a user has signed in before, the failures of others do not count', async (t) => {
  const { state, attempt, through } = openThrottle()
  t.equal(attempt('clown', '192.0.2.1', 'right'), undefined)
  t.equal(
    through(100, (number) => ['clown', `198.51.100.${number}`]),
    10,
  )
  t.equal(
    through(100, (number) => [`user${number}`, '192.0.2.1']),
    10 + 11,
  )
  t.equal(attempt('clown', '192.0.2.1', 'right'), undefined)
  t.equal(
    through(4, () => ['clown', '192.0.2.1']),
    4,
  )
  t.equal(attempt('clown', '192.0.2.1', 'right'), undefined, 'a success wipes the slate there')
  t.equal(
    through(100, () => ['clown', '192.0.2.1']),
    5,
    'but guesses are few there too',
  )
  t.equal(attempt('clown', '192.0.2.1', 'right'), 1000)
  state.nowMs = 1000
  t.equal(attempt('clown', '192.0.2.1', 'right'), undefined)
})

t.test('what runs counts, and what was not checked does not', async (t) => {
  const { begin, attempt } = openThrottle()
  const turns = Array.from({ length: 20 }, () => begin('clown', '192.0.2.1'))
  t.equal(turns.filter(isRefused).length, 15)
  for (const turn of turns) if (!isRefused(turn)) turn.end('unchecked')
  t.equal(attempt('clown', '192.0.2.1'), undefined)
})

t.test(
  'this machine is never locked out: past its failures, each attempt is delayed',
  async (t) => {
    const { state, begin, attempt, through } = openThrottle({ signIn: { checksWaiting: 2 } })
    t.equal(
      through(1000, (number) => ['clown', `127.0.0.${1 + (number % 9)}`]),
      1000,
    )
    const [one, other, third] = [begin('clown', here), begin('a', '::1'), begin('b', here)]
    t.match([one, other, third], [{ delayMs: 1000 }, { delayMs: 1000 }, { waitMs: 1000 }])
    if (!isRefused(one)) one.end('right')
    t.match(begin('clown', here), { delayMs: 1000 })
    t.equal(attempt('clown', '192.0.2.1'), undefined, 'and it locks nobody out')
    state.nowMs = 1_000_000
    t.match(begin('clown', here), { delayMs: 0 })
  },
)

t.test(
  'what pages of a foreign origin fail at counts against it, and not their user',
  async (t) => {
    const { begin, through, attempt } = openThrottle()
    const evil = 'http://evil.example'
    const good = 'http://page.example'
    const guess = (user: string, address: string, origin = evil) => {
      const turn = begin(user, address, origin)
      if (isRefused(turn)) return turn.waitMs
      turn.end(origin === good ? 'right' : 'wrong')
      return undefined
    }
    const guesses = (count: number, nth: (number: number) => Parameters<typeof guess>) =>
      Array.from({ length: count }, (_, number) => guess(...nth(number))).filter((ms) => !ms).length
    t.equal(
      guesses(100, (number) => [`user${number}`, here]),
      10,
      'from this machine, too, where all others are only delayed',
    )
    t.equal(
      guesses(100, (number) => [`user${number}`, `192.0.2.${number}`]),
      0,
      'the origin has used up its failures, wherever its users are',
    )
    t.equal(guess('clown', '192.0.2.1', good), undefined)
    t.equal(
      guesses(100, (number) => ['clown', '192.0.2.2', `http://${number}.example`]),
      5,
      'who names many origins has what one address has',
    )
    t.equal(guess('clown', '192.0.2.1', good), undefined, 'who was right')
    t.equal(attempt('clown', '192.0.2.2'), undefined, 'and the address itself is as before')
    t.equal(
      through(100, (number) => [`other${number}`, '192.0.2.2']),
      9 + 11,
    )
  },
)

t.test('behind a proxy on this machine, loopback is an address like any other', async (t) => {
  const { through } = openThrottle({ connections: { exemptLoopback: false } })
  t.equal(
    through(100, () => ['clown', here]),
    5,
  )
})

/** The attempts of `count` users of one address that come at once, as they get their turns. */
function comeAtOnce({ turn }: Pick<ReturnType<typeof openThrottle>, 'turn'>, count: number) {
  const begun: Attempt[] = []
  const others: (Refused | 'busy')[] = []
  const all = Array.from({ length: count }, async (_, number) => {
    const result = await turn(`user${number}`, '192.0.2.1')
    if (result !== 'busy' && 'end' in result) begun.push(result)
    else others.push(result)
  })
  return { begun, others, all: Promise.all(all) }
}

t.test(
  'many who come at once from one address wait for each other, and all have their turn',
  async (t) => {
    const throttle = openThrottle()
    const { begun, others, all } = comeAtOnce(throttle, 500)
    let most = 0
    for (let ended = 0; ended < 500; ended++) {
      await turnOver()
      most = Math.max(most, begun.length - ended)
      begun[ended]?.end('right')
    }
    await all
    t.equal(begun.length, 500)
    t.same(others, [])
    t.equal(most, 10, 'as many at once as may fail')
  },
)

t.test(
  'those who wait behind guesses are slowed down with them, and refused when they are too many',
  async (t) => {
    const throttle = openThrottle()
    const { begun, others, all } = comeAtOnce(throttle, 100)
    await turnOver()
    t.equal(begun.length, 10)
    for (const attempt of begun.slice()) attempt.end('wrong')
    await turnOver()
    t.same(
      begun.slice(10).map(({ delayMs }) => delayMs),
      [0],
      'one after another',
    )
    for (let ended = 10; ended < begun.length; ended++) {
      begun[ended]?.end('wrong')
      await turnOver()
    }
    await all
    t.equal(begun.length, 10 + 11)
    t.same(
      others,
      Array.from({ length: 79 }, () => ({ waitMs: 1000 })),
    )
  },
)

t.test(
  'no more wait than there are places, and those of other addresses do not wait',
  async (t) => {
    const throttle = openThrottle({ signIn: { checksWaiting: 5 } })
    const { begun, others } = comeAtOnce(throttle, 20)
    t.match(await throttle.turn('user', '192.0.2.2'), { delayMs: 0 })
    t.equal(begun.length, 10)
    t.same(others, ['busy', 'busy', 'busy', 'busy', 'busy'])
  },
)

t.test('this machine waits for nobody', async (t) => {
  const { turn } = openThrottle()
  for (let count = 0; count < 20; count++) t.match(await turn('clown', here), { delayMs: 0 })
})
