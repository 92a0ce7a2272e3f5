import { pino } from 'pino'
import t from 'tap'
import { createCounters, createSampledLog } from '../../../src/core/sampled-log.ts'
import { createAuditLog, keepAuditLines } from '../../../src/nodes/commands/audit-log.ts'
import { commandOf, tellMany } from './told-commands.ts'

const first = '1970-01-01T00:00:00.000Z'

function logged() {
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const clock = { nowMs: 0 }
  const lines = keepAuditLines()
  const log = createAuditLog({ lines, sampledLog, now: () => clock.nowMs })
  return { log, lines, counters, clock }
}

t.test('a command is told with what became of it', async (t) => {
  const { log, lines } = logged()
  const command = commandOf({ id: 'one' })
  log.tell(command, { receipt: 'accepted', afterMs: 0 })
  log.tell(command, { receipt: 'sent', afterMs: 1 })
  const begun = {
    id: 'one',
    at: first,
    user: 'ann',
    address: '192.0.2.1',
    way: 'clown-talk',
    device: 'nodes/bridge/0/relay/i2c0-3b',
    asked: { state: true },
    receipt: 'accepted',
    afterMs: 0,
  }
  t.same(await log.read({ limit: 10 }), [begun])
  log.tell(command, { receipt: 'mismatch', afterMs: 5 })
  t.same(await log.read({ limit: 10 }), [{ ...begun, receipt: 'mismatch', afterMs: 5 }])
  log.tell(command, { receipt: 'confirmed', afterMs: 9 })
  t.same(await log.read({ limit: 10 }), [{ ...begun, receipt: 'confirmed', afterMs: 9 }])
  const texts: string[] = []
  for await (const line of lines.newestFirst()) texts.push(line)
  t.match(texts[0], /^\{"id":"one","at":"20.+Z","receipt":"confirmed","afterMs":9\}$/)
  await log.close()
})

t.test('a refusal is told with its reason', async (t) => {
  const { log } = logged()
  const refused = { receipt: 'refused', code: 'locked', message: 'no', afterMs: 0 } as const
  log.tell(commandOf({ id: 'one', isAccepted: false }), refused)
  log.tell(commandOf({ id: 'two', isAccepted: false }), { ...refused, receipt: 'node-offline' })
  t.match(await log.read({ limit: 10 }), [{ id: 'two', receipt: 'node-offline' }, refused])
})

t.test('what waited and was refused at its turn is one entry, with the reason', async (t) => {
  const { log } = logged()
  const command = commandOf({ id: 'one' })
  log.tell(command, { receipt: 'accepted', afterMs: 0 })
  const refused = { receipt: 'refused', code: 'locked', message: 'no', afterMs: 150 } as const
  log.tell(command, { ...refused, final: true })
  const entries = await log.read({ limit: 10 })
  t.equal(entries.length, 1)
  t.match(entries, [{ id: 'one', asked: { state: true }, ...refused }])
})

t.test('what a restart has cut short is told by its id', async (t) => {
  const { log } = logged()
  log.tell(commandOf({ id: 'one' }), { receipt: 'accepted', afterMs: 0 })
  log.ended('one', { receipt: 'unknown', afterMs: 12 })
  t.match(await log.read({ limit: 10 }), [{ id: 'one', receipt: 'unknown', afterMs: 12 }])
})

t.test('it is read by device, by time, and up to a limit, the newest first', async (t) => {
  const { log } = logged()
  tellMany(log, 5)
  const other = commandOf({ id: 'other', device: 'led/-', at: new Date(5) })
  log.tell(other, { receipt: 'accepted', afterMs: 0 })
  const idsOf = async (query: Parameters<typeof log.read>[0]) =>
    (await log.read(query)).map(({ id }) => id)
  t.same(await idsOf({ limit: 3 }), ['other', '4', '3'])
  t.same(await idsOf({ limit: 10, since: 3 }), ['other', '4', '3'])
  t.same(await idsOf({ limit: 10, device: 'led/-' }), ['other'])
  t.same(await idsOf({ limit: 2, device: 'nodes/bridge/0/relay/i2c0-3b' }), ['4', '3'])
  t.same(await idsOf({ limit: 10, device: 'nobody' }), [])
})

t.test('of a long payload its beginning is told', async (t) => {
  const { log } = logged()
  log.tell(commandOf({ id: 'one', asked: 'x'.repeat(2000) }), { receipt: 'accepted', afterMs: 0 })
  log.tell(commandOf({ id: 'two', asked: undefined }), { receipt: 'accepted', afterMs: 0 })
  const [two, one] = await log.read({ limit: 2 })
  t.equal(one?.asked, `"${'x'.repeat(1023)}…`)
  t.equal(two?.asked, undefined)
})

t.test('in memory the last thousand commands are kept', async (t) => {
  const { log } = logged()
  tellMany(log, 1010)
  const entries = await log.read({ limit: 5000 })
  t.equal(entries.length, 1000)
  t.match(entries.at(-1), { id: '10', receipt: 'confirmed' })
})

t.test('who is refused again and again does not fill it', async (t) => {
  const { log, counters, clock } = logged()
  const refuse = (id: string, user: string) => {
    const { sender, ...command } = commandOf({ id, isAccepted: false })
    log.tell(
      { ...command, sender: { ...sender, user } },
      { receipt: 'refused', afterMs: 0, code: 'too-fast' },
    )
  }
  for (let at = 0; at < 100; at++) refuse(String(at), 'eve')
  refuse('bob', 'bob')
  t.equal((await log.read({ limit: 100 })).length, 11)
  t.same(counters.snapshot(), { 'audit-left-out': 90 })
  clock.nowMs = 100
  refuse('later', 'eve')
  t.match(await log.read({ limit: 1 }), [{ id: 'later' }])
})

t.test('without a clock it takes the one of the process', async (t) => {
  const sampledLog = createSampledLog(pino({ level: 'silent' }), createCounters())
  const log = createAuditLog({ lines: keepAuditLines(), sampledLog })
  log.tell(commandOf({ id: 'one', isAccepted: false }), { receipt: 'refused', afterMs: 0 })
  t.equal((await log.read({ limit: 1 })).length, 1)
})

t.test('of a device that changes by itself again and again some changes are listed', async (t) => {
  const { log, counters } = logged()
  const at = new Date(0)
  for (let count = 0; count < 12; count++) {
    log.changed({ device: 'n/relay/0', at, reported: { state: count }, source: 'switch' })
  }
  log.changed({ device: 'n/relay/1', at, reported: 'on' })
  const entries = await log.read({ limit: 100 })
  t.equal(entries.length, 11)
  const common = { user: 'itself', address: 'itself', receipt: 'by-itself', afterMs: 0, at: first }
  t.match(entries, [
    { ...common, device: 'n/relay/1', way: 'itself', asked: 'on' },
    { ...common, device: 'n/relay/0', way: 'switch', asked: { state: 9 } },
  ])
  t.equal(counters.snapshot()['audit-left-out'], 2)
})

t.test('what is kept in memory is as safe as it gets at once', async (t) => {
  await t.resolves(keepAuditLines().synced())
})
