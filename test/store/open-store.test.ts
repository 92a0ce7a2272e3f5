import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createRetryingEngine, openStore, openWatchedStore } from '../../src/store/open-store.ts'
import type { Engine } from '../../src/store/store.ts'
import { smallDisk } from '../faults/small-disk.ts'
import { createInbox } from '../inbox.ts'
import { testFolder } from '../test-folder.ts'
import { put, testStore, textsOf } from './contract.ts'
import { tightDisk } from './tight-disk.ts'

const reserveBytes = 1_000_000

async function opened(t: Test, freeMiB = 50, given?: string) {
  // The folder goes last when something else was to be undone before it was made.
  const disk = tightDisk(t, freeMiB)
  const folder = given ?? testFolder(t)
  const store = await openWatchedStore({ ...disk.options, folder, reserveBytes })
  t.teardown(() => {
    disk.ending.abort()
    return store.close()
  })
  return { ...disk, ...store, folder }
}

testStore(t, (t) => opened(t))

t.test('without a folder nothing is watched', async (t) => {
  const { options } = tightDisk(t, 0)
  const store = await openStore('', options)
  await store.write([put('a/1', 'x')])
  t.equal(store.error(), undefined)
})

t.test('on a low disk nothing is written until there is room, not even at the start', async (t) => {
  const { write, state, error, get, folder, warnings } = await opened(t, 3)
  t.match(error(), /^expected 8 MiB free .*, got 3 MiB$/)
  const order: string[] = []
  const first = write([put('a/1', 'x')]).then(() => order.push('first'))
  const second = write([]).then(() => order.push('second'))
  await warnings.next((kind) => kind === 'store-read-only')
  t.equal(await get('a/1'), undefined)
  t.same(order, [])
  state.freeMiB = 50
  await Promise.all([first, second])
  t.same(order, ['first', 'second'])
  t.equal(String(await get('a/1')), 'x')
  t.ok(existsSync(join(folder, 'store/CURRENT')))
})

t.test('what waits for the disk is bounded', async (t) => {
  const { write, state, warnings } = await opened(t, 3)
  const kept = write([{ key: 'a/1', value: Buffer.alloc(2_000_000) }])
  // What waits behind the batch that is being tried counts by itself.
  await warnings.next()
  await new Promise(setImmediate)
  const next = write([{ key: 'a/2', value: Buffer.alloc(600_000) }])
  void write([{ key: 'a/2', value: Buffer.alloc(500_000) }])
  const refused = write([{ key: 'a/3', value: Buffer.alloc(600_000) }])
  await t.rejects(refused, {
    code: 'cannot-write-store',
    message: /^expected at most 1048576 bytes/,
  })
  t.equal(await warnings.next(), 'store-write-refused')
  state.freeMiB = 50
  await Promise.all([kept, next])
})

t.test('the reserve file is taken when there is room', async (t) => {
  const { folder } = await opened(t)
  const path = join(folder, 'ballast')
  while (!existsSync(path) || statSync(path).size < reserveBytes) await new Promise(setImmediate)
})

t.test('a hub that ends does not wait for a low disk', async (t) => {
  const { write, close, ending, folder } = await opened(t, 3)
  const written = write([put('a/1', 'x')])
  ending.abort()
  await Promise.all([written, close()])
  t.same(await textsOf(await opened(t, 50, folder)), [['a/1', 'x']])
})

t.test('only a full disk costs the ballast', async (t) => {
  const { folder } = await opened(t)
  writeFileSync(join(folder, 'ballast'), 'half')
  await t.rejects(opened(t, 50, folder), { message: /one does/ })
  t.ok(readdirSync(folder).includes('ballast'))
})

t.test('a damaged store does not cost the reserve file', async (t) => {
  const { folder, close } = await opened(t, 1)
  await close()
  writeFileSync(join(folder, 'ballast'), 'half')
  rmSync(join(folder, 'store/CURRENT'))
  mkdirSync(join(folder, 'store/CURRENT'))
  await t.rejects(opened(t, 1, folder), { code: 'cannot-open-store', message: /IO error/ })
  t.ok(existsSync(join(folder, 'ballast')))
})

