import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import t, { type Test } from 'tap'
import { folderLines, restoreBackup, saveBackup } from '../../src/store/backup.ts'
import { repairStore, wipeFolder } from '../../src/store/data-folder.ts'
import { openLevelStore } from '../../src/store/level-store.ts'
import { testFolder } from '../test-folder.ts'
import { put, textsOf } from './contract.ts'

const sampledLog = { warn: () => {} }
const odd = 'a/\u2028 \u2029 😀 "\\'

/** A data folder with `texts` in its store, which is closed. */
async function dataFolder(t: Test, texts: Record<string, string>) {
  const root = testFolder(t)
  const folder = join(root, 'data')
  const store = await openLevelStore({ folder, sampledLog })
  await store.write(Object.entries(texts).map(([key, text]) => put(key, text)))
  await store.close()
  return { root, folder, file: join(root, 'backup.ndjson') }
}

async function textsIn(folder: string) {
  const store = await openLevelStore({ folder, sampledLog })
  const texts = await textsOf(store)
  await store.close()
  return texts
}

t.test('what was saved is restored, whatever it is', async (t) => {
  const large = 'x'.repeat(1_500_000)
  const texts = { 'a/1': 'x', 'a/2': large, 'a/3': '', [odd]: 'y\n' }
  const { root, folder, file } = await dataFolder(t, texts)
  writeFileSync(file, 'of yesterday')
  t.equal(await saveBackup(file, folderLines(folder)), 4)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(readFileSync(file, 'utf8').split(/[\n\u2028\u2029]/).length, 7)
  const other = join(root, 'other')
  t.equal(await restoreBackup(file, other), 4)
  t.same(readdirSync(other), ['store'])
  t.same(await textsIn(other), await textsIn(folder))
})

t.test('a backup of nothing is one, too', async (t) => {
  const { root, folder, file } = await dataFolder(t, {})
  t.equal(await saveBackup(file, folderLines(folder)), 0)
  t.equal(await restoreBackup(file, join(root, 'other')), 0)
})

t.test('F75: a restore that was cut off is begun anew', async (t) => {
  const { root, folder, file } = await dataFolder(t, { 'a/1': 'x' })
  await saveBackup(file, folderLines(folder))
  const other = join(root, 'other')
  mkdirSync(join(other, 'store.tmp'), { recursive: true })
  writeFileSync(join(other, 'store.tmp/000003.log'), 'half')
  t.equal(await restoreBackup(file, other), 1)
  t.same(readdirSync(other), ['store'])
  t.same(await textsIn(other), [['a/1', 'x']])
})

t.test('F75: what killed backups have left is removed by the next one', async (t) => {
  const { root, folder, file } = await dataFolder(t, { 'a/1': 'x' })
  const names = ['backup.ndjson.0123456789ab.tmp', 'backup.ndjson.0123456789ac.tmp']
  for (const name of [...names, 'backup.ndjson.old.tmp']) writeFileSync(join(root, name), '')
  const longAgo = new Date(Date.now() - 120_000)
  for (const name of [names[0], 'backup.ndjson.old.tmp']) {
    utimesSync(join(root, String(name)), longAgo, longAgo)
  }
  await saveBackup(file, folderLines(folder))
  t.same(readdirSync(root), ['backup.ndjson', names[1], 'backup.ndjson.old.tmp', 'data'])
})

t.test('a folder that is not empty, and a file that is not whole, are refused', async (t) => {
  const { root, folder, file } = await dataFolder(t, { 'a/1': 'x', 'a/2': 'y' })
  await saveBackup(file, folderLines(folder))
  await t.rejects(restoreBackup(file, folder), {
    code: 'unwritable-file',
    message:
      /^expected the folder ".*" to be empty, got 1 files: choose another one, or end its hub/,
  })
  const text = readFileSync(file, 'utf8')
  const lines = text.split('\n')
  const damaged: [string, RegExp][] = [
    [lines.slice(0, -2).join('\n'), /got one that is damaged or cut off$/],
    [text.replace('"eA=="', '"eQ=="'), /damaged or cut off$/],
    [lines.toSpliced(1, 1).join('\n'), /damaged or cut off$/],
    [text.replace('["a/1"', '["a/1",'), /damaged$/],
    [text.replace('["a/1"', '[1'), /damaged$/],
    ['', /damaged or cut off$/],
    ['hello\nworld\n', /expected the backup to be one, got something else$/],
    [text.replace('Backup":1', 'Backup":2'), /a newer Clown\.Hub wrote$/],
    [text.replace('format":3', 'format":4'), /a newer Clown\.Hub wrote$/],
  ]
  const other = join(root, 'other')
  for (const [text, message] of damaged) {
    writeFileSync(file, text)
    await t.rejects(restoreBackup(file, other), { code: 'unreadable-file', message }, text)
    t.same(readdirSync(other), [])
  }
  await t.rejects(restoreBackup(join(root, 'missing'), other), {
    code: 'unreadable-file',
    message: /^expected to read ".*missing": ENOENT: no such file or directory$/,
  })
})

