import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Test } from 'tap'
import { BucketTable } from '../../src/history/buckets.ts'
import type { History } from '../../src/history/history.ts'
import {
  bucketMs,
  bucketTiers,
  dayMs,
  hourMs,
  minuteMs,
  periodOf,
} from '../../src/history/periods.ts'
import type { Point } from '../../src/history/raw-block.ts'
import type { Store } from '../../src/store/store.ts'
import { historyIn, midnight, pointsOf } from './opened-history.ts'
import { setClock } from './set-clock.ts'

type Step =
  | {
      readonly do: 'add'
      readonly topic: string
      readonly value: number
      readonly isPromised: boolean
    }
  | { readonly do: 'step' | 'jump'; readonly ms: number }
  | { readonly do: 'maintain' | 'restart' }

const topics = ['a', 'b']

const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(fc.constantFrom(...topics), fc.integer({ min: -500, max: 500 }), fc.boolean())
        .map(
          ([topic, value, isPromised]): Step => ({
            do: 'add',
            topic,
            value: value / 10,
            isPromised,
          }),
        ),
    },
    {
      weight: 4,
      arbitrary: fc
        .constantFrom(0, 1, 900, 20_000, minuteMs, 5 * minuteMs, hourMs)
        .map((ms): Step => ({ do: 'step', ms })),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(-dayMs, dayMs, -hourMs, -1500)
        .map((ms): Step => ({ do: 'jump', ms })),
    },
    { weight: 4, arbitrary: fc.constant<Step>({ do: 'maintain' }) },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'restart' }) },
  ),
  { maxLength: 60 },
)

/** What every history promises, whatever it is kept in. `open` answers an empty store, which is closed here. */
export function testHistory(t: Test, open: (t: Test) => Promise<Store>): void {
  t.test('whatever comes when, however the clock jumps, it is there once', async (t) => {
    const store = await open(t)
    t.teardown(store.close)
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        await store.clear('history/')
        await follow(all, store)
      }),
      { numRuns: store.isLasting ? 60 : 100 },
    )
  })
}

/** Does the steps with a history, and compares it with lists of what was added. */
async function follow(all: readonly Step[], store: Store): Promise<void> {
  const clock = setClock(midnight)
  let history = await historyIn(store, { clock })
  const added = new Map<string, Point[]>(topics.map((topic) => [topic, []]))
  const end = async () => {
    await history.close()
    await store.write([])
  }
  const add = ({ topic, value, isPromised }: Extract<Step, { do: 'add' }>) => {
    const at = clock.wallMs()
    history.add({ topic, quantity: 'value', unit: undefined, at, value }, isPromised)
    if (isPromised) history.promise()
    added.get(topic)?.push({ at, value })
  }
  const restart = async () => {
    if (!store.isLasting) return
    await end()
    history = await historyIn(store, { clock })
  }
  for (const step of all) {
    if (step.do === 'step') clock.step(step.ms)
    else if (step.do === 'jump') clock.jump(step.ms)
    else if (step.do === 'maintain') await history.maintain()
    else if (step.do === 'add') add(step)
    else await restart()
  }
  for (const [topic, points] of added) await compare(history, topic, points)
  await end()
}

async function compare(history: History, topic: string, points: readonly Point[]): Promise<void> {
  const from = Math.min(midnight, ...points.map(({ at }) => at)) - dayMs
  const to = Math.max(midnight, ...points.map(({ at }) => at)) + dayMs
  const hourOf = ({ at }: Point) => Math.floor(at / hourMs)
  const byHour = points.toSorted((one, other) => hourOf(one) - hourOf(other))
  assert.deepEqual(await pointsOf(history, topic, [from, to]), byHour)
  for (const tier of bucketTiers) {
    const table = new BucketTable(bucketMs[tier])
    for (const point of points) table.addPoint(point)
    const kept = []
    for (const series of history.snapshot(topic)) {
      for (let period = periodOf(tier, from); period <= periodOf(tier, to); period++) {
        kept.push(...(await history.buckets(series, { tier, period })))
      }
    }
    const rounded = (buckets: readonly { sum: number }[]) =>
      buckets.map((bucket) => ({ ...bucket, sum: Math.round(bucket.sum * 10) }))
    assert.deepEqual(rounded(kept), rounded(table.sorted()))
  }
}
