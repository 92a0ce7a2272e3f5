import t from 'tap'
import type { History } from '../../src/history/history.ts'
import { hourMs } from '../../src/history/periods.ts'
import { planOf, sameSeries, summarize } from '../../src/history/read-history.ts'
import { openLevelStore } from '../../src/store/level-store.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { testFolder } from '../test-folder.ts'
import { historyIn, midnight, pointsOf, silent } from './opened-history.ts'
import { setClock } from './set-clock.ts'

async function keysIn(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const [key] of store.entries(prefix)) keys.push(key)
  return keys
}

const add = (history: History, topic: string, [at, value]: readonly [number, number]) =>
  history.add({ topic, quantity: 'value', unit: undefined, at, value }, true)

/** A history of two topics, with points in closed blocks, in open ones, and only written ahead. */
async function furnished(store: Store) {
  const clock = setClock(midnight)
  const history = await historyIn(store, { clock })
  for (const topic of ['a', 'b']) add(history, topic, [midnight, 1])
  clock.step(hourMs)
  await history.maintain()
  for (const topic of ['a', 'b']) add(history, topic, [midnight + hourMs, 2])
  clock.step(10 * 60_000)
  await history.maintain()
  for (const topic of ['a', 'b']) add(history, topic, [midnight + hourMs + 600_000, 3])
  return { history, clock }
}

for (const [where, open] of [
  ['on disk', () => openLevelStore({ folder: testFolder(t), sampledLog: silent })],
  ['in memory', async () => openMemoryStore()],
] as const) {
  t.test(`what is forgotten is nowhere any more, ${where}`, async (t) => {
    const store = await open()
    t.teardown(store.close)
    const { history, clock } = await furnished(store)
    const [b] = history.snapshot('b')
    t.equal(await history.forget('b'), 1)
    await store.write([])
    const id = Number(b?.id).toString(36).padStart(8, '0')
    const keys = await keysIn(store, 'history/')
    t.same(
      keys.filter((key) => key.split('/').includes(id) && !key.startsWith('history/log/')),
      [],
    )
    t.same(await keysIn(store, 'history/log/'), [], 'in what is written ahead neither')
    t.same(history.snapshot('b'), [])
    t.equal(await history.forget('b'), 0)
    await history.close()
    await store.write([])

    const again = await historyIn(store, { clock })
    t.same(again.snapshot('b'), [])
    add(again, 'c', [clock.wallMs(), 9])
    await again.close()
    await store.write([])
    if (!store.isLasting) return
    const last = await historyIn(store, { clock })
    t.same(await pointsOf(last, 'c'), [{ at: clock.wallMs(), value: 9 }])
    t.equal((await pointsOf(last, 'a')).length, 3, 'what else there is stays')
    await last.close()
  })
}

t.test('what goes to another device is one with what that has, for good', async (t) => {
  const store = await openLevelStore({ folder: testFolder(t), sampledLog: silent })
  t.teardown(store.close)
  const { history, clock } = await furnished(store)
  t.equal(history.move('a', 'b'), 1)
  t.same(history.snapshot('a'), [])
  add(history, 'b', [midnight + 2 * hourMs, 4])
  add(history, 'a', [midnight + 2 * hourMs, 8])
  await history.close()
  await store.write([])
  const again = await historyIn(store, { clock })
  t.same(await pointsOf(again, 'a'), [{ at: midnight + 2 * hourMs, value: 8 }])
  add(again, 'b', [midnight + 2 * hourMs, 5])
  const same = sameSeries(again.snapshot('b'))
  t.equal(same.length, 1)
  const range = { from: midnight, to: midnight + 3 * hourMs }
  const buckets = same[0] ? await summarize(again, same[0], planOf(range, 3, again.lostUntil)) : []
  t.same(
    buckets.map(({ count, first, last }) => [count, first, last]),
    [
      [2, 1, 1],
      [4, 2, 3],
      [2, 4, 5],
    ],
  )
  t.equal(again.move('b', 'c'), 2)
  clock.step(hourMs)
  await again.maintain()
  t.equal(await again.forget('a'), 1, 'it was not in all the hours that the others were in')
  t.same(again.snapshot('a'), [])
  t.equal((await pointsOf(again, 'c')).length, 8)
  await again.close()
})
