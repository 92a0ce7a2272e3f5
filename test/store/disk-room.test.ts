import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createReserveFile, watchDisk } from '../../src/store/disk-room.ts'
import { createInbox } from '../inbox.ts'
import { testFolder } from '../test-folder.ts'
import { tightDisk } from './tight-disk.ts'

async function watched(
  t: Test,
  freeMiB: number,
  limits?: Record<'freeMiB' | 'freePercent', number>,
) {
  const disk = tightDisk(t, freeMiB)
  const spare = createInbox<number>()
  const options = { ...disk.options, ...(limits && { limits }) }
  const watch = await watchDisk({ ...options, folder: '/', onRoom: spare.put })
  t.teardown(watch.close)
  return { ...disk, ...watch, spare }
}

t.test('a disk is low below one of two marks, the lower one', async (t) => {
  const { state, error, nextLook, warnings, spare } = await watched(t, 8)
  t.equal(error(), undefined)
  state.freeMiB = 7.5
  await warnings.next((kind) => kind === 'store-read-only')
  t.equal(error(), 'expected 8 MiB free on the disk of the data folder, got 7 MiB')
  await nextLook()
  state.freeMiB = 10
  await warnings.next((kind) => kind === 'store-writable')
  t.equal(error(), undefined)
  t.equal(await spare.next((bytes) => bytes > 0), 2 * 1024 * 1024)
  t.same(warnings.items, ['store-read-only', 'store-writable'])

  const byPercent = await watched(t, 4, { freeMiB: 50, freePercent: 5 })
  t.equal(byPercent.error(), 'expected 5 MiB free on the disk of the data folder, got 4 MiB')
})

t.test('a disk that cannot be looked at is as it was', async (t) => {
  const { state, error, warnings, nextLook } = await watched(t, 1)
  state.freeMiB = Number.NaN
  await warnings.next((kind) => kind === 'disk-unknown')
  await nextLook()
  t.match(error(), /got 1 MiB$/)
  const unknown = await watched(t, Number.NaN)
  t.equal(unknown.error(), undefined)
})

t.test('a folder that is gone counts as a disk without room', async (t) => {
  const { state, error, warnings } = await watched(t, 20)
  state.gone = 'the data folder is gone'
  await warnings.next((kind) => kind === 'store-gone')
  t.equal(error(), 'the data folder is gone')
  delete state.gone
  await warnings.next((kind) => kind === 'store-back')
  t.equal(error(), undefined)
  t.same(warnings.items, ['store-gone', 'store-back'])
})

t.test('a disk that hangs is asked once', async (t) => {
  const { options } = tightDisk(t, 1)
  let asked = 0
  let isHanging = false
  const readRoom = async () => {
    asked += 1
    if (isHanging) await new Promise(() => {})
    return options.readRoom()
  }
  const watch = await watchDisk({ ...options, folder: '/', onRoom: () => {}, readRoom })
  t.teardown(watch.close)
  isHanging = true
  const before = asked
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.equal(asked, before + 1)
})

t.test('nobody waits for a look once the hub ends', async (t) => {
  const { options, ending } = tightDisk(t, 1)
  const watch = await watchDisk({ ...options, folder: '/', onRoom: () => {}, intervalMs: 100_000 })
  t.teardown(watch.close)
  const waiting = watch.nextLook()
  ending.abort()
  await waiting
  await watch.nextLook()
})

t.test('a real disk has room, and is looked at every second', async (t) => {
  const { options, ending } = tightDisk(t, 0)
  const spare = createInbox<number>()
  const { limits, sampledLog, lookAtFolder } = options
  const common = { limits, sampledLog, lookAtFolder, ending: ending.signal }
  const real = { ...common, folder: '/', onRoom: spare.put }
  const watch = await watchDisk(real)
  t.teardown(watch.close)
  t.equal(watch.error(), undefined)
  t.ok((await spare.next()) > 0)
})

const bytes = 1_500_000

function reserveIn(t: Test, folder = testFolder(t)) {
  const ending = new AbortController()
  const path = join(folder, 'ballast')
  return { ...createReserveFile({ folder, bytes, ending: ending.signal }), ending, path }
}

t.test('the reserve file is taken when there is room for it, and given up once', async (t) => {
  const { take, giveUp, path } = reserveIn(t)
  t.equal(await giveUp(), false)
  await take(bytes - 1)
  t.notOk(existsSync(path))
  await Promise.all([take(bytes), take(bytes)])
  const { size, mode, mtimeMs } = statSync(path)
  t.equal(size, bytes)
  t.equal(mode & 0o777, 0o600)
  await take(bytes)
  t.equal(statSync(path).mtimeMs, mtimeMs, 'it is not written again')
  t.equal(await giveUp(), true)
  t.notOk(existsSync(path))
})

t.test('what an earlier hub has left of it is made whole', async (t) => {
  const { take, path } = reserveIn(t)
  writeFileSync(path, 'half')
  await take(bytes)
  t.equal(statSync(path).size, bytes)
})

t.test('a reserve file that is being taken can be given up', async (t) => {
  const { take, giveUp, path } = reserveIn(t)
  const taken = take(bytes)
  while (!existsSync(path)) await new Promise(setImmediate)
  t.equal(await giveUp(), true)
  await taken
  t.notOk(existsSync(path))
})

t.test('without room after all, or when the hub ends, nothing is left behind', async (t) => {
  const missing = reserveIn(t, join(testFolder(t), 'missing'))
  await missing.take(bytes)
  t.notOk(existsSync(missing.path))
  const { take, ending, path } = reserveIn(t)
  ending.abort()
  await take(bytes)
  t.notOk(existsSync(path))
})

t.test('what cannot be taken away makes no room, and ends nothing', async (t) => {
  const { take, giveUp, path } = reserveIn(t)
  mkdirSync(path)
  await take(bytes)
  t.equal(await giveUp(), false)
  t.ok(statSync(path).isDirectory())
})