t.test('a file that is no backup costs no more memory than a line may', async (t) => {
  const { root, folder, file } = await dataFolder(t, { 'a/1': 'x' })
  await saveBackup(file, folderLines(folder))
  const sizeBytes = 70 * 1_048_576
  truncateSync(file, sizeBytes)
  await t.rejects(restoreBackup(file, join(root, 'other')), {
    code: 'unreadable-file',
    message: /^expected the backup to be one with values of at most 64 MiB/,
  })
  t.notOk(existsSync(join(root, 'other', 'store')))
})

t.test('a key that no hub writes is damage', async (t) => {
  const { root, file } = await dataFolder(t, {})
  for (const key of ['format', '../x', 'A/b', 'a/\ud800', '']) {
    const value = [key, Buffer.from('x').toString('base64')]
    writeFileSync(file, `{"clownHubBackup":1,"format":1}\n${JSON.stringify(value)}\n{}\n`)
    await t.rejects(restoreBackup(file, join(root, 'other')), {
      message: 'expected the backup to be a whole one, got one that is damaged',
    })
  }
})

t.test('nothing is left of a backup that could not be finished', async (t) => {
  const { root, folder, file } = await dataFolder(t, { 'a/1': 'x' })
  await t.rejects(
    saveBackup(
      file,
      (async function* () {
        yield '{"clownHubBackup":1,"format":1}\n'
      })(),
    ),
    { message: /cut off$/ },
  )
  t.same(readdirSync(root), ['data'])
  const elsewhere = join(root, 'missing', 'file')
  await t.rejects(saveBackup(elsewhere, folderLines(folder)), {
    code: 'unwritable-file',
    message: /^expected to write ".*file": ENOENT/,
  })
  await t.rejects(saveBackup(file, folderLines(root)), {
    code: 'cannot-open-store',
    message: /^expected a data folder, got ".*" without a store$/,
  })
  t.same(readdirSync(root), ['data'])
})

t.test('wiping removes what is of a hub, unless one uses it', async (t) => {
  const { folder } = await dataFolder(t, { 'a/1': 'x' })
  writeFileSync(join(folder, 'commands.ndjson.1'), '')
  writeFileSync(join(folder, 'letter.txt'), '')
  const store = await openLevelStore({ folder, sampledLog })
  await t.rejects(wipeFolder(folder), { message: /^expected no other hub to use the store/ })
  await store.close()
  t.equal(await wipeFolder(folder), 2)
  t.same(readdirSync(folder), ['letter.txt'])
  await t.rejects(wipeFolder(folder), { message: /without a store$/ })
})

t.test('a hub of an earlier release has its folder, too', async (t) => {
  const { folder } = await dataFolder(t, { 'a/1': 'x' })
  rmSync(join(folder, 'store/WRITTEN'))
  const level = new ClassicLevel(join(folder, 'store'))
  await level.open()
  const refused = { message: /^expected no other hub to use the store/ }
  await t.rejects(wipeFolder(folder), refused)
  await t.rejects(repairStore(folder), refused)
  await t.rejects(textsIn(folder), refused)
  await level.put('a/2', 'y')
  await level.close()
  t.equal(await wipeFolder(folder), 1)
})

t.test('a folder named store of somebody else is no store', async (t) => {
  const folder = testFolder(t, { store: { 'goods.ts': '' }, 'store.ts': '', 'store-front': {} })
  const refused = { code: 'cannot-open-store', message: /without a store$/ }
  await t.rejects(wipeFolder(folder), refused)
  await t.rejects(repairStore(folder), refused)
  await t.rejects(saveBackup(`${folder}.ndjson`, folderLines(folder)), refused)
  t.same(readdirSync(folder), ['store', 'store-front', 'store.ts'])
  t.same(readdirSync(join(folder, 'store')), ['goods.ts'])
})

