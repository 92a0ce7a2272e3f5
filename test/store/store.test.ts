import { setImmediate as endOfTick } from 'node:timers/promises'
import t from 'tap'
import { createStore, type Engine } from '../../src/store/store.ts'
import { createInbox } from '../inbox.ts'
import { put } from './contract.ts'

/** What is on its way to the disk, until it is told how that ends. */
interface Writing {
  readonly keys: string[]
  end(how: Promise<void>): void
}

/** A store on a disk that is as slow as it is told to be. */
function createSlowStore() {
  const batches = createInbox<Writing>()
  const engine: Engine = {
    isLasting: true,
    get: async () => undefined,
    entries: async function* () {},
    apply: (changes) => new Promise((end) => batches.put({ keys: [...changes.keys()], end })),
    clear: async () => {},
    close: async () => {},
  }
  return { ...createStore(engine), batches }
}

t.test('what comes in one tick is one batch, and the next collects meanwhile', async (t) => {
  const { write, batches } = createSlowStore()
  void write([put('a', '1')])
  await Promise.resolve()
  void write([put('b', '1')])
  t.same(batches.items, [])
  const first = await batches.next()
  t.same(first.keys, ['a', 'b'])
  void write([put('c', '1')])
  await endOfTick()
  const last = write([put('d', '1'), put('a', '2')])
  await endOfTick()
  t.equal(batches.items.length, 1, 'one at a time')
  first.end(Promise.resolve())
  const second = await batches.next()
  t.same(second.keys, ['c', 'd', 'a'])
  second.end(Promise.resolve())
  await last
})

t.test('a batch that fails fails for all in it, and for nobody else', async (t) => {
  const { write, close, batches } = createSlowStore()
  const failed = [write([put('a', '1')]), write([put('b', '1')])]
  void write([put('a', '2')])
  const first = await batches.next()
  const after = write([put('c', '1')])
  first.end(Promise.reject(new Error('no room')))
  for (const end of failed) await t.rejects(end, { message: 'no room' })
  const second = await batches.next()
  second.end(Promise.resolve())
  await Promise.all([after, close()])
  t.same(second.keys, ['c'])
})
