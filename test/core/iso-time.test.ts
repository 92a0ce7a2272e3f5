import t from 'tap'
import { parseIsoTime } from '../../src/core/iso-time.ts'

t.test('a time in ISO 8601 is read in milliseconds', async (t) => {
  t.equal(parseIsoTime('1970-01-01'), 0)
  t.equal(parseIsoTime('1970-01-01T00:00:00.149Z'), 149)
  t.equal(parseIsoTime('1970-01-01T01:00:00+01:00'), 0)
  t.equal(parseIsoTime('2024-02-29'), Date.UTC(2024, 1, 29))
})

t.test('other texts and days that are not there are none', async (t) => {
  const others = ['', 'yesterday', '5', 'Sat, 21 Nov 2026 10:00:00 GMT', '21.11.2026']
  const days = ['2026-02-31', '2026-02-29', '2026-04-31T10:00:00Z', '2026-13-45', '2026-11-00']
  const times = ['2026-11-21T25:00:00Z', '2026-11-21T10:00:00Q', '2026-11-21x']
  for (const text of [...others, ...days, ...times]) t.ok(Number.isNaN(parseIsoTime(text)), text)
})
