import { Duplex } from 'node:stream'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { HubError } from '../../src/core/errors.ts'
import { FarHttp } from '../../src/upstreams/far-http.ts'
import { FarStream } from '../../src/upstreams/far-stream.ts'
import { FarWebSocket } from '../../src/upstreams/far-websocket.ts'
import {
  createUpstream,
  type LinkEvents,
  type UpstreamLanguage,
  type UpstreamSettings,
} from '../../src/upstreams/upstream.ts'
import { steppedClock } from '../clock.ts'
import { createInbox } from '../inbox.ts'
import { puppetHub } from './puppet-hub.ts'

const settings: UpstreamSettings = { dialect: 'clown-talk', url: 'ws://127.0.0.1:9/' }
const log = { info: () => {}, warn: () => {} }

/** An upstream whose language does what the test says. */
function opened(dial: (link: LinkEvents) => () => void) {
  const clock = steppedClock()
  const { hub, told } = puppetHub(clock)
  let changes = 0
  const open: UpstreamLanguage['open'] = ({ devices }) => {
    devices.declare('a', { node: 'n', kind: 'relay', name: 'A' })
    devices.declare('full', { node: 'n', kind: 'relay', name: 'Full' })
    return dial
  }
  const changed = () => changes++
  const upstream = createUpstream({ name: 'x', settings, language: { open }, clock, log, changed })
  upstream.profile.open(hub)
  return { upstream, clock, told, changes: () => changes }
}

t.test('what is away is tried again, later each time, at most a minute later', async (t) => {
  const links: LinkEvents[] = []
  const { upstream, clock, told } = opened((link) => {
    links.push(link)
    return () => {}
  })
  t.match(upstream.status, { state: 'connecting', devices: 1, dialect: 'clown-talk' })
  upstream.start()
  const pauses = []
  for (let tries = 1; tries <= 10; tries++) {
    t.equal(links.length, tries)
    links.at(-1)?.gone({ reason: 'it is off' })
    // Said twice it counts once.
    links.at(-1)?.gone({ reason: 'again' })
    t.match(upstream.status, { state: 'away', reason: 'it is off' })
    const fromMs = clock.nowMs()
    while (links.length === tries) clock.step(10)
    pauses.push(clock.nowMs() - fromMs)
  }
  t.ok(
    pauses.every((ms) => ms >= 1000 && ms <= 60_010),
    pauses.join(),
  )
  t.ok((pauses[0] ?? 0) <= 2010)
  t.ok((pauses[9] ?? 0) >= 30_000)
  t.same(told.at(-1), ['available', 'a', false])
  // A good connection makes it begin anew.
  links.at(-1)?.connected()
  clock.step(10_000)
  links.at(-1)?.gone({ reason: 'it is off' })
  clock.step(2010)
  t.equal(links.length, 12)
  upstream.close()
})

t.test('one that is not open dials nobody', async (t) => {
  const open: UpstreamLanguage['open'] = () => {
    throw new Error('expected nobody to ask')
  }
  const language = { open }
  const about = { name: 'x', settings, language, clock: steppedClock(), log, changed: () => {} }
  const upstream = createUpstream(about)
  t.match(upstream.status, { state: 'connecting', devices: 0 })
  upstream.close()
  upstream.start()
  upstream.close()
})

t.test('what a device has said since all were asked for is newer than the answer', async (t) => {
  const { devices, told } = puppetHub(steppedClock())
  devices.declare('a', { node: 'n', kind: 'relay', name: 'A' })
  devices.declare('b', { node: 'n', kind: 'relay', part: 'b', name: 'B' })
  devices.asked()
  devices.report('a', { state: true })
  devices.report('a', { state: false }, 'memory')
  devices.report('b', { state: false }, 'memory')
  devices.keepOnly(new Set(['a', 'b']))
  devices.report('a', { state: false }, 'memory')
  t.same(
    told.flatMap(([what, ...said]) => (what === 'report' ? [said] : [])),
    [
      ['a', { state: true }, 'device'],
      ['b', { state: false }, 'memory'],
      ['a', { state: false }, 'memory'],
    ],
  )
})

t.test('whoever is refused comes back after a minute', async (t) => {
  let tries = 0
  const { upstream, clock } = opened(({ gone }) => {
    tries++
    gone({ reason: 'a wrong key', isRefused: true })
    return () => {}
  })
  upstream.start()
  t.match(upstream.status, { state: 'refused', reason: 'a wrong key' })
  clock.step(59_999)
  t.equal(tries, 1)
  clock.step(1)
  t.equal(tries, 2)
})

