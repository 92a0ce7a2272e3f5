import { pino } from 'pino'
import t from 'tap'
import { type Counters, createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import type { Validator } from '../../src/generated/validator.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { openStoredTable } from '../../src/store/stored-table.ts'

const validate: Validator<number> = Object.assign((value: unknown) => typeof value === 'number', {
  schema: { type: 'number' },
})

interface TableOptions {
  readonly store?: Store
  readonly counters?: Counters
  readonly onForgotten?: (key: string) => void
}

function openTable({
  store = openMemoryStore(),
  counters = createCounters(),
  ...options
}: TableOptions = {}) {
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const revive = (_key: string, value: number) => (value < 100 ? value : undefined)
  return openStoredTable<number>({
    ...{ store, validate, sampledLog, revive, ...options },
    name: 'number',
    maxSize: 2,
  })
}

t.test('what is set and deleted is so in the store, too', async (t) => {
  const store = openMemoryStore()
  const table = await openTable({ store })
  table.set('one', 1)
  table.set('two', 2)
  table.set('two', 3)
  table.delete('one')
  table.delete('none')
  await store.write([])
  t.equal(String(await store.get('number/two')), '3')
  t.equal(await store.get('number/one'), undefined)
  t.same([...table.entries()], [['two', 3]])
  t.same([table.size, table.get('two'), table.get('one')], [1, 3, undefined])
})

t.test('it begins with what was stored, but for what cannot be used', async (t) => {
  const store = openMemoryStore()
  const counters = createCounters()
  const stored = { 'number/a': '1', 'number/b': '{', 'number/c': '"1"', 'number/d': '100', z: '9' }
  for (const [key, text] of Object.entries(stored)) {
    await store.write([{ key, value: Buffer.from(text) }])
  }
  const table = await openTable({ store, counters })
  t.same([...table.entries()], [['a', 1]])
  t.same(counters.snapshot(), { 'number-forgotten': 3 })
})

t.test('past its size what was set the longest ago goes first', async (t) => {
  const counters = createCounters()
  const table = await openTable({ counters })
  for (const key of ['a', 'b', 'a', 'c']) table.set(key, 1)
  t.same(
    [...table.entries()],
    [
      ['a', 1],
      ['c', 1],
    ],
  )
  t.same(counters.snapshot(), { 'number-full': 1 })
})

t.test(
  'a table that was larger in a former run forgets the rest with the next value',
  async (t) => {
    const store = openMemoryStore()
    for (const key of ['a', 'b', 'c', 'd']) {
      await store.write([{ key: `number/${key}`, value: Buffer.from('1') }])
    }
    const forgotten: string[] = []
    const table = await openTable({ store, onForgotten: (key) => forgotten.push(key) })
    table.set('e', 1)
    t.same(forgotten, ['a', 'b', 'c'])
    await store.write([])
    t.equal(await store.get('number/c'), undefined)
  },
)

t.test('a store that cannot write is counted, and what it knows stays', async (t) => {
  const counters = createCounters()
  const full = { ...openMemoryStore(), write: async () => Promise.reject(new Error('full')) }
  const table = await openTable({ store: full, counters })
  table.set('a', 1)
  await new Promise((resolve) => setImmediate(resolve))
  t.same(counters.snapshot(), { 'number-not-stored': 1 })
  t.equal(table.get('a'), 1)
})
