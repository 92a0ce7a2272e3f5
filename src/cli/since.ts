import { HubError, quote } from '../core/errors.ts'
import { parseIsoTime } from '../core/iso-time.ts'

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * The time that `text` names, as ISO 8601 in UTC: such a time, or how long before `nowMs` it is, such
 * as `90s`, `30m`, `1h` or `7d`.
 *
 * @throws HubError `bad-command-line` for other texts.
 */
export function readSince(text: string, nowMs: number, option = '--since'): string {
  const [, digits, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const atMs = digits ? nowMs - Number(digits) * Number(unitMs[unit]) : parseIsoTime(text)
  if (!Number.isNaN(atMs)) return new Date(atMs).toISOString()
  const expected = 'a time such as 90s, 30m, 1h, 7d or 2026-11-21T10:00:00Z'
  throw new HubError('bad-command-line', `expected ${option} to be ${expected}, got ${quote(text)}`)
}
