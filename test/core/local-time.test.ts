import t from 'tap'
import { ageOf, clockTime, localTime } from '../../src/core/local-time.ts'

const now = new Date(2026, 0, 2, 3, 4, 5).getTime()

t.test('an age is told in its largest unit, and what is ahead is now', async (t) => {
  const cases: Record<string, number> = {
    now: 999,
    '1 s ago': 1000,
    '59 s ago': 59_999,
    '1 min ago': 60_000,
    '23 h ago': 86_399_999,
    '400 d ago': 400 * 86_400_000,
  }
  for (const [text, ms] of Object.entries(cases)) t.equal(ageOf(now - ms, now), text)
  t.equal(ageOf(now + 60_000, now), 'now')
})

t.test('a time is that of the place, with the day unless it is today', async (t) => {
  t.equal(clockTime(now), '03:04:05')
  t.equal(localTime(now, now), '03:04:05')
  t.equal(localTime(now - 4 * 3_600_000, now), '2026-01-01 23:04:05')
})
