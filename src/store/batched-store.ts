import { createBatchWriter, type WaitingLimit } from './batch-writer.ts'
import { type Engine, formatKey, type Store } from './store.ts'

/** A store that keeps its values in `engine`, and writes by turns of the event loop. */
export function createStore(engine: Engine, limit?: WaitingLimit): Store {
  const writer = createBatchWriter(engine.apply, limit)
  let closing: Promise<void> | undefined
  return {
    isLasting: engine.isLasting,
    get: engine.get,
    entries: async function* (prefix) {
      for await (const entry of engine.entries(prefix)) if (entry[0] !== formatKey) yield entry
    },
    write: writer.write,
    clear: engine.clear,
    close: () => {
      closing ??= writer.close().then(engine.close)
      return closing
    },
  }
}
