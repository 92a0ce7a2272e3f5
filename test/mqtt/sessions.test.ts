import t, { type Test } from 'tap'
import { steadyMs } from '../../src/core/clock.ts'
import type { SessionConnection } from '../../src/mqtt/client-output.ts'
import { createClients } from '../../src/mqtt/clients.ts'
import type { StoredSession } from '../../src/mqtt/session-journal.ts'
import { type SessionLimits, Sessions } from '../../src/mqtt/sessions.ts'
import { ShareGroups, SubscriptionQuota } from '../../src/mqtt/subscriptions.ts'
import { type Journal, openJournal } from '../../src/store/journal.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { userNamed } from '../access/changing-directory.ts'
import { steppedClock } from '../clock.ts'
import { delivery } from './kept-message.ts'

const hourMs = 3_600_000

const nowhere = { on: () => {}, removeListener: () => {} }

/** A connection that takes everything; whether another one took its place. */
function openConnection() {
  const connection = {
    isBridge: false,
    hasProperties: true,
    receiveMaximum: 65_535,
    isBehind: false,
    send: () => true,
    sendRelease: () => {},
    hasReplayRoom: () => true,
    lastByteAtMs: 0,
    reset: () => {},
    isOver: false,
    takenOver: () => {
      connection.isOver = true
    },
  }
  return connection
}

/** Sessions, what became of them, and short ways to bring clients in. */
function startSessions(t: Test, limits: Partial<SessionLimits> = {}, clock = steppedClock()) {
  const ended: string[] = []
  const dropped: string[] = []
  const notedAway: string[] = []
  const journal: Journal = {
    ...openJournal(openMemoryStore()),
    isLasting: true,
    note: (key, value) => {
      const [sinceMs = '', seconds] = String(value).split(' ')
      if (!key.endsWith('/client') || sinceMs === '') return
      const awayMs = Math.round((steadyMs() - Number(sinceMs)) / 1000) * 1000
      notedAway.push(`${key.split('/')[1]} for ${awayMs} of ${seconds}`)
    },
  }
  const sessions = new Sessions({
    limits: { count: 9, hours: 9, messages: 9, bytes: 10_000, totalBytes: 10_000, ...limits },
    bus: nowhere,
    clients: createClients({ edition: 1, find: () => userNamed('any', { role: 'viewer' }) }),
    quota: new SubscriptionQuota({ subscriptions: 9, totalSubscriptions: 9 }),
    groups: new ShareGroups(nowhere, []),
    onEnded: () => {},
    onHanded: () => {},
    onTakenOver: () => {},
    onGivenUp: (name) => ended.push(name),
    onDropped: (name, { payload }) => dropped.push(`${name} ${payload}`),
    journal,
    clock,
  })
  t.teardown(() => sessions.close())
  const enter = (name: string, connection: SessionConnection, seconds?: number) => {
    const clean = seconds === 0
    const expirySeconds = sessions.expiryOf(seconds)
    return sessions.accept({ name, clean, expirySeconds }, connection)
  }
  const accept = (name: string, clean = false, connection = openConnection()) => {
    return enter(name, connection, clean ? 0 : undefined)[1]
  }
  const left = (name: string, connection: SessionConnection) => {
    const session = sessions.get(name)
    if (session !== undefined) sessions.left(session, connection)
  }
  /** A client that came and went. */
  const visit = (name: string, seconds?: number) => {
    const connection = openConnection()
    const [, isPresent] = enter(name, connection, seconds)
    left(name, connection)
    return isPresent
  }
  const keep = (name: string, number: number) => sessions.get(name)?.keep(delivery(number))
  return { sessions, accept, enter, left, visit, keep, ended, dropped, notedAway }
}

t.test('a session goes on until a clean one takes its place', async (t) => {
  const { sessions, accept, left } = startSessions(t)
  t.notOk(accept('a'))
  t.ok(accept('a'))
  t.notOk(accept('b'), 'each client has its own')
  const link = openConnection()
  t.notOk(accept('a', true, link))
  t.ok(sessions.get('a'))
  left('a', link)
  t.equal(sessions.get('a'), undefined, 'a clean one ends with its link')
  t.notOk(accept('a'))
  t.ok(accept('a'))
  t.notOk(accept('__proto__'))
})

t.test('past the count the session ends whose client has been away for longest', async (t) => {
  const { accept, visit, ended } = startSessions(t, { count: 2 })
  for (const clientId of ['b', 'a', 'b']) visit(clientId)
  t.ok(accept('a'), 'who is back is not away')
  for (const clientId of ['c', 'd']) visit(clientId)
  t.same(ended, ['b'])
  t.notOk(accept('b'))
})

t.test('F57: past the count it is one of the user who has most', async (t) => {
  const { accept, visit, ended } = startSessions(t, { count: 4 })
  visit('old:one')
  for (const clientId of ['a', 'b', 'c', 'd', 'e']) visit(`many:${clientId}`)
  t.same(ended, ['many:a', 'many:b'])
  visit('other:one')
  visit('other:two')
  t.same(ended.slice(2), ['many:c', 'many:d'])
  visit('other:three')
  t.same(ended.slice(4), ['other:one'])
  t.ok(accept('old:one'), 'who was first is still there')
})

t.test('F57: past the bytes of all, it is one of the user for whom most is kept', async (t) => {
  const { visit, keep, ended } = startSessions(t, { totalBytes: 900 })
  visit('old:one')
  keep('old:one', 1)
  for (const clientId of ['a', 'b', 'c']) {
    visit(`many:${clientId}`)
    keep(`many:${clientId}`, 2)
    keep(`many:${clientId}`, 3)
  }
  t.ok(ended.length > 0)
  t.ok(ended.every((name) => name.startsWith('many:')))
})

