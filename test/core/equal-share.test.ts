import t from 'tap'
import { hasRoomFor, ShareQuota } from '../../src/core/equal-share.ts'

t.test('what takes nothing more is never too much', async (t) => {
  t.ok(hasRoomFor({ most: 1, total: 9, own: 9, sharers: 1 }, -1))
  t.notOk(hasRoomFor({ most: 1, total: 9, own: 0, sharers: 1 }))
})

t.test('F57: past what there may be, who has less than an equal share may have more', async (t) => {
  const quota = new ShareQuota(6)
  quota.count('a', 5)
  t.ok(quota.hasRoomFor('a'))
  quota.count('a', 1)
  t.notOk(quota.hasRoomFor('a'))
  t.ok(quota.hasRoomFor('b'), 'who has none may have one')
  quota.count('b', 1)
  t.ok(quota.hasRoomFor('b'))
  quota.count('b', 1)
  t.notOk(quota.hasRoomFor('b'), 'a third may come')
  quota.count('a', -6)
  t.equal(quota.total, 2)
})

t.test(
  'F57: of what one may have, the node with less than an equal share may have more',
  async (t) => {
    const quota = new ShareQuota(40)
    quota.count('house', 40, 'liar')
    t.notOk(quota.hasRoomFor('house', 'liar'))
    t.ok(quota.hasRoomFor('house', 'lamp'))
    quota.count('house', 10, 'lamp')
    t.notOk(quota.hasRoomFor('house', 'shed'), 'up to a quarter more')
    t.notOk(quota.hasRoomFor('guest'))
    t.equal(quota.total, 50)
  },
)
