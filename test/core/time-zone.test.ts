import t from 'tap'
import { checkTimeZone, nextTimeOfDay } from '../../src/core/time-zone.ts'

const next = (time: string, zone: string, from: string) =>
  new Date(nextTimeOfDay(time, zone, Date.parse(from))).toISOString()

t.test('a time of day comes next today or tomorrow, in its zone', async (t) => {
  for (const [time, zone, from, then] of [
    ['22:00', 'UTC', '2026-03-01T10:00:00Z', '2026-03-01T22:00:00.000Z'],
    ['22:00', 'UTC', '2026-03-01T22:00:00Z', '2026-03-02T22:00:00.000Z'],
    ['22:00', 'Europe/Prague', '2026-01-15T12:00:00Z', '2026-01-15T21:00:00.000Z'],
    ['22:00', 'Europe/Prague', '2026-07-15T12:00:00Z', '2026-07-15T20:00:00.000Z'],
    ['00:30', 'Europe/Prague', '2026-12-31T23:40:00Z', '2027-01-01T23:30:00.000Z'],
    ['00:30', 'Pacific/Auckland', '2026-06-01T11:00:00Z', '2026-06-01T12:30:00.000Z'],
    ['23:30', 'America/Los_Angeles', '2026-06-02T05:00:00.250Z', '2026-06-02T06:30:00.000Z'],
    ['12:00', 'Asia/Kathmandu', '2026-06-02T05:00:00Z', '2026-06-02T06:15:00.000Z'],
  ] as const) {
    t.equal(next(time, zone, from), then, `${time} in ${zone} after ${from}`)
  }
})

t.test('when clocks are put forward or back, it comes once a day', async (t) => {
  // 29 March 2026, 01:00 UTC: 02:00 is 03:00.
  t.equal(next('22:00', 'Europe/Prague', '2026-03-28T21:00:00Z'), '2026-03-29T20:00:00.000Z')
  t.equal(next('02:30', 'Europe/Prague', '2026-03-28T12:00:00Z'), '2026-03-29T01:30:00.000Z')
  t.equal(next('02:30', 'Europe/Prague', '2026-03-29T01:30:00Z'), '2026-03-30T00:30:00.000Z')
  // 25 October 2026, 01:00 UTC: 03:00 is 02:00 again.
  t.equal(next('22:00', 'Europe/Prague', '2026-10-24T20:00:00Z'), '2026-10-25T21:00:00.000Z')
  t.equal(next('02:30', 'Europe/Prague', '2026-10-24T12:00:00Z'), '2026-10-25T00:30:00.000Z')
  t.equal(next('02:30', 'Europe/Prague', '2026-10-25T00:30:00Z'), '2026-10-26T01:30:00.000Z')
})

t.test('a zone is one that the machine knows', async (t) => {
  for (const zone of ['Europe/Prague', 'UTC', undefined])
    t.doesNotThrow(() => checkTimeZone(zone, ''))
  for (const zone of ['Europe/Praha', '', 'x']) {
    t.throws(() => checkTimeZone(zone, 'a: '), { code: 'bad-config', message: `got "${zone}"` })
  }
  const now = Date.now()
  t.ok(nextTimeOfDay('12:00', undefined, now) > now, 'that of the machine is one, too')
})
