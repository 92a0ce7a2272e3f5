import { ownBytes } from '../core/payload.ts'
import { createStore, type Engine, type Entry, type Store } from './store.ts'

/** A store that keeps nothing when the hub ends. */
export function openMemoryStore(): Store {
  return createStore(createMemory())
}

/** Keeps values for as long as the process lives. */
export function createMemory(): Engine {
  const values = new Map<string, Buffer>()
  return {
    isLasting: false,
    get: async (key) => values.get(key),
    entries: async function* (prefix) {
      yield* [...values].filter(([key]) => key.startsWith(prefix)).sort(byBytes)
    },
    apply: async (changes) => {
      for (const [key, value] of changes) {
        if (value === undefined) values.delete(key)
        else values.set(key, ownBytes(value))
      }
    },
    clear: async (prefix) => {
      for (const key of values.keys()) if (key.startsWith(prefix)) values.delete(key)
    },
    close: async () => {},
  }
}

/** JavaScript itself orders text by UTF-16, in which some characters change places. */
function byBytes([one]: Entry, [other]: Entry): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}
