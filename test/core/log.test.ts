import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import {
  createLogTail,
  logLine,
  openLineWriter,
  patientDescriptor,
  type TailedLine,
} from '../../src/core/log.ts'
import { testFolder } from '../test-folder.ts'

/** What `write` logs, as a terminal without colours shows it, and with an hour that every zone has. */
function shown(write: (log: pino.Logger) => void, isColoured = false): string {
  const lines: string[] = []
  const log = pino({ name: 'clown-hub', level: 'trace' }, { write: (line) => lines.push(line) })
  write(log)
  return lines.map((line) => logLine(line, { isColoured })).join('')
}

t.test('a line says when, how bad, what, and what else is known', async (t) => {
  const line = shown((log) => {
    log.warn({ kind: 'right-missing', user: 'a b', topic: 'a/b', count: 2, leftOut: 0 }, 'refused')
  })
  t.match(
    line,
    /^\d\d:\d\d:\d\d warn {2}refused {2}kind=right-missing user="a b" topic=a\/b count=2\n$/,
  )
  t.match(
    shown((log) => log.info('the hub is running')),
    /^[\d:]{8} info {2}the hub is running\n$/,
  )
  t.match(
    shown((log) => log.warn({ leftOut: 3 }, 'a')),
    /a {2}leftOut=3\n$/,
  )
})

t.test('the time is that of the place', async (t) => {
  const at = new Date(2026, 10, 30, 7, 5, 9).getTime()
  t.equal(
    logLine(JSON.stringify({ level: 30, time: at, msg: 'a' }), { isColoured: false }),
    '07:05:09 info  a\n',
  )
})

t.test('where an error was thrown stands below, on lines of its own', async (t) => {
  const lines = shown((log) =>
    log.error({ err: new TypeError('out of paper') }, 'unexpected'),
  ).split('\n')
  t.match(lines[0], /error unexpected$/)
  t.equal(lines[1], '         TypeError: out of paper')
  t.match(lines[2], /^ {9} +at /)
  const odd = { level: 99, time: 0, msg: 'x', err: { message: 'no stack' } }
  t.match(logLine(JSON.stringify(odd), { isColoured: false }), / 99 {4}x\n {9}no stack\n$/)
  t.equal(logLine('1', { isColoured: false }), '1')
})

t.test('what strangers write cannot command the terminal', async (t) => {
  const evil = 'a\u001b[2J\u0007\r\n\u009b\u202e\u2028'
  const line = shown((log) => log.warn({ topic: evil, [evil]: [evil] }, evil))
  t.match(line, /^[\x20-\x7e]+\n$/)
  t.match(line, 'a\\u001b[2J\\u0007\\u000d\\u000a\\u009b\\u202e\\u2028')
})

t.test('a terminal with colours has them for the level, and dim ones for the rest', async (t) => {
  const line = shown((log) => log.warn({ a: 1 }, 'b'), true).replaceAll('\u001b', '^')
  t.match(line, /^\^\[2m[\d:]{8}\^\[0m \^\[33mwarn \^\[0m b {2}\^\[2ma=1\^\[0m\n$/)
})

t.test('whoever listens is told each line, which goes where it went before', async (t) => {
  const written: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => written.push(line) })
  const tail = createLogTail(log)
  const lines: TailedLine[] = []
  const stop = tail.onLine((line) => lines.push(line))
  log.warn({ kind: 'odd', password: 'secret' }, 'something odd')
  log.child({}).info('something')
  log.info({ only: 'fields' })
  log.debug('too quiet')
  t.match(lines, [
    { kind: 'odd', text: 'something odd' },
    { kind: undefined, text: 'something' },
    { text: '' },
  ])
  t.notMatch(JSON.stringify(lines), /secret/)
  t.ok(Number(lines[0]?.atMs) > 0)
  stop()
  log.info('nobody listens')
  tail.close()
  log.info('nor now')
  t.equal(lines.length, 3)
  t.equal(written.length, 5)
})

/** A writer to a file that is opened with `flags`, what it has lost and told, and when it told that. */
function openedWriter(t: Test, path: string, flags: number | string) {
  const descriptor = openSync(path, flags)
  t.teardown(() => closeSync(descriptor))
  const counted = { lost: 0, told: 0 }
  let tell = () => {}
  const told = new Promise<void>((resolve) => {
    tell = resolve
  })
  const writer = openLineWriter({
    descriptor,
    onLost: () => counted.lost++,
    tellLost: (count) => {
      counted.told += count
      tell()
    },
  })
  return { writer, counted, told, descriptor }
}

t.test('lines are written in their order, and at the end all that are left', async (t) => {
  const path = `${testFolder(t)}/log`
  const { writer, counted } = openedWriter(t, path, 'w')
  const lines = Array.from({ length: 300 }, (_, at) => `${at} ${'x'.repeat(1000)}\n`)
  for (const line of lines) writer.write(line)
  await new Promise((resolve) => setTimeout(resolve, 1))
  writer.write('last\n')
  writer.flush()
  // What is in the middle of being written is not waited for.
  const written = async () => readFileSync(path, 'utf8').split('\n').sort()
  const all = [...lines, 'last\n', ''].map((line) => line.trimEnd()).sort()
  while ((await written()).length < all.length)
    await new Promise((resolve) => setImmediate(resolve))
  t.same(await written(), all)
  t.same(counted, { lost: 0, told: 0 })
})

t.test(
  'a pipe that nobody reads takes what has room, and who reads again hears of the rest',
  async (t) => {
    const path = `${testFolder(t)}/pipe`
    await promisify(execFile)('mkfifo', [path])
    const flags = constants.O_RDWR | constants.O_NONBLOCK
    const { writer, counted, told, descriptor } = openedWriter(t, path, flags)
    const line = `${'x'.repeat(999)}\n`
    for (let at = 0; at < 1000; at++) writer.write(line)
    t.ok(counted.lost > 100)
    let read = 0
    const timer = setInterval(() => {
      try {
        read += readSync(descriptor, Buffer.alloc(1024 * 1024))
      } catch {
        // It is empty by now.
      }
    }, 1)
    t.teardown(() => clearInterval(timer))
    await told
    while (read / line.length + counted.lost < 1000)
      await new Promise((resolve) => setTimeout(resolve, 1))
    t.equal(counted.told, counted.lost)
    t.equal(read / line.length + counted.lost, 1000)
  },
)

t.test('lines that a full disk does not take are lost', async (t) => {
  const { writer, counted } = openedWriter(t, '/dev/full', 'w')
  writer.write('a\n')
  writer.write('b\n')
  while (counted.lost < 2) await new Promise((resolve) => setTimeout(resolve, 1))
  writer.write('c\n')
  writer.flush()
  t.equal(counted.lost, 2)
})

t.test('a file is written as it is open, and a pipe is opened once more', async (t) => {
  const folder = testFolder(t)
  const file = openSync(`${folder}/file`, 'a')
  t.equal(patientDescriptor(file), file)
  await promisify(execFile)('mkfifo', [`${folder}/pipe`])
  const pipe = openSync(`${folder}/pipe`, constants.O_RDWR | constants.O_NONBLOCK)
  const again = patientDescriptor(pipe)
  t.not(again, pipe)
  for (const each of [file, pipe, again]) closeSync(each)
})

t.test('what cannot be opened once more is left to Node.js', async (t) => {
  const server = createServer((socket) => t.teardown(() => socket.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { fd } = Object(Reflect.get(server, '_handle'))
  t.equal(patientDescriptor(fd), process.stderr.fd)
})
