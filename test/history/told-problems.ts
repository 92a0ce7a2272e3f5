import type { SampledLog } from '../../src/core/sampled-log.ts'

/** A log that only remembers the names of what it was told. */
export function toldProblems(): { readonly sampledLog: SampledLog; readonly told: string[] } {
  const told: string[] = []
  return { told, sampledLog: { warn: (name) => void told.push(name) } }
}
