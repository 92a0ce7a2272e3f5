/** The time of day in a zone of the IANA database, whose clocks are put forward and back. */
import { HubError, quote } from './errors.ts'

const minuteMs = 60_000
const dayMs = 86_400_000

/**
 * Checks the time zone of the configuration. `source` begins the sentence of an error.
 *
 * @throws HubError `bad-config` for a zone that this machine does not know.
 */
export function checkTimeZone(timeZone: string | undefined, source: string): void {
  try {
    formatIn(timeZone)
  } catch (cause) {
    const expected = 'expected timeZone to be a zone such as "Europe/Prague"'
    const sentence = `${source}${expected}, got ${quote(String(timeZone))}`
    throw new HubError('bad-config', sentence, { cause })
  }
}

/**
 * When it is `time` (`hh:mm`) in `zone` next, after `atMs`, in milliseconds since 1970. A time that comes twice when clocks
 * are put back counts when it comes first; one that clocks leave out, as much later as they are put forward.
 */
export function nextTimeOfDay(time: string, zone: string | undefined, atMs: number): number {
  const format = formatIn(zone)
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  const ofDayMs = (hours * 60 + minutes) * minuteMs
  // What clocks show, as if that were UTC.
  const shownMs = atMs + offsetAt(format, atMs)
  const dayStartMs = Math.floor(shownMs / dayMs) * dayMs
  const next = [-1, 0, 1, 2]
    .map((days) => instantOf(format, dayStartMs + days * dayMs + ofDayMs))
    .filter((instantMs) => instantMs > atMs)
  return Math.min(...next)
}

function formatIn(timeZone: string | undefined): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
}

/** How far clocks are ahead of UTC. */
function offsetAt(format: Intl.DateTimeFormat, atMs: number): number {
  const parts = format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)])
  const { year, month, day, hour, minute, second } = Object.fromEntries(parts)
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1000) * 1000
}

/** When clocks show `shownMs`. */
function instantOf(format: Intl.DateTimeFormat, shownMs: number): number {
  const before = shownMs - offsetAt(format, shownMs - dayMs)
  const after = shownMs - offsetAt(format, shownMs + dayMs)
  const shown = [before, after].filter((each) => each + offsetAt(format, each) === shownMs)
  return shown.length > 0 ? Math.min(...shown) : before
}
