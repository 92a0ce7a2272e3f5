import type { Logger } from 'pino'
import type { Counters } from './counters.ts'

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
      if (isDue) log.warn({ kind, ...fields, leftOut }, text)
      kinds.set(
        kind,
        isDue ? { nextAtMs: nowMs + intervalMs, leftOut: 0 } : { nextAtMs, leftOut: leftOut + 1 },
      )
    },
  }
}
