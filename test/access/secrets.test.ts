import { pino } from 'pino'
import t from 'tap'
import {
  createCookieSessions,
  createSecretTable,
  createTickets,
  type SignedOut,
} from '../../src/access/secrets.ts'
import { checkConfig } from '../../src/config.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { steppedClock } from '../clock.ts'
import { changingDirectory, userNamed } from './changing-directory.ts'

const { limits } = checkConfig({ users: { clown: { password: 'bigclown' } } })
const hour = 3_600_000

function openSessions() {
  const [clown, other] = [userNamed('clown'), userNamed('other')]
  const directory = changingDirectory(clown, other)
  const counters = createCounters()
  const state = { nowMs: 0 }
  const sessions = createCookieSessions({
    directory,
    limits: { ...limits.signIn, sessionsPerUser: 3 },
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
    now: () => state.nowMs,
  })
  return { sessions, clown, other, directory, counters, state }
}

t.test('an id of 256 bits stands for its user', async (t) => {
  const { sessions, clown, other } = openSessions()
  const [one, two] = [sessions.start(clown), sessions.start(other)]
  t.match(one, /^[A-Za-z0-9_-]{43}$/)
  t.not(one, two)
  t.equal(sessions.userOf(one), clown)
  t.equal(sessions.userOf(two), other)
  t.equal(sessions.userOf(''), undefined)
  sessions.end(one)
  t.equal(sessions.userOf(one), undefined)
  t.equal(sessions.userOf(two), other)
})

t.test('a session ends after 2 hours without use, and after 12 in any case', async (t) => {
  const { sessions, clown, state } = openSessions()
  t.equal(sessions.lifeSeconds, 12 * 3600)
  const idle = sessions.start(clown)
  const used = sessions.start(clown)
  for (state.nowMs = hour; state.nowMs < 12 * hour; state.nowMs += hour) {
    t.equal(sessions.userOf(used), clown)
  }
  t.equal(sessions.userOf(used), undefined)
  t.equal(sessions.userOf(idle), undefined)
  const third = sessions.start(clown)
  state.nowMs += 2 * hour - 1
  t.equal(sessions.userOf(third), clown)
  state.nowMs += 2 * hour
  t.equal(sessions.userOf(third), undefined)
})

t.test('the oldest session of a user makes way, and those of others stay', async (t) => {
  const { sessions, clown, other, counters, state } = openSessions()
  const others = sessions.start(other)
  const ids = [1, 2, 3, 4, 5].map(() => sessions.start(clown))
  const users = [undefined, undefined, clown, clown, clown]
  t.same(ids.map(sessions.userOf), users)
  t.equal(sessions.userOf(others), other)
  t.same(counters.snapshot(), { 'sessions-ended': 2 })
  state.nowMs = 12 * hour
  sessions.start(clown)
  t.same(counters.snapshot(), { 'sessions-ended': 2 }, 'who is gone already needs no room')
})

t.test('all sessions of a user end at once', async (t) => {
  const { sessions, clown, other } = openSessions()
  const [one, two, third] = [clown, clown, other].map(sessions.start)
  sessions.endAllOf('clown')
  t.same(
    [one, two, third].map((id) => sessions.userOf(String(id))),
    [undefined, undefined, other],
  )
})

t.test('the sessions of a user end when that user changes or is removed', async (t) => {
  const { sessions, clown, other, directory } = openSessions()
  const [one, two] = [sessions.start(clown), sessions.start(other)]
  directory.change({ ...clown, role: 'viewer' }, { ...other })
  t.equal(sessions.userOf(one), undefined)
  t.same(sessions.userOf(two), other, 'a user who is read anew and is the same is no other')
  directory.change(clown)
  t.equal(sessions.userOf(two), undefined)
})

function openTickets() {
  const [clown, other] = [userNamed('clown'), userNamed('other')]
  const directory = changingDirectory(clown, other)
  const counters = createCounters()
  const state = { nowMs: 0 }
  const tickets = createTickets({
    directory,
    limits: { ...limits.signIn, ticketsPerUser: 2 },
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
    now: () => state.nowMs,
  })
  return { tickets, clown, other, directory, counters, state }
}

