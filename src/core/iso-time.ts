/**
 * Milliseconds since 1970 of a time in ISO 8601, such as `2026-11-21T10:00:00Z`; NaN for any other text,
 * and for a day that is not there.
 */
export function parseIsoTime(text: string): number {
  // `Date.parse` alone takes much that is no ISO 8601, and 31 February for 3 March.
  const [date = ''] = /^\d{4}-\d\d-\d\d/.exec(text) ?? []
  const day = new Date(date)
  const isDay = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date)
  return isDay ? Date.parse(text) : Number.NaN
}
