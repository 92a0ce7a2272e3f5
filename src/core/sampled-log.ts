import type { Logger } from 'pino'
import { every } from './clock.ts'
import { reasonOf } from './errors.ts'

/** Counts every odd event and logs at most one of a kind per second, with how many it left out. */
export interface SampledLog {
  /** `kind` names the counter, and is what is sampled by: use few, fixed ones. */
  warn(kind: string, fields: Record<string, unknown>, text: string): void
}

const intervalMs = 1000

export function createSampledLog(
  log: Logger,
  counters: Counters,
  now: () => number = () => performance.now(),
): SampledLog {
  const kinds = new Map<string, { nextAtMs: number; leftOut: number }>()
  return {
    warn: (kind, fields, text) => {
      counters.count(kind)
      const nowMs = now()
      const { nextAtMs, leftOut } = kinds.get(kind) ?? { nextAtMs: nowMs, leftOut: 0 }
      const isDue = nowMs >= nextAtMs
      if (isDue) log.warn({ event: kind, kind, ...fields, leftOut }, text)
      kinds.set(
        kind,
        isDue ? { nextAtMs: nowMs + intervalMs, leftOut: 0 } : { nextAtMs, leftOut: leftOut + 1 },
      )
    },
  }
}

/** Counts and logs a defect of ours, which loses what it was about and nothing else. */
export function defectsTo(sampledLog: SampledLog): (error: unknown) => void {
  return (error) => {
    const stack = error instanceof Error ? error.stack : undefined
    const text = 'something could not be dealt with: please report this as a defect'
    sampledLog.warn('defects', { reason: reasonOf(error), stack }, text)
  }
}

/** Named counts of things worth knowing afterwards: what was refused, cut, dropped or found odd. */
export interface Counters {
  count(name: string): void
  snapshot(): Record<string, number>
}

export function createCounters(): Counters {
  const counts = new Map<string, number>()
  return {
    count: (name) => {
      counts.set(name, (counts.get(name) ?? 0) + 1)
    },
    snapshot: () => Object.fromEntries(counts),
  }
}

const minuteMs = 60_000

/**
 * Logs `sentences` now and once a minute, so that nobody forgets what is open. Returns what ends it.
 */
export function warnRepeatedly(
  log: Pick<Logger, 'warn'>,
  sentences: readonly string[],
  intervalMs = minuteMs,
): () => void {
  const say = () => {
    for (const sentence of sentences) log.warn({ event: 'left-open' }, sentence)
  }
  say()
  return every(intervalMs, say)
}
