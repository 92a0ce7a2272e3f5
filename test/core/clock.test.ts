import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  ageOf,
  clockTime,
  isoTime,
  localTime,
  readingFirst,
  readTime,
  systemClock,
} from '../../src/core/clock.ts'
import { steppedClock } from '../clock.ts'

t.test('the clock of the process calls once, after the time, unless it is stopped', async (t) => {
  const startedAtMs = systemClock.nowMs()
  const stop = systemClock.after(1, t.fail)
  stop()
  const keepRunning = setTimeout(t.fail, 10_000)
  await new Promise<void>((resolve) => systemClock.after(20, resolve))
  clearTimeout(keepRunning)
  // A timer of Node may come a millisecond early.
  t.ok(systemClock.nowMs() - startedAtMs >= 19)
})

const now = Date.UTC(2026, 10, 21, 10)
const asked = { name: 'from', code: 'bad-query', nowMs: now, takesNumbers: true } as const
const typed = { ...asked, name: '--since', code: 'bad-command-line', takesNumbers: false } as const

t.test('a time in ISO 8601 is read in milliseconds', async (t) => {
  const times: [text: string, time: number][] = [
    ['1970-01-01', 0],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['1970-01-01T00:00:00.149Z', 149],
    ['1970-01-01T00:01Z', 60_000],
    ['1970-01-01T01:00:00+01:00', 0],
    ['1970-01-01T01:00:00+0100', 0],
    ['1970-01-01T01:00:00 01:00', 0],
    ['1969-12-31T19:00:00-05:00', 0],
    ['1970-01-01 00:00:01z', 1000],
    ['1970-01-01T00:00:00.123456+00:00', 123],
    ['9999-12-31T23:59:59.999Z', 253_402_300_799_999],
  ]
  for (const [text, time] of times) {
    for (const reader of [asked, typed]) t.equal(readTime(text, reader), time, text)
  }
})

t.test('a time is how long ago it is, too', async (t) => {
  const times: [text: string, time: string][] = [
    ['90s', '2026-11-21T09:58:30.000Z'],
    ['30m', '2026-11-21T09:30:00.000Z'],
    ['1h', '2026-11-21T09:00:00.000Z'],
    ['7d', '2026-11-14T10:00:00.000Z'],
    ['0s', '2026-11-21T10:00:00.000Z'],
    ['999999d', '1970-01-01T00:00:00.000Z'],
  ]
  for (const [text, time] of times) {
    for (const reader of [asked, typed]) t.equal(isoTime(readTime(text, reader)), time, text)
  }
})

t.test('milliseconds are a time for programs, and a forgotten unit for people', async (t) => {
  t.equal(readTime(5.5, asked), 5)
  t.equal(readTime('1795255200000', asked), now)
  t.throws(() => readTime('24', typed), {
    code: 'bad-command-line',
    message:
      'expected --since to be a time such as 90s, 30m, 1h, 7d or 2026-11-21T10:00:00Z, got "24"',
  })
})

t.test('what is no time is refused with what was expected and what is wrong', async (t) => {
  const wrong: [value: unknown, rest: string][] = [
    ['', '""'],
    ['yesterday', '"yesterday"'],
    ['h', '"h"'],
    ['1w', '"1w"'],
    ['-1h', '"-1h"'],
    [true, '"true"'],
    [{}, '"[object Object]"'],
    ['Sat, 21 Nov 2026 10:00:00 GMT', '"Sat, 21 Nov 2026 10:00:00 GMT"'],
    ['21.11.2026', '"21.11.2026"'],
    ['2026-11-21T10:00:00Z or so', '"2026-11-21T10:00:00Z or so"'],
    ['2026-11-21 (UTC)', '"2026-11-21 (UTC)"'],
    ['2026-11-21x', '"2026-11-21x"'],
    [' 2026-11-21', '" 2026-11-21"'],
    ['2026-11-21T10:00:00Q', '"2026-11-21T10:00:00Q"'],
    ['2026-11-21T10:00:00', '"2026-11-21T10:00:00" without a zone such as Z or +01:00'],
    ['2026-11-21 10:00', '"2026-11-21 10:00" without a zone such as Z or +01:00'],
    ['2026-02-31', '"2026-02-31", a day that is not there'],
    ['2026-02-29T10:00:00Z', '"2026-02-29T10:00:00Z", a day that is not there'],
    ['2026-04-31T10:00', '"2026-04-31T10:00", a day that is not there'],
    ['2026-13-45', '"2026-13-45", a day that is not there'],
    ['2026-11-00', '"2026-11-00", a day that is not there'],
    ['2026-11-21T25:00:00Z', '"2026-11-21T25:00:00Z", a time of day that is not there'],
    ['2026-11-21T10:61:00Z', '"2026-11-21T10:61:00Z", a time of day that is not there'],
    ['2026-11-21T10:00+25:00', '"2026-11-21T10:00+25:00", a time of day that is not there'],
    ['1969-12-31', '"1969-12-31", which is not between 1970 and 9999'],
    [-1, '"-1", which is not between 1970 and 9999'],
    [Number.NaN, '"NaN", which is not between 1970 and 9999'],
    [1e18, '"1000000000000000000", which is not between 1970 and 9999'],
    ['0001-01-01', '"0001-01-01", which is not between 1970 and 9999'],
  ]
  const expected = 'expected from to be a time such as 90s, 30m, 1h, 7d, 2026-11-21T10:00:00Z'
  for (const [value, rest] of wrong) {
    const message = `${expected} or milliseconds since 1970, got ${rest}`
    t.throws(() => readTime(value, asked), { code: 'bad-query', message }, String(value))
  }
})

