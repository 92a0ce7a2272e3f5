import { setImmediate as turnOver } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { History } from '../../src/history/history.ts'
import { dayMs, hourMs, minuteMs, periodOf, type Tier } from '../../src/history/periods.ts'
import type { Store } from '../../src/store/store.ts'
import { lastingStore } from '../store/lasting-store.ts'
import { historyIn, midnight, pointsOf } from './opened-history.ts'
import { type SetClock, setClock } from './set-clock.ts'
import { toldProblems } from './told-problems.ts'

// What is too old, or too much, is given up; and nothing is, while nobody is sure what time it is.

const mebibyte = 1_048_576

function report(history: History, clock: SetClock, topic = 'a'): void {
  const value = topic === 'a' ? clock.nowMs() : Math.random()
  history.add({ topic, quantity: 'value', unit: undefined, at: clock.wallMs(), value }, false)
}

/** Lets time go by in steps in which something is reported, and lets the history do what is due. */
async function live(history: History, clock: SetClock, { forMs = 0, everyMs = 10 * minuteMs }) {
  for (let at = 0; at < forMs; at += everyMs) {
    report(history, clock)
    clock.step(everyMs)
    await history.maintain()
  }
}

async function maintainFor(history: History, clock: SetClock, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    clock.step(1000)
    await history.maintain()
  }
}

async function opened(
  t: Test,
  retention: { ageMs?: Partial<Record<Tier, number>>; maxMiB?: number },
) {
  const store = await lastingStore()
  t.teardown(store.close)
  const clock = setClock(midnight)
  const ageMs = { raw: dayMs, minute: 30 * dayMs, hour: 730 * dayMs, ...retention.ageMs }
  const { sampledLog, told } = toldProblems()
  const own = { ageMs, maxBytes: (retention.maxMiB ?? 1024) * mebibyte }
  const open = () => historyIn(store, { clock, retention: own, sampledLog })
  return { store, clock, told, open, history: await open() }
}

/** How many points each tier tells of, from the beginning. */
async function countsOf(history: History, clock: SetClock): Promise<Record<Tier, number>> {
  const [series] = history.snapshot('a')
  const counted = { raw: 0, minute: 0, hour: 0 }
  if (series === undefined) return counted
  counted.raw = (await pointsOf(history, 'a', [midnight - dayMs, clock.wallMs() + 1])).length
  for (const tier of ['minute', 'hour'] as const) {
    const last = periodOf(tier, clock.wallMs())
    for (let period = periodOf(tier, midnight); period <= last; period++) {
      const buckets = await history.buckets(series, { tier, period })
      counted[tier] += buckets.reduce((sum, { count }) => sum + count, 0)
    }
  }
  return counted
}

async function keysIn(store: Store, prefix: string): Promise<number> {
  let count = 0
  for await (const _ of store.entries(prefix)) count += 1
  return count
}

t.test('each tier is kept for its time, and what is left joins without a hole', async (t) => {
  const ageMs = { raw: 6 * hourMs, minute: 2 * dayMs, hour: 60 * dayMs }
  const { history, clock, open, store } = await opened(t, { ageMs })
  await live(history, clock, { forMs: 4 * dayMs })
  await maintainFor(history, clock, 60)
  const counts = await countsOf(history, clock)
  t.equal(counts.hour, 4 * 144)
  // Periods are given up as a whole: minutes by days, points by hours.
  t.ok(counts.minute >= 2 * 144 && counts.minute <= 3 * 144, String(counts.minute))
  t.ok(counts.raw >= 6 * 6 && counts.raw <= 7 * 6 + 1, String(counts.raw))
  t.ok(history.lostUntil('raw') <= clock.wallMs() - ageMs.raw)
  t.ok(history.lostUntil('raw') > clock.wallMs() - ageMs.raw - hourMs)
  t.equal(history.lostUntil('hour'), 0)
  await history.close()
  await store.write([])
  const again = await open()
  t.same(await countsOf(again, clock), counts)
  t.equal(again.lostUntil('raw'), history.lostUntil('raw'))
})

t.test('F24: while the clock may be wrong, nothing is given up for its age', async (t) => {
  const { history, clock, told } = await opened(t, {})
  await live(history, clock, { forMs: 2 * hourMs })
  const before = await countsOf(history, clock)
  clock.jump(400 * dayMs)
  await live(history, clock, { forMs: 50 * minuteMs, everyMs: 50_000 })
  t.same(told, ['history-clock-jump'])
  clock.jump(-400 * dayMs)
  await live(history, clock, { forMs: 2 * hourMs, everyMs: minuteMs })
  const after = await countsOf(history, clock)
  t.ok(after.hour > before.hour)
  t.ok(after.raw > before.raw)
  t.equal(history.lostUntil('raw'), 0)
  t.same(told, ['history-clock-jump', 'history-clock-jump'])
})

t.test('F24: a clock that stays where it was set is right', async (t) => {
  const { history, clock } = await opened(t, {})
  await live(history, clock, { forMs: 2 * hourMs })
  clock.jump(3 * dayMs)
  await live(history, clock, { forMs: 3 * hourMs })
  await maintainFor(history, clock, 60)
  t.ok(history.lostUntil('raw') > midnight)
  t.equal((await countsOf(history, clock)).hour, 5 * 6)
})

t.test('past its size, the oldest goes first, and some of every tier stays', async (t) => {
  const { history, store, clock } = await opened(t, { maxMiB: 0.5 })
  const names = Array.from({ length: 10 }, (_, at) => `a/${at}`)
  for (let minute = 0; minute < 12 * 60; minute++) {
    for (let count = 0; count < 10; count++) {
      for (const name of names) report(history, clock, name)
    }
    clock.step(minuteMs)
    if (minute % 10 === 0) await history.maintain()
  }
  await maintainFor(history, clock, 60)
  let bytes = 0
  for await (const [key, value] of store.entries('history/')) bytes += key.length + value.length
  t.ok(bytes < 0.6 * mebibyte, String(bytes))
  t.ok(bytes > 0.3 * mebibyte, String(bytes))
  t.ok(history.lostUntil('raw') > midnight)
  const [series] = history.snapshot('a/0')
  t.ok(series)
  for (const tier of ['raw', 'minute', 'hour'] as const) {
    t.ok((await keysIn(store, `history/${tier}/`)) > 0, tier)
  }
})

t.test('while the disk takes nothing more, what is too old goes all the same', async (t) => {
  const { history, clock, store } = await opened(t, { ageMs: { raw: hourMs } })
  await live(history, clock, { forMs: 3 * hourMs })
  t.not(await keysIn(store, 'history/raw/'), 0)
  store.write = () => new Promise(() => {})
  report(history, clock)
  for (let call = 0; call < 200; call++) {
    clock.step(2 * minuteMs)
    void history.maintain()
    await turnOver()
  }
  t.equal(await keysIn(store, 'history/raw/'), 0)
})

t.test('a series of which nothing is left is forgotten', async (t) => {
  const ageMs = { raw: hourMs, minute: dayMs, hour: dayMs }
  const { history, clock, store } = await opened(t, { ageMs })
  report(history, clock, 'gone')
  for (let day = 0; day < 40; day++) await live(history, clock, { forMs: dayMs, everyMs: hourMs })
  await maintainFor(history, clock, 60)
  t.same(history.snapshot('gone'), [])
  t.equal(history.snapshot('a').length, 1)
  t.equal(await keysIn(store, 'history/series/'), 1)
})
