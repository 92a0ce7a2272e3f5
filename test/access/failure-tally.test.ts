import t from 'tap'
import { FailureTallies, FailureTally } from '../../src/access/failure-tally.ts'

const limits = { failures: 3, windowMs: 10_000, longestDelayMs: 8000 }

/** Fails at `nowMs`, and answers how long one has to wait then. */
function failAt(tally: FailureTally, nowMs: number): number {
  tally.fail(nowMs)
  return tally.waitMs(nowMs)
}

t.test('some failures within a window are free, and old ones do not count', async (t) => {
  const tally = new FailureTally(limits)
  t.same(
    [0, 4000, 10_000, 14_000].map((nowMs) => failAt(tally, nowMs)),
    [0, 0, 0, 0],
  )
  t.equal(failAt(tally, 15_000), 1000)
})

t.test('after them each failure doubles the pause, up to the longest', async (t) => {
  const tally = new FailureTally(limits)
  t.same(
    [0, 0, 0].map((nowMs) => failAt(tally, nowMs)),
    [0, 0, 1000],
  )
  t.equal(tally.waitMs(400), 600)
  t.equal(tally.waitMs(1000), 0)
  t.same(
    [1000, 3000, 7000, 15_000].map((nowMs) => failAt(tally, nowMs)),
    [2000, 4000, 8000, 8000],
  )
})

t.test('a window in peace after the last pause makes all good', async (t) => {
  const tally = new FailureTally(limits)
  for (const nowMs of [0, 0, 0]) tally.fail(nowMs)
  t.equal(failAt(tally, 10_999), 2000)
  t.same(
    [22_999, 22_999, 22_999].map((nowMs) => failAt(tally, nowMs)),
    [0, 0, 1000],
  )
})

t.test('what still runs may fail, so it counts until it has not', async (t) => {
  const tally = new FailureTally(limits)
  for (let count = 0; count < 3; count++) tally.begin()
  t.equal(tally.waitMs(0), 1000)
  tally.end(false, 0)
  t.equal(tally.waitMs(0), 0)
  tally.end(true, 0)
  tally.begin()
  t.equal(tally.waitMs(0), 1000)
  for (let count = 0; count < 2; count++) tally.end(true, 0)
  t.equal(tally.waitMs(0), 1000)
  tally.begin()
  t.equal(tally.waitMs(1000), 1000, 'one at a time from now on')
})

t.test('a success may wipe the slate', async (t) => {
  const tally = new FailureTally(limits)
  for (const nowMs of [0, 0, 0]) tally.fail(nowMs)
  tally.reset()
  t.equal(failAt(tally, 0), 0)
})

t.test(
  'it is crowded while only others stand in the way, and not after too many failures',
  async (t) => {
    const tally = new FailureTally(limits)
    t.notOk(tally.isCrowded(0))
    for (let count = 0; count < 3; count++) tally.begin()
    t.ok(tally.isCrowded(0))
    tally.end(true, 0)
    t.ok(tally.isCrowded(0), 'the other two may fail as well')
    tally.end(true, 0)
    tally.end(true, 0)
    t.notOk(tally.isCrowded(0))
    t.equal(tally.waitMs(0), 1000)
  },
)

t.test(
  'there is a tally only while something is counted, and the oldest of too many goes',
  async (t) => {
    const tallies = new FailureTallies(limits)
    tallies.at('a').begin()
    tallies.settle('a', 0)
    t.ok(tallies.find('a'))
    tallies.at('a').end(false, 0)
    tallies.settle('a', 0)
    t.equal(tallies.find('a'), undefined)
    tallies.settle('unknown', 0)
    for (let number = 0; number < 65_536; number++) tallies.at(`${number}`).fail(0)
    t.ok(tallies.find('0'))
    tallies.at('one more')
    t.equal(tallies.find('0'), undefined)
    t.ok(tallies.find('1'))
  },
)
