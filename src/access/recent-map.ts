/** Makes what is asked for, and forgets what was not asked for the longest. */
export interface RecentMap<T> {
  of(key: string): T
  has(key: string): boolean
}

export function createRecentMap<T>(maxSize: number, create: () => T): RecentMap<T> {
  const values = new Map<string, T>()
  return {
    of: (key) => {
      const value = values.get(key) ?? create()
      // A map keeps the order of insertion, so the first one is the oldest.
      values.delete(key)
      values.set(key, value)
      const [oldest] = values.keys()
      if (values.size > maxSize && oldest !== undefined) values.delete(oldest)
      return value
    },
    has: (key) => values.has(key),
  }
}
