import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { heardBy, mostSecurityEvents, openSecurityLog } from '../../src/access/security-log.ts'
import { createToken } from '../../src/access/tokens.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { steppedClock } from '../clock.ts'
import { testFolder } from '../test-folder.ts'
import { changingDirectory, userNamed } from './changing-directory.ts'

async function opened(file?: string) {
  const clock = steppedClock()
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const securityLog = await openSecurityLog({ file, sampledLog, clock })
  const told = () => securityLog.latest(mostSecurityEvents).map(({ at, ...rest }) => rest)
  return { ...securityLog, securityLog, sampledLog, clock, counters, told }
}

const device = { user: 'plug', address: '192.0.2.7', way: 'mqtt' }

t.test(
  'a device with an old password makes one line a minute, with how often it came',
  async (t) => {
    const { note, told, clock, close } = await opened()
    for (let second = 0; second < 150; second += 5) {
      note('sign-in-failed', device)
      clock.step(5000)
    }
    const lines = told().reverse()
    t.same(
      lines.map(({ event, count }) => [event, count]),
      [
        ['sign-in-failed', 1],
        ['sign-in-failed', 11],
        ['sign-in-failed', 12],
      ],
    )
    note('sign-in-failed', { ...device, user: 'other' })
    t.equal(told().length, 4, 'another one is told at once')
    close()
    t.match(told()[0], { user: 'plug', count: 6 })
    t.equal(
      told().reduce((sum, { count }) => sum + count, 0),
      31,
      'none is missing',
    )
  },
)

t.test('after a minute in peace the next one is told at once', async (t) => {
  const { note, told, clock } = await opened()
  note('signed-in', device)
  clock.step(60_000)
  note('signed-in', device)
  t.same(told(), [
    { event: 'signed-in', ...device, count: 1 },
    { event: 'signed-in', ...device, count: 1 },
  ])
})

t.test('many sources at once fill no disk, and what is lost is counted', async (t) => {
  const { note, told, counters } = await opened()
  for (let at = 0; at < 1100; at++) note('sign-in-failed', { ...device, user: `u${at}` })
  t.equal(told().length, mostSecurityEvents)
  t.equal(counters.snapshot()['security-events-lost'], 100)
})

t.test(
  'the file has a line an event, for its owner only, and a restart hides nothing',
  async (t) => {
    const file = join(testFolder(t), 'security.ndjson')
    const first = await opened(file)
    first.note('signed-in', device)
    first.note('user-added', { user: 'ann' })
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    t.match(JSON.parse(String(lines[0])), { at: /Z$/, event: 'signed-in', ...device, count: 1 })
    t.equal(lines.length, 2)
    writeFileSync(file, `${lines.join('\n')}\nnot an event\n{"at":1}\n`)
    const next = await opened(file)
    t.match(next.told(), [{ event: 'user-added' }, { event: 'signed-in' }])
    for (let at = 0; at < mostSecurityEvents - 1; at++) next.note('denied', { user: `u${at}` })
    const last = await opened(file)
    t.equal(last.told().length, mostSecurityEvents)
    t.match(last.told().at(-1), { event: 'user-added' })
    t.equal(last.latest(1).length, 1)
  },
)

t.test('a file that cannot be written stops nothing, and a link is not followed', async (t) => {
  const folder = testFolder(t)
  const file = join(folder, 'security.ndjson')
  const { note, counters, told } = await opened(file)
  rmSync(file, { force: true })
  writeFileSync(join(folder, 'elsewhere'), '')
  symlinkSync(join(folder, 'elsewhere'), file)
  note('signed-in', device)
  t.equal(counters.snapshot()['security-log-failed'], 1)
  t.equal(readFileSync(join(folder, 'elsewhere'), 'utf8'), '')
  t.equal(told().length, 1)
})

t.test('a token in the place of a name is told of as that', async (t) => {
  const { note, told } = await opened()
  note('sign-in-failed', { ...device, user: createToken().token })
  t.match(told(), [{ user: '(a token)' }])
})

t.test('what the log warns of is heard where it concerns security', async (t) => {
  const { securityLog, sampledLog, counters, told } = await opened()
  const { warn } = heardBy(securityLog, sampledLog)
  warn('right-missing', { user: 'ann', topic: 'a/set' }, 'a message was refused')
  warn('http-refused', { status: 431 }, 'a request had too many headers')
  t.same(told(), [{ event: 'denied', user: 'ann', topic: 'a/set', count: 1 }])
  t.same(counters.snapshot(), { 'right-missing': 1, 'http-refused': 1 })
})

t.test(
  'users who are new or may do something else are told of, and not their passwords',
  async (t) => {
    const { follow, told } = await opened()
    const ann = userNamed('ann', { passwordHash: 'a' })
    const directory = changingDirectory(ann)
    const stop = follow(directory)
    directory.change({ ...ann, passwordHash: 'b' }, userNamed('bob', { role: 'viewer' }))
    t.same(told(), [{ event: 'user-added', user: 'bob', role: 'viewer', count: 1 }])
    directory.change({ ...ann, role: 'admin' })
    t.match(told()[0], { event: 'user-changed', user: 'ann', role: 'admin' })
    stop()
    directory.change()
    t.equal(told().length, 2)
  },
)

t.test(
  'what names a user can be removed, in memory, in the file and of what is counted',
  async (t) => {
    const file = join(testFolder(t), 'security.ndjson')
    for (const { note, forget, told, close } of [await opened(), await opened(file)]) {
      note('sign-in-failed', device)
      note('sign-in-failed', device)
      note('ban-added', { what: 'user', who: 'plug', by: 'clown' })
      note('ban-added', { what: 'client', who: 'plug', by: 'clown' })
      note('ban-removed', { what: 'user', who: 'other', by: 'plug' })
      writeFileSync(file, 'no line of ours\n', { flag: 'a' })
      t.equal(forget('plug'), 3)
      close()
      t.match(told(), [{ what: 'client' }])
    }
    t.match(readFileSync(file, 'utf8'), /^(no line of ours\n){2}.*client.*\n$/)
  },
)
