import { pino } from 'pino'
import t, { type Test } from 'tap'
import { openKnownUsers, type UserChange } from '../../src/access/known-users.ts'
import type { User } from '../../src/access/user.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { changingDirectory, userNamed } from './changing-directory.ts'

const silent = pino({ level: 'silent' })

/** What one hub after another notices of its users: each has those that are given. */
function hubs(store = openMemoryStore()) {
  const counters = createCounters()
  const sampledLog = createSampledLog(silent, counters)
  const start = async (...users: User[]) => {
    // What the hub before has noted is on the disk.
    await store.write([]).catch(() => {})
    const known = await openKnownUsers({ store, sampledLog })
    const directory = changingDirectory(...users)
    const stop = known.follow(directory)
    const changes: [string, UserChange][] = []
    known.onChange((name, change) => changes.push([name, change]))
    return { known, directory, changes, stop }
  }
  return { start, counters, store }
}

const ann = userNamed('ann', { passwordHash: 'a1', created: '2026-01-01T00:00:00Z' })
const bob = userNamed('bob', { passwordHash: 'b1' })

const cases: readonly [why: string, before: User[], after: User[], expected: unknown[]][] = [
  ['the same users', [ann, bob], [ann, bob], []],
  ['a new user', [ann], [ann, bob], []],
  ['another role', [ann], [{ ...ann, role: 'viewer' }], []],
  ['a user who is gone', [ann, bob], [bob], [['ann', 'gone']]],
  ['one made anew', [ann], [{ ...ann, created: '2026-02-02T00:00:00Z' }], [['ann', 'gone']]],
  ['another password', [bob], [{ ...bob, passwordHash: 'b2' }], [['bob', 'new-password']]],
  ['no password any more', [bob], [userNamed('bob')], [['bob', 'new-password']]],
  ['none before and after', [userNamed('bob')], [userNamed('bob')], []],
]

for (const [why, before, after, expected] of cases) {
  t.test(`it is noticed in a running hub, and by the next one: ${why}`, async (t: Test) => {
    const running = await hubs().start(...before)
    t.same(running.changes, [])
    running.directory.change(...after)
    t.same(running.changes, expected)
    running.directory.change(...after)
    t.same(running.changes, expected, 'once')

    const { start } = hubs()
    await start(...before)
    t.same((await start(...after)).changes, expected)
    t.same((await start(...after)).changes, [], 'by one hub')
  })
}

t.test('a better hash of the same password is no new password', async (t) => {
  const { start } = hubs()
  const { known } = await start(ann, bob)
  known.hashReplaced({ before: 'b1', after: 'b2' })
  t.equal(known.hashOf('bob'), 'b2')
  t.equal(known.hashOf('ann'), 'a1')
  t.same((await start(ann, { ...bob, passwordHash: 'b2' })).changes, [])
  t.same((await start(ann, bob)).changes, [], 'nor where the file could not be written')
})

t.test('nobody is told after the end', async (t) => {
  const { directory, changes, stop } = await hubs().start(ann)
  stop()
  directory.change()
  t.same(changes, [])
})

t.test('what cannot be read is nobody, and a store that cannot be written is told', async (t) => {
  const store = openMemoryStore()
  await store.write([{ key: 'user/ann', value: Buffer.from('{') }])
  const { start, counters } = hubs({
    ...store,
    write: () => Promise.reject(new Error('the disk is full')),
  })
  const { known } = await start(ann)
  t.same(known.hashOf('bob'), undefined)
  await new Promise((resolve) => setImmediate(resolve))
  t.same(counters.snapshot(), { 'users-unreadable': 1, 'users-not-written': 1 })
})
