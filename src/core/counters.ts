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
