import {
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { repairStore } from '../../src/store/data-folder.ts'
import { openLevelStore } from '../../src/store/level-store.ts'
import type { Change, Store } from '../../src/store/store.ts'
import { startedHub } from '../started-hub.ts'
import { put } from '../store/contract.ts'
import { testFolder } from '../test-folder.ts'

const sampledLog = { warn: () => {} }
const values = 3000
const text = 'x'.repeat(1500)

function changes(from: number, to: number): Change[] {
  return Array.from({ length: to - from }, (_, at) =>
    put(`kept/${from + at}`, `${from + at} ${text}`),
  )
}

/** A data folder with 3,000 values, in tables of level 0 and in a log; `random` text stays as long on disk. */
async function filledFolder(t: Test) {
  const folder = join(testFolder(t), 'data')
  let store: Store | undefined
  // Each start makes a table of the log before.
  for (const to of [1000, 2000, values]) {
    await store?.close()
    store = await openLevelStore({ folder, sampledLog })
    for (let from = to - 1000; from < to; from += 100) await store.write(changes(from, from + 100))
  }
  await store?.close()
  return folder
}

function filesOf(folder: string, kind: RegExp): string[] {
  const path = join(folder, 'store')
  return readdirSync(path)
    .filter((name) => kind.test(name))
    .sort()
    .map((name) => join(path, name))
}

function halve(path: string | undefined): void {
  truncateSync(String(path), statSync(String(path)).size >> 1)
}

function flip(path: string | undefined): void {
  const file = openSync(String(path), 'r+')
  writeSync(file, Buffer.alloc(64, 0xa5), 0, 64, statSync(String(path)).size >> 1)
  closeSync(file)
}

const repair = '"clown-hub repair --data DIR" saves what can be read'

/** What is done to the files of a store, and whether nothing may be lost for good. */
const damages: [name: string, damage: (folder: string) => void, isWholeAfterRepair: boolean][] = [
  ['a table is cut off', (folder) => halve(filesOf(folder, /\.ldb$/)[0]), false],
  ['a table is gone', (folder) => rmSync(String(filesOf(folder, /\.ldb$/)[0])), false],
  ['bytes of a table are others', (folder) => flip(filesOf(folder, /\.ldb$/)[0]), false],
  ['the list of tables is cut off', (folder) => halve(filesOf(folder, /^MANIFEST/)[0]), true],
  [
    'the list of tables is empty',
    (folder) => truncateSync(String(filesOf(folder, /^MANIFEST/)[0])),
    true,
  ],
  ['the list of tables is gone', (folder) => rmSync(String(filesOf(folder, /^MANIFEST/)[0])), true],
  ['the log is cut off', (folder) => halve(filesOf(folder, /\.log$/)[0]), false],
  ['the log is gone', (folder) => rmSync(String(filesOf(folder, /\.log$/)[0])), false],
  ['bytes of the log are others', (folder) => flip(filesOf(folder, /\.log$/)[0]), false],
  ['CURRENT is gone', (folder) => rmSync(join(folder, 'store/CURRENT')), true],
  ['CURRENT says nothing', (folder) => truncateSync(join(folder, 'store/CURRENT')), true],
]

function contentOf(folder: string): Record<string, string> {
  const path = join(folder, 'store')
  const kept = readdirSync(path).filter((name) => /^(CURRENT|MANIFEST|\d)/.test(name))
  return Object.fromEntries(kept.map((name) => [name, readFileSync(join(path, name), 'base64')]))
}

async function keysIn(folder: string): Promise<number> {
  const store = await openLevelStore({ folder, sampledLog })
  let count = 0
  for await (const _entry of store.entries('kept/')) count += 1
  await store.close()
  return count
}

t.test('F42: a hub does not start on a store that has lost something', async (t) => {
  const whole = await filledFolder(t)
  t.equal(await keysIn(whole), values)
  // What was read last has made a table of the log.
  const store = await openLevelStore({ folder: whole, sampledLog })
  for (let at = 0; at < values; at += 100) await store.write([put(`more/${at}`, text)])
  await store.close()
  for (const [name, damage, isWholeAfterRepair] of damages) {
    await t.test(name, async (t) => {
      const folder = join(testFolder(t), 'data')
      cpSync(whole, folder, { recursive: true })
      damage(folder)
      const before = contentOf(folder)
      for (const time of ['once', 'and again']) {
        await t.rejects(
          startedHub(t, { data: { folder } }),
          {
            code: /^cannot-(open|read)-store$/,
            message: RegExp(`^expected to .*store".*${repair}$|^expected the store .*${repair}$`),
          },
          time,
        )
      }
      t.same(contentOf(folder), before, 'and everything is as it was')
      const { missing } = await repairStore(folder)
      const keys = await keysIn(folder)
      if (isWholeAfterRepair) t.equal(keys, values)
      t.equal(missing === undefined, keys === values && isWholeAfterRepair, missing ?? '')
      const hub = await startedHub(t, { data: { folder } })
      await hub.close()
    })
  }
})

t.test('F42: a list of tables of long ago is told from the one of today', async (t) => {
  const folder = join(testFolder(t), 'data')
  const store = await openLevelStore({ folder, sampledLog })
  const [list = ''] = filesOf(folder, /^MANIFEST/)
  const then = readFileSync(list)
  for (let at = 0; at < values; at += 100) await store.write(changes(at, at + 100))
  // LevelDB makes a table of the log by itself.
  while (statSync(list).size === then.length) await pause(10)
  await store.close()
  writeFileSync(list, then)
  const refused = {
    message:
      /^expected to open the store ".*": Corruption: MANIFEST-\d+ had \d+ bytes, and has \d+;/,
  }
  await t.rejects(startedHub(t, { data: { folder } }), refused)
  await t.rejects(startedHub(t, { data: { folder } }), refused)
  const { missing } = await repairStore(folder)
  t.equal(missing, undefined)
  t.equal(await keysIn(folder), values)
})

t.test('F42: an opening that was cut off leaves the store as it was', async (t) => {
  const folder = await filledFolder(t)
  const path = join(folder, 'store')
  cpSync(path, `${path}-before`, { recursive: true })
  for (const table of filesOf(folder, /\.ldb$/)) rmSync(table)
  t.equal(await keysIn(folder), values)
  renameSync(path, `${path}-before.tmp`)
  cpSync(`${path}-before.tmp`, path, { recursive: true })
  t.equal(await keysIn(folder), values)
  t.same(readdirSync(folder), ['store'])
})
