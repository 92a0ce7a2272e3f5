import { pino } from 'pino'
import t from 'tap'
import { openApiKeys } from '../../src/access/api-keys.ts'
import { openKnownUsers } from '../../src/access/known-users.ts'
import { checkConfig } from '../../src/config.ts'
import { HubError } from '../../src/core/errors.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { steppedClock } from '../clock.ts'
import { type ChangingDirectory, changingDirectory, userNamed } from './changing-directory.ts'

const here = '192.0.2.1'
const there = '198.51.100.7'
const ann = { user: 'ann', label: 'app', address: here }

/** Those of a hub that has a store of its own for who they were. */
async function knownUsersOf(directory: ChangingDirectory) {
  const sampledLog = createSampledLog(pino({ level: 'silent' }), createCounters())
  const knownUsers = await openKnownUsers({ store: openMemoryStore(), sampledLog })
  knownUsers.follow(directory)
  return knownUsers
}

async function opened({ store = openMemoryStore(), most = 3, clock = steppedClock() } = {}) {
  const directory = changingDirectory(userNamed('ann'), userNamed('bob'))
  const knownUsers = await knownUsersOf(directory)
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const { signIn: limits } = checkConfig({}).limits
  const whose = { directory, knownUsers }
  const options = { store, name: 'deconz', most, ...whose, limits, clock, sampledLog }
  return { keys: await openApiKeys(options), options, store, clock, directory, counters, limits }
}

t.test('a key belongs to a user, and ends with that user', async (t) => {
  const { keys, directory } = await opened()
  await keys.add('secret-key', ann)
  t.equal(keys.use('secret-key', here)?.name, 'ann')
  t.match(keys.find('secret-key'), { user: 'ann', label: 'app', createdAtMs: 0 })
  t.equal(keys.find('another-key'), undefined)
  directory.change(userNamed('bob'))
  t.equal(keys.use('secret-key', here), undefined)
})

t.test('a new user of an old name has none of the keys of the old one', async (t) => {
  const { keys, directory, options } = await opened()
  await keys.add('of-ann', ann)
  await keys.add('of-bob', { ...ann, user: 'bob' })
  directory.change(userNamed('bob'))
  directory.change(userNamed('ann'), userNamed('bob'))
  t.equal(keys.use('of-ann', here), undefined)
  await options.store.write([])
  t.equal((await openApiKeys(options)).use('of-ann', there), undefined, 'nor after a restart')
  t.equal(keys.use('of-bob', here)?.name, 'bob')
})

t.test('the keys of a user who went while the hub was not running end at its start', async (t) => {
  const { keys, options } = await opened()
  await keys.add('of-ann', ann)
  await keys.add('of-bob', { ...ann, user: 'bob' })
  const directory = changingDirectory(userNamed('bob'))
  const again = await openApiKeys({ ...options, directory })
  t.same(
    again.all().map(({ user }) => user),
    ['bob'],
  )
  await options.store.write([])
  t.equal((await openApiKeys(options)).all().length, 1)
})

t.test('keys are there again after a restart, and only as what they hash to', async (t) => {
  const { keys, store, options } = await opened()
  await keys.add('secret-key', ann)
  for await (const [key, value] of store.entries('')) {
    t.notMatch(`${key} ${value}`, 'secret-key')
  }
  const again = await openApiKeys(options)
  t.equal(again.use('secret-key', there)?.name, 'ann')
  t.equal(again.all().length, 1)
})

t.test('what cannot be read is no key', async (t) => {
  const store = openMemoryStore()
  await store.write([
    { key: 'key/deconz/1', value: Buffer.from('{') },
    { key: 'key/deconz/2', value: Buffer.from('{"user":"ann"}') },
  ])
  const { keys, counters } = await opened({ store })
  t.same(keys.all(), [])
  t.equal(counters.snapshot()['api-keys-unreadable'], 2)
})

t.test('of too many, the one that was not used for the longest ends', async (t) => {
  const clock = steppedClock()
  const { keys, counters, options } = await opened({ clock, most: 2 })
  await keys.add('one', ann)
  clock.step(1)
  await keys.add('two', ann)
  clock.step(60_000)
  t.ok(keys.use('one', here))
  await keys.add('three', ann)
  t.equal(keys.use('two', here), undefined)
  t.ok(keys.use('one', here))
  t.ok(keys.use('three', here))
  t.equal(counters.snapshot()['api-keys-forgotten'], 1)
  t.equal((await openApiKeys(options)).all().length, 2)
})

