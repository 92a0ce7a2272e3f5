import t from 'tap'
import { openLevelStore } from '../../src/store/level-store.ts'
import { openMemoryStore } from '../../src/store/memory-store.ts'
import { lastingStore } from '../store/lasting-store.ts'
import { testFolder } from '../test-folder.ts'
import { testHistory } from './contract.ts'
import { silent } from './opened-history.ts'

t.test('on disk', async (t) => {
  testHistory(t, (t) => openLevelStore({ folder: testFolder(t), sampledLog: silent }))
})

t.test('in memory', async (t) => {
  testHistory(t, async () => openMemoryStore())
})

t.test('in memory that outlives the hub', async (t) => {
  testHistory(t, () => lastingStore())
})
