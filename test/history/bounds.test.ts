import t from 'tap'
import { openBlockChange } from '../../src/history/open-blocks.ts'
import { dayMs, hourMs } from '../../src/history/periods.ts'
import { RawBlockWriter } from '../../src/history/raw-block.ts'
import type { OwnSeries } from '../../src/history/series.ts'
import type { Store } from '../../src/store/store.ts'
import { put } from '../store/contract.ts'
import { lastingStore } from '../store/lasting-store.ts'
import { historyIn, journalOf, midnight, pointsOf } from './opened-history.ts'
import { setClock } from './set-clock.ts'
import { toldProblems } from './told-problems.ts'

// Whatever comes, a history keeps within its bounds, counts what it has no room for, and goes on.

const reading = { quantity: 'value', unit: undefined, at: midnight, value: 1 }

t.test('there are so many series; one that is silent for long makes room', async (t) => {
  const store = await lastingStore()
  const clock = setClock(midnight)
  const { sampledLog, told } = toldProblems()
  const limits = { series: 3, openMiB: 1 }
  const history = await historyIn(store, { clock, limits, sampledLog })
  const report = (topic: string) => {
    history.add({ ...reading, topic, at: clock.wallMs() }, false)
  }
  for (const topic of ['a', 'b', 'd', 'c', 'c']) report(topic)
  t.same(told, ['history-series-refused', 'history-series-refused'])
  t.same(history.snapshot('c'), [])
  clock.step(hourMs)
  await history.maintain()
  clock.step(dayMs + hourMs)
  report('b')
  report('c')
  t.equal(told.length, 2)
  t.same(
    history.snapshot('#').map(({ topic }) => topic),
    ['b', 'd', 'c'],
  )
  await history.close()
  await store.write([])
  t.same(
    (await historyIn(store, { clock })).snapshot('#').map(({ topic }) => topic),
    ['b', 'd', 'c'],
  )
})

t.test('short of memory, blocks are closed early; with no more, points are dropped', async (t) => {
  const store = await lastingStore()
  const { sampledLog, told } = toldProblems()
  const limits = { series: 2, openMiB: 1 / 64 }
  const history = await historyIn(store, { limits, sampledLog })
  let count = 0
  while (!told.includes('history-points-dropped')) {
    history.add({ ...reading, topic: 'a', value: Math.random() }, true)
    count += 1
  }
  t.ok(told.includes('history-closed-early'))
  t.equal((await pointsOf(history, 'a')).length, count - 1)
  await history.maintain()
  history.add({ ...reading, topic: 'a', at: midnight + 1 }, true)
  t.equal((await pointsOf(history, 'a')).length, count)
})

t.test('F65: short of memory, who has little loses no point', async (t) => {
  const { sampledLog, told } = toldProblems()
  const limits = { series: 3, openMiB: 1 / 64 }
  const history = await historyIn(await lastingStore(), { limits, sampledLog })
  const add = (topic: string, owner: string) =>
    history.add({ ...reading, topic, owner, value: Math.random() }, true)
  t.ok(add('lamp', 'house'))
  while (!told.includes('history-points-dropped')) add('a', 'flood')
  t.ok(add('lamp', 'house'))
  t.equal(add('a', 'flood'), undefined)
  while (add('lamp', 'house') !== undefined);
  t.equal(add('lamp', 'house'), undefined, 'up to a quarter more')
})

t.test(
  'while the disk is slow, what may be lost is dropped, and what is promised is not',
  async (t) => {
    const store = await lastingStore()
    const { sampledLog, told } = toldProblems()
    const waiting: (() => void)[] = []
    const journal = { ...journalOf(store), settled: (done: () => void) => void waiting.push(done) }
    const history = await historyIn(store, { journal, sampledLog })
    let count = 0
    while (told.length === 0) {
      history.add({ ...reading, topic: 'a' }, false)
      count += 1
    }
    t.same(told, ['history-points-dropped'])
    history.add({ ...reading, topic: 'a', value: 2 }, true)
    t.equal((await pointsOf(history, 'a')).length, count)
    for (const done of waiting) done()
    history.add({ ...reading, topic: 'a' }, false)
    t.equal((await pointsOf(history, 'a')).length, count + 1)
  },
)

t.test('a store that takes nothing is told of, and tried again', async (t) => {
  const store = await lastingStore()
  const clock = setClock(midnight)
  const { sampledLog, told } = toldProblems()
  let isBroken = true
  const write: typeof store.write = (changes) =>
    isBroken ? Promise.reject(new Error('no room')) : store.write(changes)
  const history = await historyIn(
    { ...store, write },
    { journal: journalOf(store), clock, sampledLog },
  )
  history.add({ ...reading, topic: 'a' }, false)
  clock.step(hourMs)
  await history.maintain()
  t.same(told, ['history-not-written'])
  isBroken = false
  await history.maintain()
  t.equal(told.length, 1)
  const [series] = history.snapshot('a')
  t.same(series?.open, [])
  t.equal((await pointsOf(history, 'a')).length, 1)
})

