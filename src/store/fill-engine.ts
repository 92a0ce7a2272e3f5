import type { Engine, Entry } from './store.ts'

/** How much is written at a time. */
const batchBytes = 1024 * 1024

/** Writes all `entries` into `engine`, and answers how many there were. */
export async function fillEngine(
  engine: Pick<Engine, 'apply'>,
  entries: AsyncIterable<Entry>,
): Promise<number> {
  let count = 0
  let bytes = 0
  let changes = new Map<string, Buffer>()
  for await (const [key, value] of entries) {
    count += 1
    changes.set(key, value)
    bytes += value.length
    if (bytes < batchBytes) continue
    await engine.apply(changes)
    changes = new Map()
    bytes = 0
  }
  await engine.apply(changes)
  return count
}
