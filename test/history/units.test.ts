import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { History, Reading } from '../../src/history/history.ts'
import { bucketTiers, dayMs, hourMs, minuteMs } from '../../src/history/periods.ts'
import { type Point, RawBlockCursor } from '../../src/history/raw-block.ts'
import type { Store } from '../../src/store/store.ts'
import { lastingStore } from '../store/lasting-store.ts'
import { historyIn, midnight } from './opened-history.ts'
import { setClock } from './set-clock.ts'
import { toldProblems } from './told-problems.ts'

// A point keeps its unit: whatever units come, and whenever the hub starts anew, no two of them share a series.

const reading = { topic: 'a', quantity: 'b', at: midnight, value: 1, unit: undefined }

const steps = fc.array(
  fc.record({
    unit: fc.constantFrom(undefined, undefined, 'W', 'kW', '℃', '°F'),
    isBoolean: fc.integer({ min: 0, max: 9 }).map((drawn) => drawn === 0),
    value: fc.integer({ min: -500, max: 500 }),
    pauseMs: fc.constantFrom(0, 1, 1000, minuteMs, 20 * minuteMs, hourMs),
    next: fc.constantFrom('', '', 'maintain', 'restart'),
  }),
  { maxLength: 60 },
)
type Steps = typeof steps extends fc.Arbitrary<infer T> ? T : never

/** Adds a point for each step, and answers the points by the unit that each has. */
async function follow(all: Steps, store: Store) {
  const clock = setClock(midnight)
  let history = await historyIn(store, { clock })
  const points = new Map<string | undefined, Point[]>()
  let latest: string | undefined
  for (const { unit, isBoolean, value: number, pauseMs, next } of all) {
    clock.step(pauseMs)
    const [at, value] = [clock.wallMs(), isBoolean ? number > 0 : number]
    latest = unit ?? latest
    points.set(latest, [...(points.get(latest) ?? []), { at, value: Number(value) }])
    const series = history.add({ ...reading, at, value, unit }, false)
    assert.equal(series?.unit, latest)
    if (next === 'maintain') await history.maintain()
    if (next !== 'restart') continue
    await history.close()
    await store.write([])
    history = await historyIn(store, { clock })
  }
  return { history, points }
}

async function pointsIn(history: History, series: ReturnType<History['snapshot']>[number]) {
  const points: Point[] = []
  for (const hour of history.periods(series, 'raw', { from: 0, to: midnight + 9 * dayMs })) {
    for await (const { bytes, startAt } of history.blocks(series, hour)) {
      const cursor = new RawBlockCursor(bytes, startAt)
      while (cursor.next()) points.push({ at: cursor.at, value: cursor.value })
    }
  }
  return points
}

t.test('each unit has its own points and buckets, and what has none joins the latest', async () => {
  const store = await lastingStore()
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      await store.clear('history/')
      const { history, points } = await follow(all, store)
      const snapshot = history.snapshot('a')
      assert.deepEqual(new Set(snapshot.map(({ unit }) => unit)), new Set(points.keys()))
      assert.equal(snapshot.length, points.size)
      for (const series of snapshot) {
        const own = points.get(series.unit) ?? []
        assert.deepEqual(await pointsIn(history, series), own)
        for (const tier of bucketTiers) {
          const periods = history.periods(series, tier, { from: 0, to: midnight + 9 * dayMs })
          const buckets = []
          for (const period of periods)
            buckets.push(...(await history.buckets(series, { tier, period })))
          const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0)
          assert.equal(count, own.length)
          assert.equal(
            Math.max(...buckets.map(({ max }) => max)),
            Math.max(...own.map(({ value }) => value)),
          )
          assert.equal(
            Math.min(...buckets.map(({ min }) => min)),
            Math.min(...own.map(({ value }) => value)),
          )
        }
      }
      await history.close()
      await store.write([])
    }),
    { numRuns: 60 },
  )
  await store.close()
})

t.test(
  'a quantity has at most sixteen units, and what comes in another one is counted',
  async (t) => {
    const { sampledLog, told } = toldProblems()
    const history = await historyIn(await lastingStore(), { sampledLog })
    const add = (unit: string | undefined, quantity = 'b') =>
      history.add({ ...reading, quantity, unit }, false)
    for (let unit = 0; unit < 16; unit++) t.ok(add(`u${unit}`))
    t.equal(add('one too many'), undefined)
    t.same(told, ['history-series-refused'])
    t.match(add('u3'), { unit: 'u3' })
    t.match(add(undefined), { unit: 'u3' })
    t.match(add('one too many', 'c'), { unit: 'one too many' })
  },
)

/** What a hub of 0.1 calls a series. */
function named(id: number, quantity: string) {
  const name = { topic: 'a', quantity, unit: 'W', isBoolean: false }
  return {
    key: `history/series/${String(id).padStart(8, '0')}`,
    value: Buffer.from(JSON.stringify(name)),
  }
}

t.test('what 0.1 has called by one name goes on with the first of two that comes', async (t) => {
  const store = await lastingStore()
  await store.write([named(1, 'a.b'), named(2, 'value')])
  const history = await historyIn(store)
  const add = (given: Partial<Reading>) =>
    history.add({ ...reading, unit: 'W', ...given }, false)?.id
  t.equal(add({ quantity: 'a\\.b', formerly: 'a.b' }), 1)
  t.equal(add({ quantity: 'a.b' }), 3)
  t.equal(add({ quantity: 'value' }), 2)
  t.equal(add({ quantity: '\\value', formerly: 'value' }), 4)
  t.equal(add({ quantity: 'a\\.b', formerly: 'a.b' }), 1)
  await history.close()
  await store.write([])
  const again = await historyIn(store)
  t.same(
    again.snapshot('a').map(({ id, quantity, unit }) => [id, quantity, unit]),
    [
      [1, 'a\\.b', 'W'],
      [2, 'value', 'W'],
      [3, 'a.b', 'W'],
      [4, '\\value', 'W'],
    ],
  )
  t.equal(
    again.add({ ...reading, quantity: '\\value', formerly: 'value', unit: 'W' }, false)?.id,
    4,
  )
})
