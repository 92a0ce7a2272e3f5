import t, { type Test } from 'tap'
import { watchDisk } from '../../src/store/disk-watch.ts'
import { createInbox } from '../inbox.ts'
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
  const { state, trouble, nextLook, warnings, spare } = await watched(t, 8)
  t.equal(trouble(), undefined)
  state.freeMiB = 7.5
  await warnings.next((kind) => kind === 'store-read-only')
  t.equal(trouble(), 'expected 8 MiB free on the disk of the data folder, got 7 MiB')
  await nextLook()
  state.freeMiB = 10
  await warnings.next((kind) => kind === 'store-writable')
  t.equal(trouble(), undefined)
  t.equal(await spare.next((bytes) => bytes > 0), 2 * 1024 * 1024)
  t.same(warnings.items, ['store-read-only', 'store-writable'])

  const byPercent = await watched(t, 4, { freeMiB: 50, freePercent: 5 })
  t.equal(byPercent.trouble(), 'expected 5 MiB free on the disk of the data folder, got 4 MiB')
})

t.test('a disk that cannot be looked at is as it was', async (t) => {
  const { state, trouble, warnings, nextLook } = await watched(t, 1)
  state.freeMiB = Number.NaN
  await warnings.next((kind) => kind === 'disk-unknown')
  await nextLook()
  t.match(trouble(), /got 1 MiB$/)
  const unknown = await watched(t, Number.NaN)
  t.equal(unknown.trouble(), undefined)
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
  const { limits, sampledLog } = options
  const real = { limits, sampledLog, ending: ending.signal, folder: '/', onRoom: spare.put }
  const watch = await watchDisk(real)
  t.teardown(watch.close)
  t.equal(watch.trouble(), undefined)
  t.ok((await spare.next()) > 0)
})
