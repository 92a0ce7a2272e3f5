import t from 'tap'
import { createByteBudget } from '../../src/core/byte-budget.ts'

t.test('all together hold so much, those of one owner half of it, and some is free', async (t) => {
  const newShare = createByteBudget({ totalBytes: 100, freeBytes: 10 })
  let ownerOfLast = ''
  const [one, two] = [newShare(() => 'a'), newShare(() => 'a')]
  const other = newShare(() => 'b')
  const last = newShare(() => ownerOfLast)
  t.ok(one.hold(40))
  t.notOk(two.hold(31), 'their owner has more than half')
  t.ok(two.hold(30))
  t.ok(other.hold(60))
  t.notOk(last.hold(11), 'nothing is left')
  t.ok(last.hold(10), 'but what is free')
  t.notOk(one.hold(41), 'nor for who has some')
  t.ok(one.hold(40), 'who keeps it')
  t.ok(one.hold(0))
  t.ok(last.hold(40), 'there is room again')
  t.ok(last.hold(20))
  ownerOfLast = 'a'
  t.ok(last.hold(21))
  t.notOk(one.hold(30), 'what is held goes along with its holder')
  t.ok(one.hold(29))
})
