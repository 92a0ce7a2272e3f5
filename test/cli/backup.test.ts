import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { openLevelStore } from '../../src/store/level-store.ts'
import { startedHub } from '../started-hub.ts'
import { put, textsOf } from '../store/contract.ts'
import { testFolder } from '../test-folder.ts'
import { answeringHub, listening } from './answering-hub.ts'
import { ranLine, runLine } from './run-line.ts'

const sampledLog = { warn: () => {} }
const users = {
  clown: { password: 'bigclown', role: 'admin' },
  olga: { password: 'bigclown', role: 'operator' },
} as const

function basicOf(user: string): string {
  return `Basic ${Buffer.from(`${user}:bigclown`).toString('base64')}`
}

t.test('a data folder is saved, wiped, restored and repaired', async (t) => {
  const root = testFolder(t)
  const [data, file] = [join(root, 'data'), join(root, 'b.ndjson')]
  const store = await openLevelStore({ folder: data, sampledLog })
  await store.write([put('a/1', 'x'), put('a/2', 'yy')])
  await store.close()
  const lines: [string, string | RegExp][] = [
    [`backup --data ${data} ${file}`, `${file} has 2 values of ${data}`],
    [`wipe --data ${data} --yes`, `removed 1 files and folders from ${data}`],
    [`restore --data ${data} ${file}`, `${data} has 2 values from ${file}`],
    [
      `repair --data ${data}`,
      /^saved 2 values of 3 bytes; the store as it was is in .*store-broken-/,
    ],
  ]
  for (const [line, printed] of lines) {
    const { code, output, errors } = await ranLine(line)
    t.same([code, errors], [0, []], line)
    t.match(output, [printed])
  }
})

t.test('Ctrl-C leaves everything as it was, and that is said', async (t) => {
  const root = testFolder(t)
  const [data, other, file] = [join(root, 'data'), join(root, 'other'), join(root, 'b.ndjson')]
  const store = await openLevelStore({ folder: data, sampledLog })
  await store.write([put('a/1', 'x')])
  await store.close()
  const whole = runLine(`backup --data ${data} ${file}`)
  t.equal(await whole.code, 0)
  t.same(whole.progress.items, ['1 values', ''])
  const before = readFileSync(file)
  const folders = () => [readdirSync(data).sort(), readdirSync(root).sort()]
  const there = folders()
  const lines: [string, string][] = [
    [`backup --data ${data} ${file}`, `${file} is as it was before`],
    [`repair --data ${data}`, `the store in ${data} is as it was`],
    [`restore --data ${other} ${file}`, `${other} has nothing of ${file}`],
  ]
  for (const [line, sentence] of lines) {
    const { code, errors, stop } = runLine(line)
    stop()
    t.equal(await code, 130, line)
    t.same(errors.items, [`interrupted: ${sentence}`])
    t.same(readFileSync(file), before)
    t.same(
      [
        readdirSync(data).sort(),
        readdirSync(root)
          .filter((name) => name !== 'other')
          .sort(),
      ],
      there,
    )
  }
  t.equal((await ranLine(`restore --data ${other} ${file}`)).code, 0, 'and it can be done again')
})

t.test('repair says what is missing', async (t) => {
  const data = join(testFolder(t), 'data')
  const store = await openLevelStore({ folder: data, sampledLog })
  await store.write([put('a/1', 'x')])
  await store.close()
  writeFileSync(join(data, 'store/WRITTEN'), '{"batch":9,"files":{}}')
  const { output } = await ranLine(`repair --data ${data}`)
  t.match(output, [/^saved 1 values/, /^not all that was written is there: it went up to batch 9/])
})

t.test('it is said whose keys a restored backup brings', async (t) => {
  const root = testFolder(t)
  const [data, file] = [join(root, 'data'), join(root, 'b.ndjson')]
  const store = await openLevelStore({ folder: data, sampledLog })
  const keys = ['ann', 'ann', 'bob'].map((user, at) =>
    put(`key/deconz/${at}`, JSON.stringify({ user })),
  )
  await store.write([put('a/1', 'x'), ...keys])
  await store.close()
  await ranLine(`backup --data ${data} ${file}`)
  const { output } = await ranLine(`restore --data ${join(root, 'other')} ${file}`)
  t.match(output, [
    /has 4 values from/,
    "with 2 of ann's keys for deCONZ or Jeedom, which let programs in again",
    "with 1 of bob's keys for deCONZ or Jeedom, which let programs in again",
  ])
})

