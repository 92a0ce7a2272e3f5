import { createMemory } from '../../src/store/memory-store.ts'
import { type Change, createStore, type Store } from '../../src/store/store.ts'

/**
 * A store in memory that says that it outlives its hub, with what `from` has at first. A batch is taken when `take` has
 * taken it.
 */
export async function lastingStore(
  from?: Store,
  take: (changes: Change[]) => Promise<void> = async () => {},
): Promise<Store> {
  const memory = createMemory()
  const store = createStore({
    ...memory,
    isLasting: true,
    apply: async (changes) => {
      await take(Array.from(changes, ([key, value]) => ({ key, value })))
      await memory.apply(changes)
    },
  })
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