t.test('what cannot even be begun is said, and a closed one says nothing any more', async (t) => {
  let ended = 0
  const links: LinkEvents[] = []
  const { upstream, clock, changes } = opened((link) => {
    if (links.push(link) === 1) throw new HubError('unreadable-file', 'no such file')
    return () => ended++
  })
  upstream.start()
  t.match(upstream.status, { state: 'away', reason: 'no such file' })
  clock.step(2000)
  const before = changes()
  upstream.close()
  links.at(-1)?.gone({ reason: 'too late' })
  clock.step(100_000)
  t.same([ended, changes(), links.length], [1, before, 2])
})

t.test('who says nothing is given up, and who says too much is read slowly', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false })
  t.teardown(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const clock = steppedClock()
  const { devices } = puppetHub(clock)
  const url = new URL(`ws://127.0.0.1:${port}/`)
  const far = { name: 'x', settings, devices, clock }
  const dialled = () => {
    let said = 0
    let heard = () => {}
    const events = createInbox<string>()
    const socket = new FarWebSocket(
      { far, url },
      {
        opened: () => events.put('opened'),
        said: () => {
          said++
          heard()
        },
        gone: ({ reason }) => events.put(reason),
      },
    )
    const until = (count: number) =>
      new Promise<void>((resolve) => {
        heard = () => said >= count && resolve()
        heard()
      })
    return { socket, next: events.next, said: () => said, until }
  }

  const silent = dialled()
  await silent.next()
  clock.step(30_000)
  t.equal(await silent.next(), 'expected a sign of life, nothing came for 30 s')

  const deaf = dialled()
  await deaf.next()
  deaf.socket.command('one')
  clock.step(1000)
  deaf.socket.command('two')
  clock.step(2000)
  t.equal(await deaf.next(), 'expected an answer to a command, nothing came')
  // Nothing more is sent, or said.
  deaf.socket.send('three')
  deaf.socket.end('again')

  const loud = dialled()
  await loud.next()
  const [far1] = [...server.clients].filter(({ readyState }) => readyState === 1)
  for (let count = 0; count < 30_000; count++) far1?.send('x')
  await loud.until(20_001)
  await new Promise((resolve) => setImmediate(resolve))
  t.ok(loud.said() < 29_000, `${loud.said()}`)
  clock.step(10_000)
  await loud.until(29_000)
  loud.socket.end()
  dialled().socket.end()
})

t.test('who waits for the next try of a request goes on, unless all has ended', async (t) => {
  const clock = steppedClock()
  const { devices } = puppetHub(clock)
  const http = new FarHttp({ name: 'x', settings, devices, clock })
  const pause = http.pause(100)
  clock.step(100)
  await pause
  let goesOn = false
  const later = http.pause(100).then(() => {
    goesOn = true
  })
  http.end()
  clock.step(100)
  await Promise.race([later, new Promise(setImmediate)])
  t.equal(goesOn, false)
})

/** A stream whose other end is the test. */
function streamed() {
  const clock = steppedClock()
  const written: string[] = []
  const stream = new Duplex({
    read: () => {},
    write: (bytes, _encoding, done) => {
      written.push(String(bytes))
      done()
    },
  })
  const events = createInbox<string>()
  let said = 0
  const far = new FarStream(
    {
      ...{ clock, stream, openEvent: 'open', url: new URL('tcp://board:1') },
      cut: (text) => ({ messages: text.split('\n').slice(0, -1), rest: '' }),
    },
    {
      opened: () => events.put('opened'),
      said: () => said++,
      gone: ({ reason }) => events.put(reason),
    },
  )
  return { clock, stream, far, events, written, said: () => said }
}

t.test('a stream that is not opened, does not answer, or says too much', async (t) => {
  const closed = streamed()
  closed.clock.step(10_000)
  t.equal(await closed.events.next(), 'expected "tcp://board:1" to answer: nothing answers there')
  closed.far.send('too late')
  t.same(closed.written, [])

  const deaf = streamed()
  deaf.stream.emit('open')
  await deaf.events.next()
  deaf.far.command('one')
  deaf.clock.step(1000)
  deaf.stream.emit('data', Buffer.from('\n'))
  deaf.clock.step(1000)
  deaf.far.command('two')
  deaf.clock.step(2000)
  t.equal(await deaf.events.next(), 'expected an answer to a command, nothing came')
  t.same(deaf.written, ['one', 'two'])

  const loud = streamed()
  loud.stream.emit('data', Buffer.from('\n'.repeat(30_000)))
  t.equal(loud.said(), 30_000)
  t.equal(loud.stream.isPaused(), true)
  loud.clock.step(2001)
  t.equal(loud.stream.isPaused(), false)
  loud.far.end()
})
