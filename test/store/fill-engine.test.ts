import t from 'tap'
import { fillEngine } from '../../src/store/fill-engine.ts'
import type { Changes, Entry } from '../../src/store/store.ts'

/** So many entries of 0.4 MiB. */
async function* entries(count: number): AsyncGenerator<Entry> {
  for (let at = 0; at < count; at++) yield [`key/${at}`, Buffer.alloc(0.4 * 1024 * 1024)]
}

/** How many entries came in each batch. */
async function filled(count: number) {
  const batches: number[] = []
  const apply = async (changes: Changes) => void batches.push(changes.size)
  return { written: await fillEngine({ apply }, entries(count)), batches }
}

t.test('all entries are written, in batches of some 1 MiB', async (t) => {
  t.same(await filled(7), { written: 7, batches: [3, 3, 1] })
  t.same(await filled(1), { written: 1, batches: [1] })
  t.same(await filled(0), { written: 0, batches: [0] })
})