t.test('what cannot be read is told of, and everything else is there', async (t) => {
  const store = await lastingStore()
  const clock = setClock(midnight)
  const first = await historyIn(store, { clock })
  for (const topic of ['a', 'b', 'c']) first.add({ ...reading, topic }, true)
  first.promise()
  clock.step(hourMs)
  await first.maintain()
  for (const topic of ['a', 'b', 'c']) first.add({ ...reading, topic, at: clock.wallMs() }, true)
  await first.close()
  const broken = '\u0001'
  const series = (id: number) => String(id).padStart(8, '0')
  const day = Math.floor(midnight / dayMs)
    .toString(36)
    .padStart(8, '0')
  await store.write([
    put(`history/series/${series(2)}`, '{"topic":'),
    put(`history/series/${series(8)}`, '{"topic":1}'),
    put(`history/series/${series(9)}`, '[]'),
    put(`history/minute/${day}/${series(1)}`, broken),
    put(`history/open/${series(1)}/${series(0)}`, '\u0001\u0002\u0001'),
    put(`history/open/${series(7)}/${series(1)}`, broken),
    put('history/log/0000000z', '\u0001\u0002'),
  ])
  const { sampledLog, told } = toldProblems()
  const again = await historyIn(store, { clock, sampledLog })
  t.same(
    again.snapshot('#').map(({ topic }) => topic),
    ['a', 'c'],
  )
  t.equal((await pointsOf(again, 'c')).length, 2)
  const [a] = again.snapshot('a')
  const buckets = a && (await again.buckets(a, { tier: 'minute', period: midnight / dayMs }))
  t.match(buckets, [{ start: midnight + hourMs, count: 1 }])
  t.same(new Set(told), new Set(['history-unreadable']))
  t.equal(told.length, 8)
  if (a) t.same(await again.buckets({ ...a, id: 99 }, { tier: 'minute', period: 1 }), [])
})

t.test('what comes while others are written is written after them', async (t) => {
  const store = await lastingStore()
  const clock = setClock(midnight)
  let isComing = true
  const write: typeof store.write = async (changes) => {
    await store.write(changes)
    if (isComing) report(8)
    isComing = false
  }
  const history = await historyIn({ ...store, write }, { journal: journalOf(store), clock })
  const report = (value: number) =>
    history.add({ ...reading, topic: 'a', value, at: clock.wallMs() }, true)
  const stored = async () => {
    const values: number[] = []
    const again = await historyIn({ ...store, ...withoutLog(store) }, { clock })
    for (const { value } of await pointsOf(again, 'a')) values.push(value)
    return values
  }
  report(7)
  clock.step(301_000)
  await history.maintain()
  t.same(await stored(), [7])
  clock.step(301_000)
  await history.maintain()
  t.same(await stored(), [7, 8])
})

/** What is written ahead is lost. */
function withoutLog({ entries }: Pick<Store, 'entries'>): Pick<Store, 'entries'> {
  return {
    entries: async function* (prefix) {
      if (prefix !== 'history/log/') yield* entries(prefix)
    },
  }
}

t.test('who reads minutes while they are moved reads each point once', async (t) => {
  const store = await lastingStore()
  const clock = setClock(midnight)
  let during = async () => {}
  const get: typeof store.get = async (key) => {
    const value = await store.get(key)
    await during()
    return value
  }
  const history = await historyIn({ ...store, get }, { clock })
  for (const value of [1, 2]) history.add({ ...reading, topic: 'a', value }, true)
  clock.step(hourMs)
  during = async () => {
    during = async () => {}
    await history.maintain()
  }
  const [series] = history.snapshot('a')
  t.ok(series)
  const buckets =
    series && (await history.buckets(series, { tier: 'minute', period: midnight / dayMs }))
  t.match(buckets, [{ count: 2, sum: 3 }])
})

t.test('blocks that still grew when the hub was killed go on where they were', async (t) => {
  const store = await lastingStore()
  const first = await historyIn(store)
  first.add({ ...reading, topic: 'a' }, true)
  await first.close()
  const [series] = first.snapshot('a')
  if (series === undefined) throw new Error('expected a series')
  const own: OwnSeries = {
    ...series,
    lastAt: 0,
    through: 0,
    blocks: [],
    moves: 0,
    moving: undefined,
    isEscaped: true,
    owner: '',
    openShare: { bytes: 0 },
  }
  const changes = [midnight, midnight + hourMs].map((startAt, at) => {
    const writer = new RawBlockWriter(startAt)
    writer.add(startAt + 5, at)
    const block = { series: own, id: at + 1, startAt, writer, through: at + 1, isClosed: false }
    return openBlockChange({ block: { ...block, storedLength: 0 }, length: writer.length })
  })
  await store.write(changes)
  const clock = setClock(midnight + hourMs)
  const again = await historyIn(store, { clock })
  again.add({ ...reading, topic: 'a', at: clock.wallMs() + 7, value: 2 }, true)
  await again.maintain()
  const points = [
    { at: midnight + 5, value: 0 },
    { at: midnight + hourMs + 5, value: 1 },
    { at: midnight + hourMs + 7, value: 2 },
  ]
  t.same(await pointsOf(again, 'a'), points)
  t.equal(again.snapshot('a')[0]?.open.length, 1)
})

t.test('what comes after a promise in the same turn is written, too', async (t) => {
  const store = await lastingStore()
  const history = await historyIn(store)
  const report = (value: number) => history.add({ ...reading, topic: 'a', value }, false)
  report(1)
  history.promise()
  report(2)
  await new Promise(setImmediate)
  report(3)
  history.promise()
  await store.write([])
  const killed = await historyIn(store)
  const values = (await pointsOf(killed, 'a')).map(({ value }) => value)
  t.same(values, [1, 2, 3])
})