t.test('a running hub is saved by HTTP, and cannot be wiped, restored or repaired', async (t) => {
  const root = testFolder(t)
  const [data, file] = [join(root, 'data'), join(root, 'b.ndjson')]
  const hub = await startedHub(t, { users, data: { folder: data } })
  const url = (user: string) => `--url http://${user}:bigclown@127.0.0.1:${hub.httpPort}`
  const { output, code } = await ranLine(`backup --data ${data} ${file} ${url('clown')}`)
  t.equal(code, 0)
  t.match(output, [/^.*b\.ndjson has \d+ values of the hub at http:\/\/127\.0\.0\.1:\d+$/])
  t.match(readFileSync(file, 'utf8'), /^\{"clownHubBackup":1/)

  const refused: [string, RegExp][] = [
    [
      `backup --data ${data} ${file} ${url('olga')}`,
      /got expected a user of role admin, got role operator/,
    ],
    [`backup --data ${data} ${file} ${url('nobody')}`, /a refusal of the user name or password/],
    [`wipe --data ${data} --yes`, /^clown-hub: expected no other hub to use the store/],
    [`repair --data ${data}`, /^clown-hub: expected no other hub to use the store/],
    [
      `restore --data ${data} ${file}`,
      /to be empty, got \d+ files: choose another one, or end its hub/,
    ],
  ]
  for (const [line, sentence] of refused) {
    const { code, errors } = await ranLine(line)
    t.equal(code, 1, line)
    t.match(errors, [sentence])
  }
  await hub.close()
  const other = join(root, 'other')
  t.equal((await ranLine(`restore --data ${other} ${file}`)).code, 0)
  const restored = await openLevelStore({ folder: other, sampledLog })
  const original = await openLevelStore({ folder: data, sampledLog })
  // How long hubs have run is noted at their end.
  const keys = async (store: typeof restored) =>
    (await textsOf(store)).map(([key]) => key).filter((key) => key !== 'hub/time')
  t.same(await keys(restored), await keys(original))
  await Promise.all([restored.close(), original.close()])
})

t.test('a hub that keeps nothing, breaks off or answers strangely leaves no file', async (t) => {
  const root = testFolder(t)
  const [data, file] = [join(root, 'data'), join(root, 'b.ndjson')]
  const locked = await openLevelStore({ folder: data, sampledLog })
  t.teardown(locked.close)
  const hub = await startedHub(t, { users })
  const breaking = createServer(({ headers }, response) => {
    const isKnown = headers.authorization !== basicOf('other')
    response.writeHead(isKnown ? 200 : 500, { 'Content-Length': '100' }).write('half')
    response.write('x', () => response.destroy())
  })
  const port = await listening(t, breaking)
  const hubs: [string, RegExp][] = [
    [`http://other:bigclown@127.0.0.1:${port}`, /got a closed connection/],
    [`http://clown:bigclown@127.0.0.1:${hub.httpPort}`, /got one that keeps everything in memory/],
    [(await answeringHub(t, { status: 418, body: 'tea' })).url, /got status 418: ask one/],
    [(await answeringHub(t, { status: 200, body: 'tea' })).url, /damaged or cut off$/],
    [`http://clown:bigclown@127.0.0.1:${port}`, /got a closed connection/],
  ]
  for (const [url, sentence] of hubs) {
    const { code, errors } = await ranLine(`backup --data ${data} ${file} --url ${url}`)
    t.equal(code, 1)
    t.match(errors, [sentence])
    t.same(readdirSync(root), ['data'])
  }
})

t.test('arguments that do not fit are refused with the usage', async (t) => {
  const folder = testFolder(t)
  const lines = [
    'backup x',
    'backup --data x',
    'restore x',
    'restore --data x',
    'wipe --data x',
    'wipe --yes',
    'repair',
    'repair --data x y',
    'repair --nonsense',
  ]
  for (const line of lines) {
    const { code, errors } = await ranLine(line)
    t.equal(code, 1, line)
    t.match(errors, [/; usage: clown-hub (backup|restore|wipe|repair) --data DIR/])
  }
  const missing = join(folder, 'missing')
  const { errors } = await ranLine(`backup --data ${missing} ${join(folder, 'file')}`)
  t.match(errors, [/without a store$/])
  t.notOk(existsSync(missing))
})
