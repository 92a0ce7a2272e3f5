import t from 'tap'
import { createRecentMap } from '../../src/access/recent-map.ts'

t.test('it keeps what was asked for lately, and no more than it may', async (t) => {
  const map = createRecentMap(2, () => ({}))
  const [a, b] = [map.of('a'), map.of('b')]
  t.equal(map.of('a'), a)
  map.of('c')
  t.ok(map.has('a'))
  t.notOk(map.has('b'))
  t.equal(map.of('a'), a)
  t.not(map.of('b'), b)
})
