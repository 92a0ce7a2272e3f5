import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import { openAuditFile } from '../../../src/nodes/commands/audit-file.ts'
import { createAuditLog } from '../../../src/nodes/commands/audit-log.ts'
import { testFolder } from '../../test-folder.ts'
import { commandOf, tellMany } from './told-commands.ts'

function opened(t: Test, folder = testFolder(t), maxBytes?: number) {
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const lines = openAuditFile({ folder, sampledLog, ...(maxBytes && { maxBytes }) })
  const log = createAuditLog({ lines, sampledLog })
  t.teardown(log.close)
  const linesRead = async () => {
    const texts: string[] = []
    for await (const text of lines.newestFirst()) if (text !== '') texts.push(text)
    return texts
  }
  return { folder, path: join(folder, 'commands.ndjson'), counters, lines, log, linesRead }
}

t.test('lines are in a file for its owner only, and read back after a restart', async (t) => {
  const { log, folder, path } = opened(t)
  t.same(await log.read({ limit: 10 }), [], 'there is no file yet')
  tellMany(log, 3)
  t.match(await log.read({ limit: 10 }), [{ id: '2', receipt: 'confirmed', afterMs: 7 }, {}, {}])
  await log.close()
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(readFileSync(path, 'utf8').split('\n').length, 7)
  const again = opened(t, folder)
  tellMany(again.log, 1, 3)
  const ids = (await again.log.read({ limit: 10 })).map(({ id }) => id)
  t.same(ids, ['3', '2', '1', '0'])
})

t.test('what one turn adds is written together, in order', async (t) => {
  const { lines, linesRead } = opened(t)
  for (let at = 0; at < 5000; at++) lines.append(`line ${at}`)
  const texts = await linesRead()
  t.same(
    texts.reverse(),
    Array.from({ length: 5000 }, (_, at) => `line ${at}`),
  )
})

t.test('a file that is full is put aside, and four are kept', async (t) => {
  const { lines, linesRead, folder } = opened(t, testFolder(t), 100)
  for (let at = 0; at < 12; at++) {
    lines.append(`${at} `.padEnd(39, '.'))
    await linesRead()
  }
  const names = ['commands.ndjson', 'commands.ndjson.1', 'commands.ndjson.2', 'commands.ndjson.3']
  t.same(readdirSync(folder).sort(), names)
  const numbers = (await linesRead()).map((text) => Number.parseInt(text, 10))
  t.same(numbers, [11, 10, 9, 8, 7, 6, 5, 4])
  lines.append('x'.repeat(500))
  lines.append('y'.repeat(500))
  t.equal((await linesRead()).length, 8, 'more than a file may have still comes together')
})

t.test('an ending is found beyond the file of its beginning', async (t) => {
  const { log, path } = opened(t, testFolder(t), 300)
  const command = commandOf({ id: 'one' })
  log.tell(command, { receipt: 'accepted', afterMs: 0 })
  await log.read({ limit: 1 })
  for (let at = 0; at < 2; at++) {
    log.tell(commandOf({ id: `${at}` }), { receipt: 'accepted', afterMs: 0 })
    await log.read({ limit: 1 })
  }
  log.tell(command, { receipt: 'timed-out', afterMs: 5000 })
  const entries = await log.read({ limit: 3 })
  t.match(entries.at(-1), { id: 'one', receipt: 'timed-out' })
  t.notMatch(readFileSync(path, 'utf8'), '{"id":"one","at":"1970')
})

t.test('a line that a kill has cut off is skipped, and the next one begins anew', async (t) => {
  const { log, folder, path } = opened(t)
  tellMany(log, 2)
  await log.close()
  truncateSync(path, statSync(path).size - 10)
  const again = opened(t, folder)
  tellMany(again.log, 1, 2)
  const entries = await again.log.read({ limit: 10 })
  t.match(entries, [{ id: '2' }, { id: '1', receipt: 'accepted' }, { id: '0' }])
  appendFileSync(path, 'null\n5\n{}\n{"id":\n')
  t.equal((await again.log.read({ limit: 10 })).length, 3)
})

t.test('characters of several bytes survive where blocks of the file meet', async (t) => {
  const { lines, linesRead } = opened(t)
  const texts = Array.from({ length: 30 }, (_, at) => `${at}${'℃🔧é'.repeat(2000)}`)
  for (const text of texts) lines.append(text)
  t.same(await linesRead(), texts.toReversed())
})

t.test('a disk that fails is counted, and later lines are written', async (t) => {
  const { lines, linesRead, folder, counters } = opened(t)
  rmSync(folder, { recursive: true })
  lines.append('lost')
  t.same(await linesRead(), [])
  mkdirSync(folder)
  lines.append('written')
  t.same(await linesRead(), ['written'])
  t.same(counters.snapshot(), { 'audit-failed': 1 })
})

t.test('what cannot be put aside or read is an error that leaves nothing open', async (t) => {
  const { lines, linesRead, path, counters } = opened(t, testFolder(t), 10)
  lines.append('0123456789')
  await linesRead()
  writeFileSync(`${path}.2`, '')
  mkdirSync(`${path}.3`)
  lines.append('0123456789')
  await t.rejects(linesRead(), { code: 'EISDIR' })
  t.same(counters.snapshot(), { 'audit-failed': 1 })
})

t.test(
  'what is told is in the file before the event loop goes on, and on disk when that is asked',
  async (t) => {
    const { log, path, folder, counters } = opened(t)
    await log.synced()
    log.tell(commandOf({ id: 'one' }), { receipt: 'accepted', afterMs: 0 })
    await Promise.resolve()
    t.match(readFileSync(path, 'utf8'), '{"id":"one"')
    log.tell(commandOf({ id: 'two' }), { receipt: 'accepted', afterMs: 0 })
    await log.synced()
    t.match(readFileSync(path, 'utf8'), '{"id":"two"')
    rmSync(path)
    log.tell(commandOf({ id: 'three' }), { receipt: 'accepted', afterMs: 0 })
    t.match(await log.read({ limit: 9 }), [{ id: 'three' }], 'one that was removed is made anew')
    await log.close()
    t.same(readdirSync(folder), ['commands.ndjson'])
    t.same(counters.snapshot(), {})
  },
)

t.test('a link in the place of the file is not followed', async (t) => {
  const { log, folder, path, counters, lines } = opened(t)
  const elsewhere = join(folder, 'elsewhere')
  writeFileSync(elsewhere, 'theirs\n')
  symlinkSync(elsewhere, path)
  tellMany(log, 1)
  await lines.synced()
  t.equal(readFileSync(elsewhere, 'utf8'), 'theirs\n')
  t.equal(counters.snapshot()['audit-failed'], 1)
  await t.rejects(log.read({ limit: 1 }), { code: 'ELOOP' })
})