t.test(
  'when a full disk keeps a store from being opened, the reserve file is given up',
  async (t) => {
    const disk = smallDisk(t, 2)
    if (disk === undefined) {
      t.pass('needs to mount a file system', { skip: true })
      return
    }
    const folder = join(disk.folder, 'data')
    const { close, write } = await opened(t, 50, folder)
    await write([put('a/1', 'x')])
    await close()
    writeFileSync(join(folder, 'ballast'), Buffer.alloc(500_000, 1))
    disk.fill()
    const { warnings, get } = await opened(t, 50, folder)
    t.same(warnings.items, ['store-reserve-given-up'])
    t.equal(String(await get('a/1')), 'x')
    disk.fill()
    await t.rejects(opened(t, 50, folder), { code: 'cannot-open-store' }, 'one does')
  },
)

t.test('a full disk without a reserve says what to do', async (t) => {
  const disk = smallDisk(t, 1)
  if (disk === undefined) {
    t.pass('needs to mount a file system', { skip: true })
    return
  }
  disk.fill()
  await t.rejects(opened(t, 50, join(disk.folder, 'data')), {
    code: 'cannot-open-store',
    message: /no space left on device.*; make room on its disk$/i,
  })
})

t.test('a store whose files were gone for a while is opened anew', async (t) => {
  const { write, folder, warnings, get } = await opened(t)
  const [path, away] = [join(folder, 'store'), join(folder, 'away')]
  // So much that the next write begins another file.
  await write([{ key: 'a/1', value: Buffer.alloc(5_000_000) }])
  renameSync(path, away)
  const written = write([put('a/2', 'x')])
  // Whichever comes first: the write that fails, or the look that finds nothing to write to.
  await warnings.next((kind) => kind === 'store-write-failed' || kind === 'store-gone')
  renameSync(away, path)
  await written
  t.equal(String(await get('a/2')), 'x')
  t.equal((await get('a/1'))?.length, 5_000_000)
})

const changes = new Map([['a/1', Buffer.from('x')]])

/** An engine over a map, that fails while `state` says so, and a disk that is told what to say. */
function flakyEngine(_t: Test) {
  const values = new Map<string, Buffer | undefined>()
  const state: { writeError?: string; openError?: string; diskError?: string; goneError?: string } =
    {}
  const calls = createInbox<string>()
  const looks: (() => void)[] = []
  const ending = new AbortController()
  const engineNumber = (number: number): Engine => ({
    isLasting: true,
    get: async (key) => values.get(key),
    entries: async function* () {
      yield* [...values].map(([key, value = Buffer.alloc(0)]) => [key, value] as const)
    },
    apply: async (changes) => {
      calls.put(`apply ${number}`)
      if (state.writeError !== undefined) throw new Error(state.writeError)
      for (const [key, value] of changes) values.set(key, value)
    },
    clear: async (prefix) => calls.put(`clear ${prefix}`),
    close: async () => calls.put(`close ${number}`),
  })
  let opened = 0
  const engine = createRetryingEngine(engineNumber(0), {
    disk: {
      error: () => state.diskError,
      nextLook: () => {
        calls.put('wait')
        return ending.signal.aborted ? Promise.resolve() : new Promise((go) => looks.push(go))
      },
    },
    ending: ending.signal,
    isThere: () => state.goneError === undefined,
    open: async () => {
      calls.put('open')
      if (state.openError !== undefined) throw new Error(state.openError)
      opened += 1
      return engineNumber(opened)
    },
  })
  const look = (next: typeof state) => {
    for (const key of ['writeError', 'openError', 'diskError', 'goneError'] as const)
      delete state[key]
    Object.assign(state, next)
    for (const go of looks.splice(0)) go()
  }
  return { engine, state, calls, look, ending, values }
}

t.test('a write waits for room, and is done then', async (t) => {
  const { engine, state, calls, look } = flakyEngine(t)
  state.diskError = 'the disk is low'
  const written = engine.apply(changes)
  await calls.next()
  t.equal(engine.error(), 'the disk is low')
  t.equal(await engine.get('a/1'), undefined, 'reading goes on')
  look({ diskError: 'still' })
  await calls.next()
  t.same(calls.items, ['wait', 'wait'])
  look({})
  await written
  t.equal(String(await engine.get('a/1')), 'x')
  t.equal(engine.error(), undefined)
})