t.test('a ticket is good once, within 30 seconds', async (t) => {
  const { tickets, clown, state } = openTickets()
  t.equal(tickets.lifeSeconds, 30)
  const [one, late] = [tickets.issue(clown), tickets.issue(clown)]
  t.match(one, /^[A-Za-z0-9_-]{43}$/, 'it fits into a subprotocol')
  state.nowMs = 29_999
  t.equal(tickets.redeem(one)?.user, clown)
  t.equal(tickets.redeem(one), undefined)
  state.nowMs = 30_000
  t.equal(tickets.redeem(late), undefined)
})

t.test('tickets are few, and void when their user changes or signs out everywhere', async (t) => {
  const { tickets, clown, other, directory, counters } = openTickets()
  const [first, second, third] = [clown, clown, clown].map((user) => tickets.issue(user))
  t.same(
    [first, second].map((ticket) => tickets.redeem(String(ticket))?.user),
    [undefined, clown],
  )
  t.same(counters.snapshot(), { 'tickets-void': 1 })
  const foreign = tickets.issue(other)
  tickets.voidAllOf('clown')
  t.equal(tickets.redeem(String(third)), undefined)
  directory.change(clown)
  t.equal(tickets.redeem(foreign), undefined)
})

const day = 24 * hour
const clown = userNamed('clown')

function openTable(lifeMs = 12 * hour) {
  const clock = steppedClock()
  const directory = changingDirectory(clown)
  const table = createSecretTable({
    directory,
    lifeMs,
    idleMs: 2 * hour,
    perUser: 2,
    onExcess: () => {},
    now: clock.nowMs,
    after: clock.after,
  })
  /** Why the secrets that were followed have ended. */
  const ends: SignedOut[] = []
  const follow = (secret: string) => table.follow(secret, (why) => ends.push(why))
  return { table, clock, directory, ends, follow }
}

t.test('who follows a secret is told when it is ended, whatever ended it', async (t) => {
  const { table, ends, follow } = openTable()
  const add = () => {
    const secret = table.add({ user: clown })
    follow(secret)
    return secret
  }
  table.remove(add())
  add()
  table.removeAllOf('clown')
  add()
  add()
  add()
  t.same(ends, ['signed-out', 'signed-out', 'signed-out'], 'the last by one too many')
  follow('none')
  t.equal(ends.length, 4, 'what is over is over at once')
})

t.test(
  'when the user changes a secret is void, and who follows it goes on up to its end',
  async (t) => {
    const { table, clock, directory, ends, follow } = openTable()
    const [one, other] = [table.add({ user: clown }), table.add({ user: clown })]
    follow(one)
    const stop = follow(other)
    directory.change({ ...clown, role: 'viewer' })
    t.notOk(table.use(one))
    t.same(ends, [])
    stop()
    table.remove(other)
    t.same(ends, [])
    table.remove(one)
    t.same(ends, ['signed-out'])
    directory.change(clown)
    const third = table.add({ user: clown })
    follow(third)
    directory.change()
    clock.step(12 * hour)
    t.same(ends, ['signed-out', 'expired'])
  },
)

t.test('a secret that is followed is in use, and expires on time', async (t) => {
  const { table, clock, ends, follow } = openTable()
  const secret = table.add({ user: clown })
  follow(secret)
  clock.step(12 * hour - 1)
  t.same(table.use(secret)?.user, clown)
  t.same(ends, [])
  clock.step(1)
  t.same(ends, ['expired'])
  follow(secret)
  t.same(ends, ['expired', 'signed-out'])
})

t.test('once nobody follows it, a secret is idle', async (t) => {
  const { table, clock, ends, follow } = openTable()
  const secret = table.add({ user: clown })
  const [one, other] = [follow(secret), follow(secret)]
  clock.step(5 * hour)
  one()
  clock.step(3 * hour)
  t.ok(table.use(secret))
  other()
  clock.step(2 * hour - 1)
  t.ok(table.use(secret))
  clock.step(2 * hour)
  t.notOk(table.use(secret))
  follow(secret)
  t.same(ends, ['expired'])
})

t.test('a life that is longer than a timer of Node.js ends on time, too', async (t) => {
  const { table, clock, ends, follow } = openTable(30 * day)
  follow(table.add({ user: clown }))
  clock.step(30 * day - 1)
  t.same(ends, [])
  clock.step(1)
  t.same(ends, ['expired'])
})