t.test('who makes many keys ends only their own', async (t) => {
  const clock = steppedClock()
  const { keys } = await opened({ clock, most: 3 })
  await keys.add('of-bob', { ...ann, user: 'bob' })
  for (const key of ['one', 'two', 'three', 'four']) {
    clock.step(1)
    await keys.add(key, ann)
  }
  t.equal(keys.use('of-bob', here)?.name, 'bob')
  t.equal(keys.use('one', here), undefined)
  t.equal(keys.use('two', here), undefined)
  t.ok(keys.use('three', here))
  t.ok(keys.use('four', here))
})

t.test('who guesses waits, except with a key that was used there before', async (t) => {
  const { keys, clock, limits } = await opened()
  await keys.add('secret-key', ann)
  for (let guess = 0; guess < limits.failuresPerAddress; guess++) {
    t.equal(keys.use(`guess-${guess}`, here), undefined)
    t.equal(keys.use(`guess-${guess}`, there), undefined)
  }
  t.ok(keys.use('secret-key', here), 'known there')
  t.equal(keys.use('secret-key', there), undefined, 'as if it were another guess')
  clock.step(limits.longestDelaySeconds * 1000)
  t.ok(keys.use('secret-key', there))
})

t.test('the last key at an address tells who is there', async (t) => {
  const { keys, clock } = await opened()
  t.equal(keys.lastUserAt(here), undefined)
  await keys.add('of-ann', ann)
  clock.step(1)
  await keys.add('of-bob', { ...ann, user: 'bob' })
  t.equal(keys.lastUserAt(here)?.name, 'bob')
  t.equal(keys.lastUserAt(there), undefined)
  keys.use('of-ann', there)
  t.equal(keys.lastUserAt(there)?.name, 'ann')
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'])
    keys.use('of-ann', address)
  t.equal(keys.lastUserAt(there), undefined, 'a key is of few addresses')
  await keys.add('of-cat', { ...ann, user: 'cat' })
  t.equal(keys.lastUserAt(here)?.name, 'bob', 'a user who is not there does not count')
  t.equal(keys.use('of-cat', here), undefined)
})

t.test('a use is written down, but not each', async (t) => {
  const { keys, clock, options } = await opened()
  await keys.add('secret-key', ann)
  clock.step(1000)
  keys.use('secret-key', here)
  const used = async () => (await openApiKeys(options)).all()[0]?.usedAtMs
  t.equal(await used(), 0)
  clock.step(60_000)
  keys.use('secret-key', here)
  await options.store.write([])
  t.equal(await used(), 61_000)
})

t.test('a use that cannot be written counts all the same', async (t) => {
  const memory = openMemoryStore()
  let isFull = false
  const store = {
    ...memory,
    write: (changes: Parameters<typeof memory.write>[0]) =>
      isFull ? Promise.reject(new HubError('cannot-write-store', 'full')) : memory.write(changes),
  }
  const { keys, counters } = await opened({ store })
  await keys.add('secret-key', ann)
  isFull = true
  t.ok(keys.use('secret-key', there))
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(counters.snapshot()['api-keys-not-written'], 1)
  await t.rejects(keys.add('another', ann), { code: 'cannot-write-store' })
})

t.test('a key that was removed is no key any more', async (t) => {
  const { keys, options } = await opened()
  await keys.add('secret-key', ann)
  const [key] = keys.all()
  t.equal(await keys.remove(String(key?.digest)), true)
  t.equal(await keys.remove(String(key?.digest)), false)
  t.equal(keys.use('secret-key', here), undefined)
  t.same((await openApiKeys(options)).all(), [])
})

t.test('a key ends with the password, and when its user signs out everywhere', async (t) => {
  const { keys, directory, options } = await opened()
  const old = { passwordHash: 'old' }
  directory.change(userNamed('ann', old), userNamed('bob', old))
  await keys.add('of-ann', ann)
  await keys.add('of-bob', { ...ann, user: 'bob' })
  directory.change(userNamed('ann', { ...old, role: 'viewer' }), userNamed('bob', old))
  t.equal(keys.use('of-ann', here)?.name, 'ann', 'another role changes nothing')
  directory.change(userNamed('ann', { passwordHash: 'new' }), userNamed('bob', old))
  t.equal(keys.use('of-ann', here), undefined)
  t.equal(keys.use('of-bob', here)?.name, 'bob')
  keys.endAllOf('bob')
  t.equal(keys.use('of-bob', here), undefined)
  await options.store.write([])
  t.same((await openApiKeys(options)).all(), [])
})