t.test('after an error the engine is opened anew, and the same is written again', async (t) => {
  const { engine, state, calls, look } = flakyEngine(t)
  state.writeError = 'IO error: /var/data/store/000012.log: No space left on device'
  const written = engine.apply(changes)
  await calls.next((call) => call === 'wait')
  t.same(calls.items, ['apply 0', 'close 0', 'open', 'wait'])
  t.equal(engine.error(), 'the store could not be written: No space left on device')
  look({})
  await written
  t.equal(engine.error(), undefined)
  const entries = []
  for await (const [key, value] of engine.entries('')) entries.push(`${key} ${value}`)
  t.same(entries, ['a/1 x'])
  await engine.close()
  t.same(calls.items.slice(4), ['apply 1', 'close 1'])
})

t.test('what was written into a folder that is gone is written again', async (t) => {
  const { engine, state, calls, look } = flakyEngine(t)
  state.goneError = 'gone'
  const written = engine.apply(changes)
  await calls.next((call) => call === 'wait')
  t.same(calls.items, ['apply 0', 'close 0', 'open', 'wait'])
  t.equal(engine.error(), 'the store could not be written: the data folder is gone')
  look({})
  await written
  t.same(calls.items.slice(4), ['apply 1'])
})

t.test('a store that ends with something unwritten says so', async (t) => {
  const { options, ending } = tightDisk(t, 3)
  const folder = testFolder(t)
  const { write, close, error } = await openWatchedStore({ ...options, folder, reserveBytes })
  rmSync(folder, { recursive: true })
  const lost = write([put('a/2', 'x')])
  while (error() === undefined) await new Promise(setImmediate)
  ending.abort()
  await t.rejects(lost)
  await t.rejects(close(), {
    code: 'cannot-write-store',
    message:
      /^expected to write everything before the end, got a disk that did not take \d+ values$/,
  })
})

t.test('F75: a restore that was cut off is told at the start', async (t) => {
  const { folder, close } = await opened(t)
  await close()
  renameSync(join(folder, 'store'), join(folder, 'store.tmp'))
  await t.rejects(opened(t, 50, folder), {
    code: 'cannot-open-store',
    message: /^expected the data folder ".*" to have a store, got a restore that was cut off: /,
  })
  renameSync(join(folder, 'store.tmp'), join(folder, 'store'))
  await opened(t, 50, folder)
})

t.test('while it cannot be opened it is tried again, and reads say why', async (t) => {
  const { engine, state, calls, look } = flakyEngine(t)
  Object.assign(state, { writeError: 'full', openError: 'full' })
  const written = engine.apply(changes)
  await calls.next((call) => call === 'wait')
  await t.rejects(engine.get('a/1'), { message: 'full' })
  look({ openError: 'still full' })
  await calls.next((call) => call === 'wait')
  t.equal(engine.error(), 'the store could not be written: still full')
  look({})
  await written
  t.equal(String(await engine.get('a/1')), 'x')
})

t.test('when the hub ends, a write is tried once more and then refused', async (t) => {
  const { engine, state, look, ending, values, calls } = flakyEngine(t)
  state.diskError = 'the disk is low'
  const written = engine.apply(changes)
  ending.abort()
  look({ diskError: 'the disk is low' })
  await written
  t.equal(values.size, 1)
  Object.assign(state, { writeError: 'full', openError: 'full' })
  await t.rejects(engine.apply(changes), { message: 'full' })
  await engine.close()
  t.same(calls.items.slice(-3), ['apply 0', 'close 0', 'open'])
})

t.test('closing waits for an opening, and takes it as it ends', async (t) => {
  const { engine, state, calls } = flakyEngine(t)
  Object.assign(state, { writeError: 'full', openError: 'full' })
  void engine.apply(changes)
  await calls.next((call) => call === 'open')
  await engine.close()
  t.same(calls.items.slice(0, 3), ['apply 0', 'close 0', 'open'])
})
