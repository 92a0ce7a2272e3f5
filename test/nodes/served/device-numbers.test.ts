import { pino } from 'pino'
import t from 'tap'
import { HubError } from '../../../src/core/errors.ts'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import {
  nodeName,
  openDeviceNumbers,
  roomIn,
  roomName,
} from '../../../src/nodes/served/device-numbers.ts'
import { openMemoryStore } from '../../../src/store/memory-store.ts'
import type { Store } from '../../../src/store/store.ts'

async function opened({
  store = openMemoryStore() as Pick<Store, 'entries' | 'write'>,
  most = 100,
  inUse = new Set<string>(),
} = {}) {
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const isInUse = (name: string) => inUse.has(name)
  const numbers = await openDeviceNumbers({ store, most, isInUse, sampledLog })
  return { numbers, store, counters }
}

t.test('a name has one number for ever, also after a restart', async (t) => {
  const { numbers, store } = await opened()
  t.equal(numbers.of('a'), undefined)
  await numbers.give(['a', 'b', 'a'])
  await numbers.give(['b'])
  t.equal(numbers.of('a'), 1)
  t.equal(numbers.of('b'), 2)
  const again = await opened({ store })
  t.equal(again.numbers.of('b'), 2)
  await again.numbers.give(['c'])
  t.equal(again.numbers.of('c'), 3)
})

t.test('two names have the numbers of each other, also after a restart', async (t) => {
  const inUse = new Set<string>()
  const { numbers, store } = await opened({ inUse })
  await numbers.give(['a'])
  t.equal(numbers.firstNameOf('a'), 'a')
  await numbers.swap('a', 'b')
  const again = (await opened({ store, most: 4, inUse })).numbers
  for (const each of [numbers, again]) {
    t.same([each.of('a'), each.of('b')], [2, 1])
    t.same([each.firstNameOf('a'), each.firstNameOf('b')], ['b', 'a'])
  }
  await again.swap('b', 'c')
  t.same([again.of('b'), again.of('c'), again.firstNameOf('c')], [3, 1, 'a'])
  await again.give(['d', 'e'])
  t.equal((await opened({ store })).numbers.firstNameOf('b'), 'b', 'it went with its number')
  const full = { entries: store.entries, write: () => Promise.reject(new Error('full')) }
  const { numbers: unwritten, counters } = await opened({ store: full })
  await unwritten.swap('d', 'f')
  t.equal(unwritten.of('f'), undefined)
  await unwritten.swap('d', 'e')
  t.same(counters.snapshot(), { 'numbers-not-written': 2 })
})

t.test('who asks meanwhile waits for the same number', async (t) => {
  const { numbers } = await opened()
  await Promise.all([numbers.give(['a']), numbers.give(['a', 'b'])])
  t.equal(numbers.of('a'), 1)
  t.equal(numbers.of('b'), 2)
})

t.test(
  'of too many, the oldest that are not there are forgotten; none is given again',
  async (t) => {
    const inUse = new Set(['a'])
    const { numbers, store } = await opened({ most: 4, inUse })
    await numbers.give(['a', 'b', 'c', 'd'])
    await numbers.give(['e'])
    t.equal(numbers.of('a'), 1, 'it is there')
    t.equal(numbers.of('b'), undefined)
    t.equal(numbers.of('e'), 5)
    await numbers.give(['b'])
    t.equal(numbers.of('b'), 6)
    const again = await opened({ store, most: 4, inUse })
    t.equal(again.numbers.of('c'), undefined)
    t.equal(again.numbers.of('e'), 5)
    t.equal(again.numbers.of('b'), 6)
  },
)

t.test('also after all were forgotten, none is given again', async (t) => {
  const { numbers, store } = await opened({ most: 1 })
  await numbers.give(['a'])
  await numbers.give(['b'])
  await store.write([{ key: 'number/of/b', value: undefined }])
  const again = await opened({ store })
  await again.numbers.give(['c'])
  t.equal(again.numbers.of('c'), 3)
})

t.test('what cannot be written has no number, and gets a new one later', async (t) => {
  const store = openMemoryStore()
  let isFull = true
  const { numbers, counters } = await opened({
    store: {
      entries: store.entries,
      write: (changes) =>
        isFull ? Promise.reject(new HubError('cannot-write-store', 'full')) : store.write(changes),
    },
  })
  await numbers.give(['a'])
  t.equal(numbers.of('a'), undefined)
  t.equal(counters.snapshot()['numbers-not-written'], 1)
  isFull = false
  await numbers.give(['a'])
  t.equal(numbers.of('a'), 2)
})

t.test('what cannot be read is left out', async (t) => {
  const store = openMemoryStore()
  await store.write([
    { key: 'number/of/a', value: Buffer.from('nonsense') },
    { key: 'number/of/b', value: Buffer.from('-1') },
    { key: 'number/of/c', value: Buffer.from('7') },
  ])
  const { numbers, counters } = await opened({ store })
  t.equal(numbers.of('a'), undefined)
  t.equal(numbers.of('c'), 7)
  t.equal(counters.snapshot()['numbers-unreadable'], 2)
  await numbers.give(['a'])
  t.equal(numbers.of('a'), 8)
})

t.test('a node is called as no topic is', async (t) => {
  t.equal(nodeName('nodes/bridge/0'), 'nodes/bridge/0/#')
  t.equal(nodeName(''), '#')
  t.equal(roomIn(roomName('Cellar/#')), 'Cellar/#')
  for (const name of [nodeName(''), nodeName('a'), 'a/b']) t.equal(roomIn(name), undefined)
})
