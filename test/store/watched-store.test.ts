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
import { openStore } from '../../src/store/open-store.ts'
import { openWatchedStore } from '../../src/store/watched-store.ts'
import { testFolder } from '../test-folder.ts'
import { put, testStore, textsOf } from './contract.ts'
import { tightDisk } from './tight-disk.ts'

const ballastBytes = 1_000_000

async function opened(t: Test, freeMiB = 50, given?: string) {
  // The folder goes last when something else was to be undone before it was made.
  const disk = tightDisk(t, freeMiB)
  const folder = given ?? testFolder(t)
  const store = await openWatchedStore({ ...disk.options, folder, ballastBytes })
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
  t.equal(store.trouble(), undefined)
})

t.test('on a low disk nothing is written until there is room, not even at the start', async (t) => {
  const { write, state, trouble, get, folder, warnings } = await opened(t, 3)
  t.match(trouble(), /^expected 8 MiB free .*, got 3 MiB$/)
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

t.test('the ballast is taken when there is room', async (t) => {
  const { folder } = await opened(t)
  const path = join(folder, 'ballast')
  while (!existsSync(path) || statSync(path).size < ballastBytes) await new Promise(setImmediate)
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

t.test('when the disk keeps a store from being opened, the ballast is given up', async (t) => {
  const { folder, close } = await opened(t, 1)
  await close()
  writeFileSync(join(folder, 'ballast'), 'half')
  rmSync(join(folder, 'store/CURRENT'))
  mkdirSync(join(folder, 'store/CURRENT'))
  const refused = { code: 'cannot-open-store', message: /IO error/ }
  for (const _time of ['with the ballast', 'without']) {
    await t.rejects(opened(t, 1, folder), refused)
    t.notOk(existsSync(join(folder, 'ballast')))
  }
})

t.test('a store whose files were gone for a while is opened anew', async (t) => {
  const { write, folder, warnings, get } = await opened(t)
  const [path, away] = [join(folder, 'store'), join(folder, 'away')]
  // So much that the next write begins another file.
  await write([{ key: 'a/1', value: Buffer.alloc(5_000_000) }])
  renameSync(path, away)
  const written = write([put('a/2', 'x')])
  await warnings.next((kind) => kind === 'store-write-failed')
  renameSync(away, path)
  await written
  t.equal(String(await get('a/2')), 'x')
  t.equal((await get('a/1'))?.length, 5_000_000)
})
