import t from 'tap'
import { openMemoryStore } from '../../../src/store/memory-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { guarded } from './guarded.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const ann = { by: 'ann', reason: 'the belt is off' }

t.test('a locked device takes no command, and says who locked it and why', async (t) => {
  const { guard, ask } = await guarded(t, [])
  const lock = { device: relay, since: '1970-01-01T00:16:40.000Z', ...ann }
  t.same(guard.lockOuts.lock(relay, ann), lock)
  t.same(guard.lockOuts.list(), [lock])
  const message =
    'expected a device that is not locked, got one locked by "ann" since 1970-01-01T00:16:40.000Z: the belt is off'
  for (const state of [true, false]) {
    t.throws(() => ask(relay, state), { code: 'locked', message })
  }
  ask('nodes/bridge/0/relay/i2c0-3f', true)
  t.same(guard.lockOuts.unlock(relay), lock)
  t.equal(guard.lockOuts.unlock(relay), undefined)
  t.same(guard.lockOuts.list(), [])
  ask(relay, true)
})

t.test('a locked device is not locked a second time', async (t) => {
  const { guard } = await guarded(t, [])
  guard.lockOuts.lock(relay, ann)
  const bob = { by: 'bob', reason: 'mine' }
  t.throws(() => guard.lockOuts.lock(relay, bob), { code: 'locked', message: /locked by "ann"/ })
})

t.test('a reason is a short text that can be read', async (t) => {
  const { guard } = await guarded(t, [])
  const lock = (reason: string) => guard.lockOuts.lock(relay, { by: 'ann', reason })
  for (const reason of ['', 'x'.repeat(201), 'a\nb', 'a\u202eb', 'a\ud800']) {
    t.throws(() => lock(reason), { code: 'bad-payload' }, JSON.stringify(reason))
  }
  t.equal(lock('🔧'.repeat(200)).by, 'ann')
})

t.test('locks survive a restart, and locked devices switch by nothing', async (t) => {
  const first = await guarded(t, [])
  first.guard.lockOuts.lock(relay, ann)
  const second = await first.restart(86_400_000)
  t.throws(() => second.ask(relay, true), { code: 'locked', message: /1970-01-01T00:16:40/ })
  second.guard.lockOuts.unlock(relay)
  const third = await second.restart()
  third.ask(relay, true)
})

t.test('the number of locks is bounded', async (t) => {
  const { guard } = await guarded(t, [])
  for (let at = 0; at < 1000; at++) guard.lockOuts.lock(`relay/${at}`, ann)
  t.throws(() => guard.lockOuts.lock(relay, ann), { code: 'too-many' })
  guard.lockOuts.unlock('relay/0')
  guard.lockOuts.lock(relay, ann)
})

t.test('a lock is acknowledged when it is stored, and a full disk is told of soon', async (t) => {
  const whole = openMemoryStore()
  const disk: { write: Store['write'] } = { write: whole.write }
  const store: Store = { ...whole, write: (changes) => disk.write(changes) }
  const { guard, clock, ask } = await guarded(t, [], { store })
  const { lockOuts } = guard
  lockOuts.lock(relay, ann)
  await lockOuts.stored()
  t.ok(await whole.get(`lock/${relay}`))

  const refusal = { code: 'cannot-write-store', message: /within 2 s, got no room/ }
  disk.write = () => new Promise(() => {})
  lockOuts.lock('relay/slow', ann)
  const stored = lockOuts.stored()
  clock.step(2000)
  await t.rejects(stored, refusal)
  t.throws(() => ask('relay/slow', true), { code: 'locked' }, 'it holds all the same')
  disk.write = () => Promise.reject(new Error('no space'))
  lockOuts.unlock(relay)
  await t.rejects(lockOuts.stored(), refusal)
})
