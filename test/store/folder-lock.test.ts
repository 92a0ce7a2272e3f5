import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { lockFolder, lockName } from '../../src/store/folder-lock.ts'
import { testFolder } from '../test-folder.ts'

const refused = {
  code: 'cannot-open-store',
  message: /^expected no other hub to use the store ".*\/store", but one does: end it, or choose /,
}

/** A folder with what looks like a store, which is locked. */
async function locked(t: Test) {
  const folder = testFolder(t, { data: { store: { CURRENT: '' } } })
  const data = join(folder, 'data')
  const lock = await lockFolder(data)
  t.teardown(lock.release)
  return { ...lock, folder: data, file: join(data, lockName) }
}

t.test('a folder has one hub, until that gives it back', async (t) => {
  const { folder, release, look, isThere, file } = await locked(t)
  await t.rejects(lockFolder(folder), refused)
  t.equal(await look(), undefined)
  t.ok(isThere())
  release()
  t.notOk(readdirSync(folder).includes(lockName))
  writeFileSync(file, 'of somebody else')
  release()
  t.ok(readdirSync(folder).includes(lockName), 'what is of others stays')
  await lockFolder(folder).then((lock) => lock.release())
})

/** The lock of `file` as another process would have made it. */
function changed(file: string, fields: Record<string, unknown>): void {
  const own: object = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, `${JSON.stringify({ ...own, token: 'another', ...fields })}\n`)
}

t.test('what a killed hub has left is taken over at once', async (t) => {
  const { folder, file } = await locked(t)
  const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await once(gone, 'exit')
  const left: Record<string, unknown>[] = [
    { pid: gone.pid },
    { pid: process.ppid, started: '1' },
    { boot: 'of yesterday' },
    {},
  ]
  for (const fields of left) {
    const startedAtMs = performance.now()
    changed(file, fields)
    const lock = await lockFolder(folder)
    t.ok(performance.now() - startedAtMs < 1000, JSON.stringify(fields))
    lock.release()
    writeFileSync(file, JSON.stringify({}))
    await lockFolder(folder).then((again) => {
      changed(file, fields)
      again.release()
    })
    rmSync(file)
    await lockFolder(folder)
  }
})

t.test('a hub that runs in another process has its folder', async (t) => {
  const { folder, file } = await locked(t)
  const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8')
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  changed(file, { pid: process.ppid, started })
  await t.rejects(lockFolder(folder), refused)
})

t.test('of a hub of another container or machine it is asked whether it lives', async (t) => {
  const { folder, file, look } = await locked(t)
  const text = readFileSync(file, 'utf8')
  changed(file, { namespace: 'pid:[1]' })
  const theirs = readFileSync(file, 'utf8')
  const answering = setInterval(() => writeFileSync(file, theirs), 20)
  await t.rejects(lockFolder(folder), refused)
  clearInterval(answering)
  writeFileSync(file, theirs)
  const lock = await lockFolder(folder)
  lock.release()
  writeFileSync(file, text)
  appendFileSync(file, '?')
  t.equal(await look(), undefined)
  t.equal(readFileSync(file, 'utf8'), text, 'it lives')
})

t.test('a lock that is taken away is made again, if the store is there', async (t) => {
  const { folder, file, look, isThere } = await locked(t)
  await look()
  rmSync(file)
  t.notOk(isThere())
  t.equal(await look(), undefined)
  t.ok(isThere())
  const gone = 'the data folder cannot be used: ENOENT: no such file or directory'
  renameSync(folder, `${folder}-away`)
  t.notOk(isThere())
  t.equal(await look(), gone)
  mkdirSync(join(folder, 'store'), { recursive: true })
  writeFileSync(join(folder, 'store/CURRENT'), '')
  t.notOk(isThere())
  t.match(await look(), /^the data folder cannot be used: /, 'nor is another one')
  rmSync(folder, { recursive: true })
  renameSync(`${folder}-away`, folder)
  t.equal(await look(), undefined)
  renameSync(join(folder, 'store'), join(folder, 'store-away'))
  mkdirSync(join(folder, 'store'))
  writeFileSync(join(folder, 'store/CURRENT'), '')
  t.equal(await look(), 'the data folder cannot be used: it is another one')
  writeFileSync(file, '{}\n')
  t.equal(await look(), 'the data folder cannot be used: another hub has taken it')
})

t.test('a folder that cannot be read says so', async (t) => {
  const { folder, file, look, release } = await locked(t)
  rmSync(file)
  mkdirSync(file)
  t.match(await look(), /^the data folder cannot be used: EISDIR/)
  await t.rejects(lockFolder(folder), { code: 'cannot-open-store', message: /EISDIR/ })
  release()
  rmSync(file, { recursive: true })
  chmodSync(folder, 0o700)
})
