import t from 'tap'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { testStore } from './contract.ts'

testStore(t, async () => openMemoryStore())

t.test('it holds on to its own bytes only', async (t) => {
  const store = openMemoryStore()
  await store.write([{ key: 'a', value: Buffer.alloc(65_536).subarray(0, 1) }])
  t.equal((await store.get('a'))?.buffer.byteLength, 1)
})