t.test('whatever is written as ISO 8601 is read as the same time', async () => {
  const latest = 253_402_300_799_999
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: latest }),
      fc.integer({ min: -839, max: 839 }),
      (at, zone) => {
        assert.equal(readTime(isoTime(at), typed), at)
        const local = isoTime(Math.min(latest, Math.max(0, at + zone * 60_000))).slice(0, -1)
        const sign = zone < 0 ? '-' : '+'
        const [hours, minutes] = [Math.trunc(Math.abs(zone) / 60), Math.abs(zone) % 60]
        const text = `${local}${sign}${[hours, minutes].map((part) => String(part).padStart(2, '0')).join(':')}`
        const meant = Date.parse(`${local}Z`) - zone * 60_000
        if (meant >= 0 && meant <= latest) assert.equal(readTime(text, asked), meant)
      },
    ),
  )
})

t.test('a time that has a letter too many anywhere is none', async () => {
  const letters = fc.constantFrom(...'xQ§ \n')
  fc.assert(
    fc.property(fc.nat(20), letters, (place, letter) => {
      const text = '2026-11-21T10:00:00Z'
      const changed = text.slice(0, place) + letter + text.slice(place)
      assert.throws(() => readTime(changed, typed), { code: 'bad-command-line' })
    }),
  )
})

const here = new Date(2026, 0, 2, 3, 4, 5).getTime()

t.test('an age is told in its largest unit, and what is ahead is now', async (t) => {
  const cases: Record<string, number> = {
    now: 999,
    '1 s ago': 1000,
    '59 s ago': 59_999,
    '1 min ago': 60_000,
    '23 h ago': 86_399_999,
    '400 d ago': 400 * 86_400_000,
  }
  for (const [text, ms] of Object.entries(cases)) t.equal(ageOf(here - ms, here), text)
  t.equal(ageOf(here + 60_000, here), 'now')
})

t.test('a time is that of the place, with the day unless it is today', async (t) => {
  t.equal(clockTime(here), '03:04:05')
  t.equal(localTime(here, here), '03:04:05')
  t.equal(localTime(here - 4 * 3_600_000, here), '2026-01-01 23:04:05')
})

t.test('what is due is called once the sockets were read, and later after a stall', async (t) => {
  const still = steppedClock()
  let lateMs = 0
  const clock = readingFirst({ ...still, nowMs: () => still.nowMs() + lateMs })
  const called: string[] = []
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
  clock.after(100, () => called.push('in time'))
  clock.after(100, () => called.push('never'))()
  const cancel = clock.after(100, () => called.push('never, though it was due'))
  still.step(100)
  t.same(called, [])
  cancel()
  await turn()
  t.same(called, ['in time'])

  clock.after(100, () => called.push('after a stall'))
  const cancelLate = clock.after(100, () => called.push('never after a stall'))
  lateMs = 5000
  still.step(100)
  cancelLate()
  still.step(999)
  await turn()
  t.same(called, ['in time'])
  still.step(1)
  await turn()
  t.same(called, ['in time', 'after a stall'])
})
