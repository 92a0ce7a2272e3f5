import t from 'tap'
import { optionsOf } from '../../src/mqtt/read-packets.ts'
import {
  grantOf,
  plainGrant,
  SubscriptionQuota,
  Subscriptions,
} from '../../src/mqtt/subscriptions.ts'

const qos = { 0: 0, 1: 1, 2: 2, noLocal: 4, asPublished: 8 } as const

function subscription(filter: string, bits = 0, identifier?: number) {
  return { filter, ...optionsOf(bits, identifier) }
}

function clientsOf(subscriptions: number, totalSubscriptions: number) {
  const quota = new SubscriptionQuota({ subscriptions, totalSubscriptions })
  const client = (user = 'one', clientId = '') => {
    const own = new Subscriptions(quota, { user, clientId })
    const subscribe = (filter: string) => {
      const hasRoom = own.hasRoomFor(filter)
      if (hasRoom) own.set(subscription(filter))
      return hasRoom
    }
    const end = () => {
      for (const { filter } of own.all()) own.delete(filter)
    }
    return { own, subscribe, end }
  }
  return { quota, client }
}

t.test('a client has so many filters, each once', async (t) => {
  const { client } = clientsOf(2, 9)
  const [one, other] = [client(), client()]
  t.same(
    ['a', 'b', 'c', 'a'].map((filter) => one.subscribe(filter)),
    [true, true, false, true],
  )
  t.ok(other.subscribe('c'))
  t.notOk(one.own.delete('never had'))
  t.notOk(one.subscribe('c'))
  t.ok(one.own.delete('a'))
  t.ok(one.subscribe('c'))
})

t.test('all together have so many, and the end of one makes room', async (t) => {
  const { client, quota } = clientsOf(2, 3)
  const [one, other, third] = [client(), client(), client()]
  t.same(
    [one, one, other, other].map(({ subscribe }, at) => subscribe(`${at}`)),
    [true, true, true, false],
  )
  one.end()
  one.end()
  t.same(
    [other, third, third].map(({ subscribe }, at) => subscribe(`${at} more`)),
    [true, true, false],
  )
  t.equal(quota.total, 3)
})

t.test('what an earlier hub has kept counts, also past a limit', async (t) => {
  const { client } = clientsOf(1, 2)
  const [kept, other] = [client(), client()]
  for (const filter of ['a', 'b', 'c']) kept.own.set(subscription(filter))
  t.notOk(other.subscribe('a'))
  kept.end()
  t.ok(other.subscribe('a'))
})

t.test('F57: a user who has most filters leaves the others an equal share', async (t) => {
  const { client } = clientsOf(9, 8)
  const [heavy, more] = [client('heavy'), client('heavy')]
  for (const filter of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) t.ok(heavy.subscribe(filter))
  t.ok(more.subscribe('a'))
  t.notOk(more.subscribe('b'))
  const light = client('light')
  t.same(
    ['a', 'b', 'c'].map((filter) => light.subscribe(filter)),
    [true, true, false],
  )
  light.end()
  heavy.end()
  t.ok(more.subscribe('b'))
})

/** How a client with these subscriptions gets a message. */
function grantFor(all: ReturnType<typeof subscription>[], message: object = {}) {
  const own = new Subscriptions(
    new SubscriptionQuota({ subscriptions: 9, totalSubscriptions: 9 }),
    { user: 'one', clientId: '' },
  )
  for (const one of all) own.set(one)
  return own.grantFor({ topic: 'a/b', qos: 2, retain: false, ...message }, 'one:me')
}

t.test('of all that match the highest QoS counts, and at most that of the message', async (t) => {
  t.equal(grantFor([subscription('a/b', 2)]), plainGrant(2, false))
  t.equal(grantFor([subscription('a/b', 1), subscription('a/+', 2)]), plainGrant(2, false))
  t.equal(grantFor([subscription('a/b', 1), subscription('#', 0)]), plainGrant(1, false))
  t.equal(grantFor([subscription('a/#', 1), subscription('c', 2)]), plainGrant(1, false))
  t.equal(grantFor([subscription('a/b', 2)], { qos: 1 }), plainGrant(1, false))
  t.equal(
    grantFor([subscription('a/b', 0), subscription('#', 1)], { qos: 1 }),
    plainGrant(1, false),
  )
  t.equal(grantFor([subscription('#', 0)], { qos: 0 }), plainGrant(0, false))
})

t.test('no local, retain as published and identifiers are of each subscription', async (t) => {
  const own = { client: 'one:me', retain: true }
  t.equal(grantFor([subscription('#', qos.noLocal)], own), undefined)
  t.equal(grantFor([subscription('#', qos.noLocal)]), plainGrant(0, false))
  t.equal(
    grantFor([subscription('#', 2 | qos.noLocal), subscription('a/b', 1)], own),
    plainGrant(1, false),
  )
  t.equal(grantFor([subscription('#', 1 | qos.asPublished)], own), plainGrant(1, true))
  t.equal(grantFor([subscription('#', 1 | qos.asPublished)]), plainGrant(1, false))
  t.same(grantFor([subscription('#', 1, 7), subscription('a/b', 2, 8), subscription('a/+', 0)]), {
    qos: 2,
    retain: false,
    identifiers: [8, 7],
  })
})

t.test('a subscription that is changed or gone counts no more', async (t) => {
  const own = new Subscriptions(
    new SubscriptionQuota({ subscriptions: 9, totalSubscriptions: 9 }),
    { user: 'one', clientId: '' },
  )
  t.ok(own.set(subscription('a/+', 2 | qos.asPublished, 7)))
  t.notOk(own.set(subscription('a/+', 1)))
  own.set(subscription('a/#', 2))
  own.delete('a/#')
  const message = { topic: 'a/b', qos: 2, retain: true } as const
  t.equal(own.grantFor(message, ''), plainGrant(1, false))
  t.equal(own.size, 1)
  t.equal(own.get('a/+')?.qos, 1)
})

t.test('what is shared is counted, and matched elsewhere', async (t) => {
  const quota = new SubscriptionQuota({ subscriptions: 9, totalSubscriptions: 9 })
  const own = new Subscriptions(quota, { user: 'one', clientId: '' })
  const shared = subscription('$share/g/a/#', 1 | qos.asPublished, 7)
  own.set(shared)
  t.same([quota.total, quota.shared], [1, 1])
  own.set(subscription('a/b', 0))
  t.equal(own.grantFor({ topic: 'a/b', qos: 2, retain: false }, ''), plainGrant(0, false))
  t.same(grantOf(shared, { topic: 'a/b', qos: 2, retain: true }), {
    qos: 1,
    retain: true,
    identifiers: [7],
  })
  own.delete('$share/g/a/#')
  t.same([quota.total, quota.shared], [1, 0])
})

t.test('of what a user may have, each client has an equal share', async (t) => {
  const { client } = clientsOf(99, 8)
  const [greedy, modest] = [client('house', 'greedy'), client('house', 'modest')]
  for (let at = 0; at < 8; at++) t.ok(greedy.subscribe(`a/${at}`))
  t.notOk(greedy.subscribe('a/8'))
  t.same([modest.subscribe('b/0'), modest.subscribe('b/1')], [true, false])
})
