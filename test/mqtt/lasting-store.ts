import { openMemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'

/** A store in memory that says that it outlives its hub, with what `from` has at first. */
export async function lastingStore(from?: Store): Promise<Store> {
  const store = { ...openMemoryStore(), isLasting: true }
  if (from === undefined) return store
  for await (const [key, value] of from.entries('')) void store.write([{ key, value }])
  await store.write([])
  return store
}

/** All that comes. */
export async function listed<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
