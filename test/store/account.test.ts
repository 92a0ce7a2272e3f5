import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import t, { type Test } from 'tap'
import { periodPrefix } from '../../src/history/keys.ts'
import { hourMs } from '../../src/history/periods.ts'
import { repairStore } from '../../src/store/data-folder.ts'
import { openLevelStore } from '../../src/store/level-store.ts'
import { testFolder } from '../test-folder.ts'
import { put, textsOf } from './contract.ts'

const sampledLog = { warn: () => {} }

async function open(t: Test, folder: string) {
  const store = await openLevelStore({ folder, sampledLog })
  t.teardown(store.close)
  return store
}

/** A closed store of three values, one of which is not counted. */
async function filled(t: Test): Promise<string> {
  const folder = testFolder(t)
  const store = await open(t, folder)
  const uncounted = `${periodPrefix('raw', hourMs)}1`
  await store.write([put('a/1', 'x'), put('b/1', 'y'), put(uncounted, 'z'), put('c/1', 'gone')])
  await store.write([{ key: 'c/1', value: undefined }, put('b/1', 'z')])
  await store.close()
  return folder
}

/** Does something to the LevelDB itself, behind the back of whoever counts. */
async function behind(folder: string, act: (level: ClassicLevel<string, string>) => Promise<void>) {
  const level = new ClassicLevel<string, string>(join(folder, 'store'))
  await level.open()
  await act(level)
  await level.close()
  rmSync(join(folder, 'store/WRITTEN'))
}

async function accountOf(folder: string): Promise<unknown> {
  let account: unknown
  await behind(folder, async (level) => {
    account = JSON.parse((await level.get('account')) ?? 'null')
  })
  return account
}

t.test('a store knows how many keys of each kind it has', async (t) => {
  const folder = await filled(t)
  t.match(await accountOf(folder), { keys: { a: 1, b: 1, c: 0 } })
  const store = await open(t, folder)
  t.equal((await textsOf(store)).length, 3)
})

t.test('what was taken away at once is missed by nobody', async (t) => {
  const folder = await filled(t)
  const store = await open(t, folder)
  await store.clear('a/')
  await store.clear('history/raw/')
  await store.close()
  const again = await open(t, folder)
  t.same(await textsOf(again), [['b/1', 'z']])
})

t.test('what has gone is told by kind, and by repair as well', async (t) => {
  const folder = await filled(t)
  await behind(folder, async (level) => {
    await level.del('a/1')
    await level.put('d/1', 'odd')
  })
  const missing = '1 keys of "a", got 0, 0 keys of "d", got 1'
  await t.rejects(open(t, folder), {
    code: 'cannot-open-store',
    message: `expected the store "${folder}/store" to have all that was written: ${missing}; "clown-hub repair --data DIR" saves what can be read`,
  })
  t.equal((await repairStore(folder)).missing, missing)
  const store = await open(t, folder)
  t.equal((await textsOf(store)).length, 3)
})

t.test('a store without its record is refused', async (t) => {
  const gone = 'the record of what it has is gone'
  for (const text of [null, '{', '{"batch":"one","keys":{}}', '[]']) {
    await t.test(String(text), async (t) => {
      const folder = await filled(t)
      await behind(folder, (level) =>
        text === null ? level.del('account') : level.put('account', text),
      )
      await t.rejects(open(t, folder), { message: RegExp(`: ${gone};`) })
      t.equal((await repairStore(folder)).missing, gone)
      await open(t, folder)
    })
  }
})

t.test('one of a release before that gets a record', async (t) => {
  const folder = await filled(t)
  await behind(folder, async (level) => {
    await level.del('account')
    await level.put('format', '2')
  })
  const store = await open(t, folder)
  await store.write([put('d/1', 'x')])
  await store.close()
  t.match(await accountOf(folder), { keys: { a: 1, b: 1, d: 1 } })
  t.ok(existsSync(join(folder, 'store-format-2')))
})

t.test('a mark that cannot be read says nothing', async (t) => {
  for (const text of ['', 'null', '{"batch":9}', '{"batch":"9","files":{}}']) {
    await t.test(text, async (t) => {
      const folder = await filled(t)
      writeFileSync(join(folder, 'store/WRITTEN'), text)
      t.equal((await textsOf(await open(t, folder))).length, 3)
    })
  }
})

t.test('a store that was emptied is no new one', async (t) => {
  const folder = await filled(t)
  const mark = readFileSync(join(folder, 'store/WRITTEN'), 'utf8')
  rmSync(join(folder, 'store'), { recursive: true })
  await (await open(t, folder)).close()
  await behind(folder, (level) => level.clear())
  writeFileSync(join(folder, 'store/WRITTEN'), JSON.stringify({ ...JSON.parse(mark), files: {} }))
  await t.rejects(open(t, folder), { message: /the record of what it has is gone/ })
})

t.test('what is written for long is marked meanwhile', async (t) => {
  const folder = testFolder(t)
  const store = await open(t, folder)
  const path = join(folder, 'store/WRITTEN')
  for (let count = 0; !existsSync(path); count++) {
    await store.write([{ key: `a/${count}`, value: Buffer.alloc(10_000) }])
  }
  const { batch } = JSON.parse(readFileSync(path, 'utf8'))
  t.ok(batch > 1 && batch < 20, String(batch))
  // A list of tables has taken the place of the one that was marked.
  await store.close()
  await (await open(t, folder)).close()
  t.ok(readdirSync(join(folder, 'store')).includes('WRITTEN'))
})

t.test('a store that ends before where it had come is refused', async (t) => {
  const folder = await filled(t)
  writeFileSync(join(folder, 'store/WRITTEN'), '{"batch":9,"files":{}}')
  await t.rejects(open(t, folder), { message: /it went up to batch 9, and ends with \d;/ })
})

t.test('a list of tables that is gone is told by its bytes', async (t) => {
  const folder = await filled(t)
  const files = '{"MANIFEST-999999":5}'
  writeFileSync(join(folder, 'store/WRITTEN'), `{"batch":0,"files":${files}}`)
  await t.rejects(open(t, folder), { message: /MANIFEST-999999 had 5 bytes, and has none/ })
})
