import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type Migration, migrations as ours } from '../../src/store/format.ts'
import { copyInto, openLevelStore } from '../../src/store/level-store.ts'
import type { Changes, Entry } from '../../src/store/store.ts'
import { createInbox } from '../inbox.ts'
import { testFolder } from '../test-folder.ts'
import { put, testStore, textsOf } from './contract.ts'

const warnings = createInbox<string>()
const sampledLog = { warn: warnings.put }

/** The store in `folder`, closed at teardown at the latest. */
async function openIn(t: Test, folder: string, migrations: readonly Migration[] = []) {
  const store = await openLevelStore({ folder, sampledLog, migrations })
  t.teardown(store.close)
  return store
}

testStore(t, (t) => openLevelStore({ folder: testFolder(t), sampledLog }))

t.test('what was written is there the next time', async (t) => {
  const folder = testFolder(t)
  const first = await openIn(t, folder)
  await first.write([put('a/1', 'x'), put('a/2', 'y')])
  await first.close()
  t.same(await textsOf(await openIn(t, folder)), [
    ['a/1', 'x'],
    ['a/2', 'y'],
  ])
})

t.test('where there are no hard links, a store is opened all the same', async (t) => {
  const folder = testFolder(t)
  await (await openIn(t, folder)).close()
  // Nothing has two names that is a folder.
  mkdirSync(join(folder, 'store/MANIFEST-000999'))
  const store = await openIn(t, folder)
  await store.write([put('a/1', 'x')])
  await store.close()
  t.same(readdirSync(folder), ['store'])
  t.same(await textsOf(await openIn(t, folder)), [['a/1', 'x']])
})

t.test('the folder is made for its owner only', async (t) => {
  const folder = join(testFolder(t), 'var/data')
  await openIn(t, folder)
  for (const path of [join(folder, '..'), folder, join(folder, 'store')]) {
    t.equal(statSync(path).mode & 0o777, 0o700, path)
  }
})

t.test('a folder that cannot be used is refused', async (t) => {
  const damaged = { store: { CURRENT: 'nonsense' } }
  const folder = testFolder(t, { file: '', damaged, odd: { store: '' } })
  await t.rejects(openIn(t, join(folder, 'odd')), {
    code: 'cannot-open-store',
    message: /^expected to open the store ".*\/odd\/store": EEXIST/,
  })
  await t.rejects(openIn(t, join(folder, 'file')), {
    code: 'cannot-open-store',
    message: /^expected to open the store ".*\/file\/store": (ENOTDIR|EEXIST)/,
  })
  await t.rejects(openIn(t, join(folder, 'damaged')), {
    code: 'cannot-open-store',
    message: /^expected to open the store ".*\/damaged\/store": Corruption: CURRENT file/,
  })
})

t.test('what cannot be written is refused, and the others go on', async (t) => {
  const folder = testFolder(t)
  const store = await openIn(t, folder)
  rmSync(join(folder, 'store'), { recursive: true })
  // LevelDB begins another file after some 4 MiB.
  const large = () => store.write([{ key: 'a', value: Buffer.alloc(5_000_000) }])
  await store.write([{ key: 'history/raw/1', value: Buffer.from('b') }])
  await large()
  await t.rejects(large(), {
    code: 'cannot-write-store',
    message: /^expected to write to the store ".*": IO error: .*No such file/,
  })
  t.equal(await warnings.next(), 'store-write-failed')
  t.equal((await store.get('a'))?.length, 5_000_000)
  await t.rejects(store.clear('history/raw/'), { code: 'cannot-write-store' })
  t.equal(await warnings.next(), 'store-write-failed')
})

const program = fileURLToPath(new URL('./store-writer-main.ts', import.meta.url))

/** A process that writes into the store of `folder`, key after key. */
function startWriter(t: Test, folder: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', program, folder])
  const ended = once(child, 'close')
  const written = createInbox<string>()
  createInterface({ input: child.stdout }).on('line', written.put)
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  t.teardown(kill)
  return { written, kill }
}

t.test('a second hub is refused, also from another process, until the first ends', async (t) => {
  const folder = testFolder(t)
  const { written, kill } = startWriter(t, folder)
  await written.next()
  const refused = {
    code: 'cannot-open-store',
    message:
      /^expected no other hub to use the store ".*\/store", but one does: end it, or choose /,
  }
  await t.rejects(openIn(t, folder, ours), refused)
  await kill()
  await openIn(t, folder, ours)
  await t.rejects(openIn(t, folder, ours), refused)
})

