import t, { type Test } from 'tap'
import type { Link } from '../../src/bus/session.ts'
import { noNotes, type StoredSession } from '../../src/bus/session-records.ts'
import { createSessions, type SessionLimits } from '../../src/bus/sessions.ts'
import { steppedClock } from '../clock.ts'
import { ownMessage } from './own-message.ts'

const hourMs = 3_600_000

/** A link that takes everything. */
function openLink(): Link {
  return { isOwn: () => false, mayHave: () => true, write: () => true, onceDrained: () => {} }
}

/** Sessions, what became of them, and short ways to bring clients in. */
function startSessions(t: Test, limits: Partial<SessionLimits> = {}, clock = steppedClock()) {
  const ended: string[] = []
  const dropped: string[] = []
  const notedAway: string[] = []
  const sessions = createSessions({
    limits: { count: 9, hours: 9, messages: 9, bytes: 10_000, totalBytes: 10_000, ...limits },
    qos2Window: 20,
    onForgotten: () => {},
    onEnded: (clientId) => ended.push(clientId),
    onDropped: (clientId, { payload }) => dropped.push(`${clientId} ${payload}`),
    records: {
      of: (clientId) => ({
        ...noNotes,
        away: (awayMs) => notedAway.push(`${clientId} for ${awayMs}`),
      }),
    },
    clock,
  })
  t.teardown(sessions.close)
  const accept = (clientId: string, clean = false, link = openLink()) => {
    return sessions.accept({ clientId, clean }, link).isPresent
  }
  /** A client that came and went. */
  const visit = (clientId: string) => {
    const link = openLink()
    const isPresent = accept(clientId, false, link)
    sessions.left(clientId, link)
    return isPresent
  }
  return { sessions, accept, visit, ended, dropped, notedAway }
}

t.test('a session goes on until a clean one takes its place', async (t) => {
  const { sessions, accept } = startSessions(t)
  t.notOk(accept('a'))
  t.ok(accept('a'))
  t.notOk(accept('b'), 'each client has its own')
  const link = openLink()
  t.notOk(accept('a', true, link))
  t.ok(sessions.get('a'))
  sessions.left('a', link)
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

t.test('a session ends when its client has been away for too long', async (t) => {
  const clock = steppedClock()
  const { visit, ended } = startSessions(t, { hours: 2 }, clock)
  visit('a')
  clock.step(hourMs)
  visit('b')
  clock.step(hourMs)
  visit('c')
  t.same(ended, ['a'])
})

t.test('a link that was taken over ends nothing', async (t) => {
  const { sessions, accept, visit, ended } = startSessions(t, { count: 1 })
  const first = openLink()
  accept('a', false, first)
  accept('a')
  sessions.left('a', first)
  t.ok(sessions.get('a')?.isClientThere)
  visit('b')
  visit('c')
  t.same(ended, ['b'])
  sessions.left('nobody', first)
})

t.test('past the bytes of all, who is away for longest gives way', async (t) => {
  const { sessions, accept, visit, ended, dropped } = startSessions(t, { totalBytes: 600 })
  for (const clientId of ['empty', 'a', 'b']) visit(clientId)
  sessions.keep('a', ownMessage(1))
  sessions.keep('b', ownMessage(2))
  sessions.keep('nobody', ownMessage(3))
  t.same(ended, [])
  sessions.keep('b', ownMessage(4))
  t.same(ended, ['a'], 'what holds nothing may stay')
  accept('b')
  sessions.keep('b', ownMessage(5))
  t.same([ended, dropped], [['a'], ['b 2']], 'who is there only loses the oldest message')
})

t.test('what others hold does not end before what may be dropped', async (t) => {
  const { sessions, accept, dropped } = startSessions(t, { totalBytes: 300 })
  accept('a')
  accept('b')
  sessions.keep('a', ownMessage(1))
  sessions.keep('b', ownMessage(2))
  t.same(dropped, ['b 2'])
})

/** What an earlier hub has left of sessions in which nothing waits. */
function storedSessions(awayMsOf: Record<string, number>): StoredSession[] {
  const nothing = { lastId: 0, subscriptions: [], messages: [], unreleased: [] }
  return Object.entries(awayMsOf).map(([clientId, awayMs]) => ({ clientId, awayMs, ...nothing }))
}

t.test(
  'who was there when the hub ended is noted as away, lest each start begins anew',
  async (t) => {
    const { sessions, notedAway } = startSessions(t)
    sessions.restore(storedSessions({ there: 0, away: 1000 }))
    t.same(notedAway, ['there for 0'])
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
  const { sessions, accept, ended } = startSessions(t, { count: 1 })
  const links = ['a', 'b', 'c'].map((clientId) => {
    const link = openLink()
    accept(clientId, false, link)
    return { clientId, link }
  })
  sessions.close()
  for (const { clientId, link } of links) sessions.left(clientId, link)
  t.same(ended, [])
})

t.test('when the time of day is set, absences are noted anew, and are not longer', async (t) => {
  const clock = steppedClock()
  let aheadMs = 0
  const wallMs = () => clock.nowMs() + aheadMs
  const { visit, ended, notedAway } = startSessions(t, { hours: 2 }, { ...clock, wallMs })
  visit('a')
  aheadMs = 2000
  clock.step(60_000)
  t.same(notedAway, ['a for 0'], 'clocks are never quite even')
  aheadMs += 3 * 24 * hourMs
  clock.step(60_000)
  clock.step(60_000)
  t.same(notedAway, ['a for 0', 'a for 120000'])
  t.same(ended, [])
  clock.step(2 * hourMs)
  t.same(ended, ['a'], 'an hour takes an hour')
})