t.test('a session ends when its client has been away for too long', async (t) => {
  const clock = steppedClock()
  const { visit, ended } = startSessions(t, { hours: 2 }, clock)
  visit('a')
  clock.step(hourMs)
  visit('b')
  clock.step(hourMs)
  t.same(ended, ['a'])
})

t.test('a session lives as long as its client wants, and no longer than there is', async (t) => {
  const clock = steppedClock()
  const { sessions, visit, ended } = startSessions(t, { hours: 2 }, clock)
  visit('short', 5)
  visit('long', 100 * 3600)
  clock.step(4999)
  t.same(ended, [])
  clock.step(1)
  t.same(ended, ['short'])
  t.notOk(visit('short', 5))
  t.ok(visit('short', 9))
  clock.step(8000)
  t.same(ended, ['short'])
  clock.step(1000)
  t.same(ended, ['short', 'short'])
  clock.step(2 * hourMs)
  t.same(ended, ['short', 'short', 'long'])
  t.equal(sessions.expired, 3)
  t.same(sessions.count, { total: 0, away: 0 })
})

t.test('a session that is not kept ends with its connection, also by another one', async (t) => {
  const { enter, left, sessions } = startSessions(t)
  const first = openConnection()
  first.takenOver = () => {
    first.isOver = true
    left('a', first)
  }
  const session = enter('a', first, 0)[0]
  session.keep(delivery(1))
  t.same(sessions.kept, { messages: 1, bytes: 0 })
  const [second, isPresent] = enter('a', openConnection(), 60)
  t.ok(first.isOver)
  t.same([second.isKept, isPresent, second === session], [true, false, false])
})

t.test('a link that was taken over ends nothing', async (t) => {
  const { sessions, accept, left, visit, ended } = startSessions(t, { count: 1 })
  const first = openConnection()
  accept('a', false, first)
  accept('a')
  left('a', first)
  t.ok(first.isOver)
  t.ok(sessions.get('a')?.connection)
  visit('b')
  visit('c')
  t.same(ended, ['b'])
  left('nobody', first)
})

t.test('F57: of a user with several clients it is the one for whom most is kept', async (t) => {
  const { visit, keep, ended } = startSessions(t, { totalBytes: 1500 })
  for (const clientId of ['first', 'flooded', 'last']) {
    visit(`nodes:${clientId}`)
    keep(`nodes:${clientId}`, 1)
  }
  for (let id = 2; id < 9 && ended.length === 0; id++) keep('nodes:flooded', id)
  t.same(ended, ['nodes:flooded'], 'and not the one that was there first')
})

t.test(
  'past the bytes of all, who has most gives way, and of equals who is away for longest',
  async (t) => {
    const { accept, visit, keep, ended, dropped } = startSessions(t, { totalBytes: 600 })
    for (const clientId of ['empty', 'a', 'b']) visit(clientId)
    keep('a', 1)
    keep('b', 2)
    keep('nobody', 3)
    t.same(ended, [])
    visit('c')
    keep('c', 4)
    t.same(ended, ['a'], 'what holds nothing may stay')
    accept('b')
    accept('c')
    keep('b', 5)
    t.same([ended, dropped], [['a'], ['b 2']], 'who is there only loses the oldest message')
  },
)

t.test('what others hold does not end before what may be dropped', async (t) => {
  const { accept, keep, dropped } = startSessions(t, { totalBytes: 300 })
  accept('a')
  accept('b')
  keep('a', 1)
  keep('b', 2)
  t.same(dropped, ['b 2'])
})

/** What an earlier hub has left of sessions in which nothing waits. */
function storedSessions(awayMsOf: Record<string, number>): StoredSession[] {
  const nothing = { lastId: 0, subscriptions: [], messages: [], unreleased: [] }
  const expirySeconds = undefined
  return Object.entries(awayMsOf).map(([clientId, awayMs]) => ({
    clientId,
    awayMs,
    expirySeconds,
    ...nothing,
  }))
}

t.test(
  'who was there when the hub ended is noted as away, lest each start begins anew',
  async (t) => {
    const { sessions, notedAway } = startSessions(t)
    sessions.restore(storedSessions({ there: 0, away: 1000 }))
    t.same(notedAway, ['there for 0 of 32400'])
  },
)

t.test(
  'after a start as many may be away as there were, until they had time to return',
  async (t) => {
    const clock = steppedClock()
    const { sessions, accept, visit, ended } = startSessions(t, { count: 1 }, clock)
    sessions.restore(storedSessions({ a: 0, b: 0, c: 0 }))
    visit('a')
    t.same(ended, [])
    visit('new')
    t.same(ended, ['b'], 'but no more')
    t.ok(accept('c'))
    clock.step(5 * 60_000)
    visit('new')
    t.same(ended, ['b', 'a'])
  },
)

t.test('no session is given up because the hub ends', async (t) => {
  const { sessions, accept, left, ended } = startSessions(t, { count: 1 })
  const links = ['a', 'b', 'c'].map((clientId) => {
    const link = openConnection()
    accept(clientId, false, link)
    return { clientId, link }
  })
  sessions.close()
  for (const { clientId, link } of links) left(clientId, link)
  t.same(ended, [])
})

t.test('when the time of day is set, absences are not longer', async (t) => {
  const clock = steppedClock()
  let aheadMs = 0
  const wallMs = () => clock.nowMs() + aheadMs
  const { visit, ended, notedAway } = startSessions(t, { hours: 2 }, { ...clock, wallMs })
  visit('a')
  aheadMs = 3 * 24 * hourMs
  clock.step(60_000)
  clock.step(60_000)
  t.same(notedAway, ['a for 0 of 7200'])
  t.same(ended, [])
  clock.step(2 * hourMs)
  t.same(ended, ['a'], 'an hour takes an hour')
})
