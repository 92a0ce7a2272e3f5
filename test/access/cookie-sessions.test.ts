import { pino } from 'pino'
import t from 'tap'
import { createCookieSessions } from '../../src/access/cookie-sessions.ts'
import { checkConfig } from '../../src/config.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
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
