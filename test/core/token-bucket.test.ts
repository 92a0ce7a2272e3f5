import t from 'tap'
import { TokenBucket } from '../../src/core/token-bucket.ts'

t.test('a burst passes at once, then as many as the rate allows', async (t) => {
  let nowMs = 0
  const bucket = new TokenBucket({ perSecond: 10, burst: 3, now: () => nowMs })
  t.same([bucket.take(), bucket.take(), bucket.take(), bucket.take()], [true, true, true, false])
  t.equal(bucket.waitMs(), 100)
  nowMs = 50
  t.notOk(bucket.take())
  t.equal(bucket.waitMs(), 50)
  nowMs = 100
  t.ok(bucket.take())
  t.notOk(bucket.take())
})

t.test('a long rest fills no more than the burst', async (t) => {
  let nowMs = 0
  const bucket = new TokenBucket({ perSecond: 10, burst: 2, now: () => nowMs })
  t.ok(bucket.take())
  nowMs = 3_600_000
  t.equal(bucket.waitMs(), 0)
  t.same([bucket.take(), bucket.take(), bucket.take()], [true, true, false])
})

t.test(
  'what counts for several passes when there is room for one, and the next waits longer',
  async (t) => {
    let nowMs = 0
    const bucket = new TokenBucket({ perSecond: 10, burst: 2, now: () => nowMs })
    t.ok(bucket.take(5))
    t.notOk(bucket.take())
    t.equal(bucket.waitMs(), 400)
    nowMs = 400
    t.ok(bucket.take())
  },
)

t.test('without a clock it takes the one of the process', async (t) => {
  t.ok(new TokenBucket({ perSecond: 1, burst: 1 }).take())
})