t.test('nothing that was written is lost when the process is killed', async (t) => {
  const folder = testFolder(t)
  for (let round = 0; round < 2; round++) {
    const { written, kill } = startWriter(t, folder)
    await written.next()
    await written.next((line) => Number(line.split(' ')[1]) > 300)
    await kill()
    const store = await openIn(t, folder, ours)
    const keys = new Map(await textsOf(store))
    const lost = written.items.filter((key) => !keys.has(key))
    t.same(lost, [], `${written.items.length} were written`)
    await store.close()
  }
})

const addExclamation: Migration = async (store) => {
  const changes = []
  for await (const [key, value] of store.entries('a/')) changes.push(put(key, `${value}!`))
  return changes
}

const rename: Migration = async (store) => [
  { key: 'a/1', value: undefined },
  { key: 'b/1', value: await store.get('a/1') },
]

t.test('an older store is copied, and then brought to the format of today', async (t) => {
  const folder = testFolder(t)
  const first = await openIn(t, folder)
  const large = 'x'.repeat(1_500_000)
  await first.write([put('a/1', 'one'), put('a/2', large), put('a/3', 'three')])
  await first.close()
  // What a start left behind that was cut off.
  mkdirSync(join(folder, 'store-format-1.tmp'))

  const migrated = await openIn(t, folder, [addExclamation, rename])
  const today = [
    ['a/2', `${large}!`],
    ['a/3', 'three!'],
    ['b/1', 'one!'],
  ]
  t.same(await textsOf(migrated), today)
  t.equal(await warnings.next(), 'store-copied')
  await migrated.close()
  t.same(await textsOf(await openIn(t, folder, [addExclamation, rename])), today, 'only once')

  t.same(readdirSync(folder).sort(), ['store', 'store-format-1', 'store-lock'])
  await t.test('the copy is a store of the version before', async (t) => {
    const before = testFolder(t)
    renameSync(join(folder, 'store-format-1'), join(before, 'store'))
    const entries = await textsOf(await openIn(t, before))
    t.same(entries, [
      ['a/1', 'one'],
      ['a/2', large],
      ['a/3', 'three'],
    ])
  })
})

t.test('a store of a newer version is refused, and stays as it is', async (t) => {
  const folder = testFolder(t)
  const newer = await openIn(t, folder, [addExclamation])
  await newer.write([put('a/1', 'x')])
  await newer.close()
  await t.rejects(openIn(t, folder), {
    code: 'cannot-open-store',
    message:
      /^expected the store ".*" to have format 1 or an older one, got "2"; a newer Clown\.Hub wrote it: start that one, or choose another data folder$/,
  })
  t.same(await textsOf(await openIn(t, folder, [addExclamation])), [['a/1', 'x']])
})

/** So many entries of 0.4 MiB. */
async function* entries(count: number): AsyncGenerator<Entry> {
  for (let at = 0; at < count; at++) yield [`key/${at}`, Buffer.alloc(0.4 * 1024 * 1024)]
}

/** How many entries came in each batch. */
async function filled(count: number) {
  const batches: number[] = []
  const apply = async (changes: Changes) => void batches.push(changes.size)
  return { written: await copyInto({ apply }, entries(count)), batches }
}

t.test('all entries are written, in batches of some 1 MiB', async (t) => {
  t.same(await filled(7), { written: 7, batches: [3, 3, 1] })
  t.same(await filled(1), { written: 1, batches: [1] })
  t.same(await filled(0), { written: 0, batches: [0] })
})

t.test('a table that is cut off is named', async (t) => {
  const folder = testFolder(t)
  const store = await openIn(t, folder)
  await store.write([put('a/1', 'x'.repeat(1000))])
  await store.close()
  // What is in the log becomes a table at the next start.
  await (await openIn(t, folder)).close()
  const table = readdirSync(join(folder, 'store')).find((name) => name.endsWith('.ldb'))
  truncateSync(join(folder, 'store', String(table)), 100)
  await t.rejects(openIn(t, folder), {
    code: 'cannot-open-store',
    message: RegExp(`${table} is cut off`),
  })
})
