import t from 'tap'
import { rendered } from './rendered.ts'

t.test('times are told as Home Assistant tells them, in UTC', async (t) => {
  const results = {
    '{{ now() }}': '2026-01-01 00:00:00+00:00',
    '{{ utcnow().isoformat() }}': '2026-01-01T00:00:00+00:00',
    '{{ now() + timedelta(seconds=90) }}': '2026-01-01 00:01:30+00:00',
    '{{ timedelta(hours=1) + now() }}': '2026-01-01 01:00:00+00:00',
    '{{ (now() - timedelta(milliseconds=1500)).isoformat() }}': '2025-12-31T23:59:58.500000+00:00',
    '{{ now() - as_datetime("2025-12-30T12:00:00Z") }}': '1 day, 12:00:00',
    '{{ timedelta(days=2) }} {{ timedelta(0, 5) }} {{ timedelta(days=-2) }}':
      '2 days, 0:00:00 0:00:05 -2 days, 0:00:00',
    '{{ timedelta(hours=1) - timedelta(minutes=1) }}': '0:59:00',
    '{{ timedelta(minutes=90).total_seconds() }} {{ timedelta(days=1, seconds=5).seconds }}':
      '5400.0 5',
    '{{ timedelta(weeks=1).days }}{{ timedelta(1).hours }}': '7',
    '{{ as_timestamp(now()) }} {{ now()|as_timestamp|int }}': '1767225600.0 1767225600',
    "{{ as_timestamp('2026-01-01T01:00:00+01:00') }}": '1767225600.0',
    "{{ as_timestamp('2026-01-01 00:00') }} {{ as_timestamp('2026-01-01')|int }}":
      '1767225600.0 1767225600',
    "{{ as_timestamp('2026-01-01T00:00:00+0000') }}": '1767225600.0',
    "{{ as_timestamp('x', default=0) }} {{ 'x'|as_datetime(5) }}": '0 5',
    '{{ 1767225600|timestamp_local }} {{ 1767225600.5|timestamp_utc }}':
      '2026-01-01T00:00:00+00:00 2026-01-01T00:00:00.500000+00:00',
    "{{ 'x'|timestamp_local(default='n') }}": 'n',
    "{{ 1767225600|timestamp_custom('%H:%M') }} {{ 1767225600|timestamp_custom }}":
      '00:00 2026-01-01 00:00:00',
    "{{ 'x'|timestamp_custom('%H', true, 'none') }}": 'none',
    "{{ now().strftime('%a %A %b %B %d %m %y %Y %I %p %H %M %S %f %F %T %s %z %Z %% %q') }}":
      'Thu Thursday Jan January 01 01 26 2026 12 AM 00 00 00 000000 2026-01-01 00:00:00 1767225600 +0000 UTC % %q',
    "{{ today_at('13:30').strftime('%I %p') }} {{ today_at() }}": '01 PM 2026-01-01 00:00:00+00:00',
    '{{ now().year }}{{ now().month }}{{ now().day }}{{ now().hour }}{{ now().minute }}':
      '20261100',
    '{{ now().second }}{{ now().microsecond }}{{ now().x }}{{ now()[0] }}{{ now()[none] }}': '00',
    '{{ now().weekday() }} {{ now().isoweekday() }} {{ now().timestamp() }}': '3 4 1767225600.0',
    "{{ strptime('24.12.2025 18:05', '%d.%m.%Y %H:%M') }}": '2025-12-24 18:05:00+00:00',
    "{{ strptime('x', '%d', 'none') }} {{ strptime('7.25', '%S.%f') }}":
      'none 1900-01-01 00:00:07.250000+00:00',
    '{{ now() == now() }}{{ now() > as_datetime(0) }}{{ timedelta(1) == timedelta(hours=24) }}':
      'TrueTrueTrue',
    '{{ timedelta(1) > timedelta(2) }}{{ now() == 1 }}{{ timedelta(1) == 1 }}': 'FalseFalseFalse',
    "{{ 'a' if timedelta(0) else 'b' }}{{ 'a' if now() else 'b' }}": 'ba',
    "{{ as_datetime('2026-01-04').isoweekday() }}": '7',
    '{{ 60|as_timedelta }} {{ now()|as_local }} {{ now() is datetime }}':
      '0:01:00 2026-01-01 00:00:00+00:00 True',
  }
  for (const [template, result] of Object.entries(results)) {
    t.equal(rendered(template), result, template)
  }
  for (const method of [
    'timestamp()',
    'isoformat()',
    "strftime('%H')",
    'weekday()',
    'isoweekday()',
  ]) {
    t.match(rendered(`{{ timedelta(1).${method} }}`), { reason: /expected a value that has/ })
  }
  t.match(rendered('{{ now().total_seconds() }}'), { reason: /total_seconds/ })
  t.match(rendered('{{ 5 + timedelta(1) }}'), { reason: /number/ })
  t.match(rendered('{{ timedelta(1) + 5 }}'), { reason: /number/ })
  t.match(rendered('{{ now() + now() }}'), { reason: /number/ })
  t.match(rendered('{{ 5 .isoformat() }}'), { reason: /isoformat/ })
  t.match(rendered('{{ none.isoformat() }}'), { reason: /isoformat/ })
})
