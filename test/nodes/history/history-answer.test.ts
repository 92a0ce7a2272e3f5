// Whatever points there are and whatever range is asked for, what is told of them is what a plain look at
// all of them says.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { History } from '../../../src/history/history.ts'
import { dayMs, hourMs, minuteMs, type TimeRange } from '../../../src/history/periods.ts'
import type { Point } from '../../../src/history/raw-block.ts'
import {
  type HistoryAnswer,
  historyAnswer,
  readableSeries,
} from '../../../src/nodes/history/history-answer.ts'
import { historyIn, midnight } from '../../history/opened-history.ts'
import { setClock } from '../../history/set-clock.ts'
import { lastingStore } from '../../store/lasting-store.ts'

const spanMs = 10 * dayMs

function tell(history: History, range: TimeRange, points: number): Promise<HistoryAnswer> {
  const series = readableSeries(history, { filter: '#', mayRead: () => true })
  return historyAnswer(history, series, { range, points })
}

/** Rows of the points from the beginning of the answer until its end, counted plainly. */
function plainRows(points: readonly Point[], { from, to, bucketMs }: HistoryAnswer) {
  const [start, end] = [Date.parse(from), Date.parse(to)]
  const rows: number[][] = []
  for (let at = start; at < end; at += bucketMs) {
    const within = points.filter((point) => point.at >= at && point.at < at + bucketMs)
    const values = within.map(({ value }) => value)
    if (values.length === 0) continue
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const ends = [Number(values[0]), Number(values.at(-1))]
    rows.push([at, values.length, Math.min(...values), mean, Math.max(...values), ...ends])
  }
  return rows
}

function assertSameRows(told: HistoryAnswer, points: readonly Point[], scale: number): void {
  const rows = told.series.flatMap((series) => series.points).filter((row) => row !== null)
  const plain = plainRows(points, told)
  const withoutMean = (all: readonly (readonly number[])[]) =>
    all.map((row) => row.filter((_, column) => column !== 3))
  assert.deepEqual(withoutMean(rows), withoutMean(plain))
  for (const [at, row] of rows.entries()) {
    assert.ok(Math.abs(row[3] - Number(plain[at]?.[3])) <= 1e-9 * scale, 'the mean')
  }
}

const value = fc.oneof(
  fc.integer({ min: -10_000, max: 10_000 }).map((hundredths) => hundredths / 100),
  fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
)
const pauses = fc.constantFrom(0, 1, 40, 1000, 10_000, minuteMs, 7 * minuteMs, hourMs, 9 * hourMs)
const drawn = fc.array(fc.tuple(pauses, value, fc.constantFrom('', 'maintain', 'restart')), {
  maxLength: 150,
})
const ranges = fc.tuple(fc.nat(spanMs), fc.nat(spanMs), fc.integer({ min: 1, max: 2000 }))

/** Keeps what was drawn, with restarts in the middle of anything, and answers the points. */
async function kept(all: readonly (readonly [number, number, string])[]) {
  const store = await lastingStore()
  const clock = setClock(midnight)
  const retention = { ageMs: { raw: dayMs, minute: 3 * dayMs, hour: 99 * dayMs }, maxBytes: 1e9 }
  let history = await historyIn(store, { clock, retention })
  const points: Point[] = []
  for (const [pauseMs, value, then] of all) {
    clock.step(pauseMs)
    const at = clock.wallMs()
    const point = { at, value: value + 0 }
    points.push(point)
    history.add({ topic: 'a', quantity: 'b', unit: undefined, ...point }, false)
    if (then === 'maintain') await history.maintain()
    if (then !== 'restart') continue
    await history.close()
    await store.write([])
    history = await historyIn(store, { clock, retention })
  }
  return { history, points }
}

t.test('each bucket has the true count, smallest, largest, first, last and mean', async () => {
  await fc.assert(
    fc.asyncProperty(drawn, ranges, async (all, [one, other, count]) => {
      const { history, points } = await kept(all)
      const range = {
        from: midnight + Math.min(one, other),
        to: midnight + Math.max(one, other) + 1,
      }
      const told = await tell(history, range, count)
      assert.ok(Date.parse(told.from) <= range.from && Date.parse(told.to) >= range.to)
      assertSameRows(told, points, Math.max(1, ...points.map(({ value }) => Math.abs(value))))
    }),
    { numRuns: 100 },
  )
})

/** A history that is full of a value every ten minutes for so long, which is told wherever one looks. */
async function oldHistory(t: Test, days: number) {
  const store = await lastingStore()
  t.teardown(store.close)
  const clock = setClock(midnight)
  const ageMs = { raw: dayMs, minute: 3 * dayMs, hour: 99 * dayMs }
  const retention = { ageMs, maxBytes: 1e9 }
  const history = await historyIn(store, { clock, retention })
  const points: Point[] = []
  while (clock.wallMs() < midnight + days * dayMs) {
    const point = { at: clock.wallMs(), value: points.length }
    points.push(point)
    history.add({ topic: 'a', quantity: 'b', unit: undefined, ...point }, false)
    clock.step(10 * minuteMs)
    await history.maintain()
  }
  for (let call = 0; call < 60; call++) await history.maintain()
  return { history, points, end: clock.wallMs() }
}

t.test('where points, minutes and hours meet, there is neither a hole nor a double', async (t) => {
  const { history, points, end } = await oldHistory(t, 6)
  for (const days of [0.5, 0.9, 1, 1.1, 2.9, 3, 3.1, 5, 6]) {
    for (const count of [1, 10, 500, 10_000]) {
      const told = await tell(history, { from: end - days * dayMs, to: end }, count)
      assertSameRows(told, points, points.length)
    }
  }
  t.ok(history.lostUntil('minute') > midnight)
})

t.test('a gap is null between two rows; what is switched now and then has none', async (t) => {
  const history = await historyIn(await lastingStore())
  const seconds = [0, 1, 2, 3, 4, 60, 61]
  for (const [at, second] of seconds.entries()) {
    const time = { at: midnight + second * 1000, unit: undefined }
    history.add({ topic: 'a', quantity: 'number', value: at, ...time }, false)
    history.add({ topic: 'a', quantity: 'state', value: at % 2 === 0, ...time }, false)
  }
  const { series } = await tell(history, { from: midnight, to: midnight + 100_000 }, 100)
  t.same(
    series.map(({ quantity, points }) => [quantity, points.indexOf(null)]),
    [
      ['number', 5],
      ['state', -1],
    ],
  )
})

t.test('a quantity is told in the units it had in the range; of none, in the latest', async (t) => {
  const history = await historyIn(await lastingStore())
  const reports: [minute: number, unit: string | undefined, value: number][] = [
    [0, '℃', 20],
    [1, '°F', 70],
    [2, undefined, 72],
    [3, '℃', 22],
    [10, '°F', 74],
  ]
  for (const [minute, unit, value] of reports) {
    const at = midnight + minute * minuteMs
    history.add({ topic: 'a', quantity: 'b', unit, at, value }, false)
  }
  const unitsIn = async (from: number, to: number) => {
    const range = { from: midnight + from * minuteMs, to: midnight + to * minuteMs }
    const { series } = await tell(history, range, 1000)
    return series.map(({ unit, points }) => [unit, points.flatMap((row) => row?.[3] ?? [])])
  }
  t.same(await unitsIn(0, 4), [
    ['℃', [20, 22]],
    ['°F', [70, 72]],
  ])
  t.same(await unitsIn(0, 1), [['℃', [20]]])
  t.same(await unitsIn(5, 20), [['°F', [74]]])
  t.same(await unitsIn(20, 30), [['°F', []]])
})
