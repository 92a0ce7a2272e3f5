import t from 'tap'
import { SubscriptionQuota } from '../../src/bus/subscription-quota.ts'

function quotaOf(subscriptions: number, totalSubscriptions: number) {
  const quota = new SubscriptionQuota({ subscriptions, totalSubscriptions })
  const subscribe = (client: string, filter: string) => {
    const hasRoom = quota.hasRoomFor(client, filter)
    if (hasRoom) quota.take(client, filter)
    return hasRoom
  }
  return { quota, subscribe }
}

t.test('a client has so many filters, each once', async (t) => {
  const { quota, subscribe } = quotaOf(2, 9)
  t.same(
    ['a', 'b', 'c', 'a'].map((filter) => subscribe('one', filter)),
    [true, true, false, true],
  )
  t.ok(subscribe('other', 'c'))
  quota.give('one', 'never had')
  t.notOk(subscribe('one', 'c'))
  quota.give('one', 'a')
  t.ok(subscribe('one', 'c'))
  quota.give('nobody', 'a')
})

t.test('all together have so many, and the end of one makes room', async (t) => {
  const { quota, subscribe } = quotaOf(2, 3)
  t.same(
    ['one', 'one', 'other', 'other'].map((client, at) => subscribe(client, `${at}`)),
    [true, true, true, false],
  )
  quota.end('one')
  quota.end('one')
  t.same(
    ['other', 'third', 'third'].map((client, at) => subscribe(client, `${at} more`)),
    [true, true, false],
  )
})

t.test('what an earlier hub has kept counts, also past a limit', async (t) => {
  const { quota, subscribe } = quotaOf(1, 2)
  for (const filter of ['a', 'b', 'c']) quota.take('kept', filter)
  t.notOk(subscribe('other', 'a'))
  quota.end('kept')
  t.ok(subscribe('other', 'a'))
})

t.test(
  'filters with wildcards are found by topic, of one client and while it has them',
  async (t) => {
    const { quota, subscribe } = quotaOf(9, 99)
    for (const filter of ['a/+', 'a/#', '#', 'a/b', '$SYS/#']) subscribe('one', filter)
    subscribe('other', '+/b')
    t.same([...quota.patternsFor('one', 'a/b')].sort(), ['#', 'a/#', 'a/+'])
    t.same(quota.patternsFor('one', '$SYS/x'), ['$SYS/#'])
    quota.give('one', 'a/#')
    t.same([...quota.patternsFor('one', 'a/b')].sort(), ['#', 'a/+'])
    quota.end('one')
    t.same(quota.patternsFor('one', 'a/b'), [])
  },
)
