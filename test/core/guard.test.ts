import { EventEmitter, once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { afterwards, every, laterForSure, nextTurn, systemClock } from '../../src/core/clock.ts'
import { detached, guardEvents, guarded, tellDefect, whenAborted } from '../../src/core/guard.ts'
import { followedDefects } from '../followed-defects.ts'

function fail(): never {
  throw new TypeError('out of paper')
}

t.test('F59: whatever the clock calls may throw', async (t) => {
  const defects = followedDefects(t)
  systemClock.after(0, fail)
  laterForSure(0, fail)
  nextTurn(fail)
  afterwards(fail)
  let calls = 0
  const stop = every(1, () => {
    calls++
    fail()
  })
  while (defects.items.length < 7) await defects.next()
  stop()
  t.ok(calls > 1, 'what is done again and again goes on')
  nextTurn(fail)()
  systemClock.after(0, fail)()
  laterForSure(0, fail)()
})

t.test(
  'F59: what a promise, an abort or an act throws is told, and what it was about ends',
  async (t) => {
    const defects = followedDefects(t)
    const lost: string[] = []
    guarded(fail, () => lost.push('act'))
    guarded(fail, fail)
    guarded(fail)
    t.equal(defects.items.length, 4, 'what ends it may throw as well')
    detached(Promise.reject(new Error('no')), () => lost.push('promise'))
    detached(Promise.reject(new Error('no')))
    await defects.next((error) => error instanceof Error && error.message === 'no')
    t.same(lost, ['act', 'promise'])
    const controller = new AbortController()
    whenAborted(controller.signal, fail)
    whenAborted(controller.signal, () => lost.push('late'))()
    controller.abort()
    t.equal(defects.items.length, 7)
    t.same(lost, ['act', 'promise'])
  },
)

t.test('F59: who listens to a stream, a websocket or a server may throw', async (t) => {
  const defects = followedDefects(t)
  const stream = guardEvents(new PassThrough())
  t.equal(guardEvents(stream), stream, 'once is enough')
  stream.on('data', fail)
  stream.write('x')
  await once(stream, 'close')
  const websocket = Object.assign(new EventEmitter(), { terminate: () => {}, destroy: fail })
  guardEvents(websocket).on('message', fail).emit('message')
  guardEvents(new EventEmitter()).on('message', fail).emit('message')
  t.equal(defects.items.length, 3)
  const server = guardEvents(createServer((socket) => socket.on('data', fail))).listen(0)
  t.teardown(() => server.close())
  await once(server, 'listening')
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const client = connect(port)
    .on('error', () => {})
    .resume()
  client.write('x')
  await once(client, 'close')
  t.equal(defects.items.length, 4, 'what it hands over is guarded')
  server.on('connection', fail)
  await once(
    connect(port)
      .on('error', () => {})
      .resume(),
    'close',
  )
  t.equal(defects.items.length, 5, 'and ends when nobody can take it')
})

t.test('where nobody follows defects, they are thrown', async (t) => {
  t.throws(() => tellDefect(new Error('here')), { message: 'here' })
  t.throws(() => guarded(fail), { message: 'out of paper' })
})

const source = fileURLToPath(new URL('../../src', import.meta.url))

/** Programs of their own, whose defects end them. */
const programs = /^(cli|simulator)\//

/** What the outside calls, and by which door it is to be called in its place. */
const unguarded: Readonly<Record<string, RegExp>> = {
  'core/clock.ts: systemClock.after, laterForSure, every, nextTurn, afterwards':
    /\b(setTimeout|setInterval|setImmediate|queueMicrotask|nextTick)\(/g,
  'core/guard.ts: whenAborted': /\.addEventListener\(/g,
  'core/guard.ts: detached; a store says itself what it has not written':
    /(?<!=> |return )\bvoid (?!store\.write\()[a-z]\w*[.(]/g,
  'core/guard.ts: guardEvents, for what has events, where it is made':
    /\b(createServer|createSecureServer|createWebSocketStream|handleUpgrade|createConnection|createReadStream|createWriteStream|new EventEmitter|spawn)\(/g,
}

/** Where it is done with what it takes. */
const guardedIn: Readonly<Record<string, readonly string[]>> = {
  'core/clock.ts': ['setTimeout(', 'setInterval(', 'setImmediate(', 'queueMicrotask('],
  'core/guard.ts': ['.addEventListener('],
  // By `listen`.
  'http/http-server.ts': ['createServer(', 'createSecureServer('],
  'mqtt/mqtt-listener.ts': ['createServer(', 'createSecureServer('],
  'ws/mqtt-route.ts': ['createWebSocketStream('],
  'ws/websockets.ts': ['handleUpgrade('],
  // Read by `for await`, which throws what goes wrong.
  'store/archive.ts': ['createReadStream('],
  'store/backup.ts': ['createReadStream('],
  'whole-backup.ts': ['createReadStream('],
}

t.test('F59: nothing in the hub is called from outside but by a door that guards it', async (t) => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !programs.test(path))
    .sort()
  t.ok(files.length > 200)
  const wrong = files.flatMap((file) => {
    // Comments call nothing, and `await` hands on what is thrown.
    const text = readFileSync(join(source, file), 'utf8').replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '')
    const isGuarded = (call: string) => guardedIn[file]?.includes(call) || isAwaited(text, call)
    return Object.entries(unguarded).flatMap(([door, pattern]) =>
      [...text.matchAll(pattern)]
        .filter(([call]) => !isGuarded(call))
        .map(([call]) => `${file} calls ${call}…) and not ${door}`),
    )
  })
  t.same(wrong, [])
})

function isAwaited(text: string, call: string): boolean {
  const before = text.split(call).slice(0, -1)
  return before.every((part) => part.endsWith('await '))
}
