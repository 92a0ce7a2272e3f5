import t from 'tap'
import { IncomingIds } from '../../src/bus/incoming-ids.ts'

t.test('a message has arrived until it is released', async (t) => {
  const ids = new IncomingIds(9)
  t.notOk(ids.arrived(7))
  t.ok(ids.arrived(7))
  t.ok(ids.released(7))
  t.notOk(ids.released(7))
  t.notOk(ids.arrived(7))
})

t.test('past the window the oldest is forgotten', async (t) => {
  const ids = new IncomingIds(2)
  for (const id of [1, 2, 3]) t.notOk(ids.arrived(id))
  t.same(
    [1, 2, 3].map((id) => ids.released(id)),
    [false, true, true],
  )
})
