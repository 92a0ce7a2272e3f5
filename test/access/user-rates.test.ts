import t from 'tap'
import { createUserRates } from '../../src/access/user-rates.ts'
import { TokenBucket } from '../../src/core/token-bucket.ts'

t.test('all connections of a user share a rate, and others have their own', async (t) => {
  const state = { nowMs: 0 }
  const now = () => state.nowMs
  const rateOf = createUserRates({ limits: { messagesPerSecond: 10, messageBurst: 3 }, now })
  const own = () => new TokenBucket({ perSecond: 1000, burst: 1000, now })
  const [one, two] = [own(), own()]
  t.equal(rateOf('ann').heldBy(one), undefined)
  t.equal(rateOf('ann').heldBy(two, 2), undefined)
  t.equal(rateOf('ann').heldBy(one), 'user')
  t.equal(rateOf('ann').waitMs(), 100)
  t.equal(rateOf('bob').heldBy(own()), undefined)
  state.nowMs = 100
  t.equal(rateOf('ann').heldBy(two), undefined)
})

t.test('what a connection holds back by its own rate does not count for its user', async (t) => {
  const now = () => 0
  const rateOf = createUserRates({ limits: { messagesPerSecond: 10, messageBurst: 1 }, now })
  const slow = new TokenBucket({ perSecond: 1, burst: 1, now })
  slow.take()
  t.equal(rateOf('ann').heldBy(slow), 'connection')
  t.equal(rateOf('ann').waitMs(), 0)
})

t.test('a user may send thousands of messages at once', async (t) => {
  const rateOf = createUserRates({ limits: { messagesPerSecond: 10_000, messageBurst: 20_000 } })
  const wide = new TokenBucket({ perSecond: 1, burst: 20_000 })
  let held = 0
  for (let at = 0; at < 20_000; at++) if (rateOf('z2m').heldBy(wide) !== undefined) held++
  t.equal(held, 0)
})
