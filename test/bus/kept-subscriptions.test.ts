import t from 'tap'
import { KeptSubscriptions } from '../../src/bus/kept-subscriptions.ts'

t.test('a session has one subscription to a filter, the latest', async (t) => {
  const kept = new KeptSubscriptions()
  const [low, high] = [0, 2].map((qos) => ({ clientId: 'one', topic: 'a/+', qos: qos as 0 | 2 }))
  if (low === undefined || high === undefined) throw new Error('expected two')
  t.equal(kept.add(low), true)
  t.same(kept.matching('a/b'), [], 'for QoS 0 nothing is kept')
  t.equal(kept.add(high), false)
  t.same(kept.matching('a/b'), [high])
  t.same(kept.of('one'), [high])
  t.same(kept.counts, { subsCount: 1, clientsCount: 1 })
  t.equal(kept.remove('one', 'a/+'), true)
  t.equal(kept.remove('one', 'a/+'), false)
  t.equal(kept.remove('nobody', 'a/+'), false)
  t.same([kept.of('one'), kept.matching('a/b')], [[], []])
  t.same(kept.counts, { subsCount: 0, clientsCount: 0 })
})

t.test('wildcards do not stand for what the hub tells of itself', async (t) => {
  const kept = new KeptSubscriptions()
  for (const topic of ['#', '+/a', '$SYS/#']) kept.add({ clientId: 'one', topic, qos: 1 })
  t.same(
    kept.matching('$SYS/a').map(({ topic }) => topic),
    ['$SYS/#'],
  )
})
