import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createBallast } from '../../src/store/ballast.ts'
import { testFolder } from '../test-folder.ts'

const bytes = 1_500_000

function ballastIn(t: Test, folder = testFolder(t)) {
  const ending = new AbortController()
  const path = join(folder, 'ballast')
  return { ...createBallast({ folder, bytes, ending: ending.signal }), ending, path }
}

t.test('ballast is taken when there is room for it, and given up once', async (t) => {
  const { take, giveUp, path } = ballastIn(t)
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
  const { take, path } = ballastIn(t)
  writeFileSync(path, 'half')
  await take(bytes)
  t.equal(statSync(path).size, bytes)
})

t.test('ballast that is being taken can be given up', async (t) => {
  const { take, giveUp, path } = ballastIn(t)
  const taken = take(bytes)
  while (!existsSync(path)) await new Promise(setImmediate)
  t.equal(await giveUp(), true)
  await taken
  t.notOk(existsSync(path))
})

t.test('without room after all, or when the hub ends, nothing is left behind', async (t) => {
  const missing = ballastIn(t, join(testFolder(t), 'missing'))
  await missing.take(bytes)
  t.notOk(existsSync(missing.path))
  const { take, ending, path } = ballastIn(t)
  ending.abort()
  await take(bytes)
  t.notOk(existsSync(path))
})

t.test('what cannot be taken away makes no room, and ends nothing', async (t) => {
  const { take, giveUp, path } = ballastIn(t)
  mkdirSync(path)
  await take(bytes)
  t.equal(await giveUp(), false)
  t.ok(statSync(path).isDirectory())
})
