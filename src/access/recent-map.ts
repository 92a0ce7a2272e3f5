import { RecencyMap } from '../core/recency-map.ts'

/** Makes what is asked for, and forgets what was not asked for the longest. */
export interface RecentMap<T> {
  of(key: string): T
  has(key: string): boolean
}

export function createRecentMap<T>(maxSize: number, create: () => T): RecentMap<T> {
  const values = new RecencyMap<string, T>()
  return {
    of: (key) => {
      const value = values.get(key) ?? create()
      values.set(key, value)
      const { oldest } = values
      if (values.size > maxSize && oldest !== undefined) values.delete(oldest)
      return value
    },
    has: (key) => values.has(key),
  }
}