t.test('F75: what an interrupted restore has left can be wiped', async (t) => {
  const { folder } = await dataFolder(t, {})
  renameSync(join(folder, 'store'), join(folder, 'store.tmp'))
  t.equal(await wipeFolder(folder), 1)
  t.same(readdirSync(folder), [])
})

t.test('what is no folder is told in one sentence', async (t) => {
  const { root, file, folder } = await dataFolder(t, {})
  await saveBackup(file, folderLines(folder))
  await t.rejects(restoreBackup(file, file), {
    code: 'unreadable-file',
    message: /^expected to read the folder ".*": ENOTDIR: not a directory$/,
  })
  await t.rejects(wipeFolder(join(root, 'missing')), {
    code: 'unwritable-file',
    message: /^expected to wipe the folder ".*missing": ENOENT: no such file or directory$/,
  })
})

t.test('a broken store says how to save what can be read of it, and that works', async (t) => {
  const { folder } = await dataFolder(t, { 'a/1': 'x', 'a/2': 'y' })
  const path = join(folder, 'store')
  rmSync(join(path, 'CURRENT'))
  const repair = /; "clown-hub repair --data DIR" saves what can be read$/
  await t.rejects(textsIn(folder), { code: 'cannot-open-store', message: repair })
  t.ok(
    readdirSync(path).some((name) => /\.(log|ldb)$/.test(name)),
    'and nothing was removed',
  )
  const { values, bytes, asideIn } = await repairStore(folder)
  t.same([values, bytes], [2, 2])
  t.ok(existsSync(asideIn))
  t.same(await textsIn(folder), [
    ['a/1', 'x'],
    ['a/2', 'y'],
  ])
  const store = await openLevelStore({ folder, sampledLog })
  await t.rejects(repairStore(folder), { message: /^expected no other hub to use the store/ })
  await store.close()
})

t.test('a value that cannot be read is told in one sentence', async (t) => {
  const texts = Array.from({ length: 60 }, (_, index) => [
    `history/raw/${index}`,
    'x'.repeat(100_000),
  ])
  const { folder, file } = await dataFolder(t, Object.fromEntries(texts))
  // Its values are in a table from the second start on.
  t.equal((await textsIn(folder)).length, 60)
  const path = join(folder, 'store')
  const table = readdirSync(path).find((name) => name.endsWith('.ldb')) ?? ''
  const bytes = readFileSync(join(path, table))
  bytes.fill(0xff, bytes.length >> 1, (bytes.length >> 1) + 3000)
  writeFileSync(join(path, table), bytes)
  const refused = {
    code: 'cannot-read-store',
    message: /^expected to read the store ".*": Corruption: .*; "clown-hub repair --data DIR"/,
  }
  await t.rejects(saveBackup(file, folderLines(folder)), refused)
  const store = await openLevelStore({ folder, sampledLog })
  const gets = Object.keys(Object.fromEntries(texts)).map((key) => store.get(key))
  t.match(
    (await Promise.allSettled(gets)).find(({ status }) => status === 'rejected'),
    {
      reason: refused,
    },
  )
  await store.close()
  await t.rejects(saveBackup(file, folderLines(folder)), refused, 'and once more')
  const { values } = await repairStore(folder)
  t.ok(values > 0 && values < 60, `${values} of 60 were saved`)
})

t.test('what stands in the way of a repair is told', async (t) => {
  const { root, folder } = await dataFolder(t, { 'a/1': 'x' })
  const now = new Date(0)
  const { asideIn } = await repairStore(folder, undefined, now)
  await t.rejects(repairStore(folder, undefined, now), {
    message: /^expected to open the store ".*": ENOTEMPTY/,
  })
  t.same(readdirSync(folder).sort(), ['store', asideIn.replace(/.*\//, '')])
  writeFileSync(join(root, 'store'), '')
  await t.rejects(repairStore(root), { code: 'cannot-open-store', message: /not a directory/ })
  const odd = testFolder(t, { store: { CURRENT: {} } })
  await t.rejects(repairStore(odd), { code: 'cannot-open-store', message: /Is a directory$/ })
})

t.test('what cannot be repaired is kept as it was', async (t) => {
  const { folder } = await dataFolder(t, {})
  const path = join(folder, 'store')
  for (const name of readdirSync(path)) truncateSync(join(path, name), 0)
  const { values } = await repairStore(folder)
  t.equal(values, 0)
})
