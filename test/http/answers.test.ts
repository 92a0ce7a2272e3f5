import { once } from 'node:events'
import { connect } from 'node:net'
import type { Writable } from 'node:stream'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { Route } from '../../src/core/route.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { createInbox } from '../inbox.ts'
import { rawExchange, upgradeText } from '../raw-http.ts'
import { startedHttpServer } from '../started-http-server.ts'

async function served(t: Test, route: Route) {
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const { port } = await startedHttpServer(t, { routeOf: () => route, sampledLog })
  return { port, counters }
}

/** A route that answers with what it was sent, and says so to the inbox. */
function echo() {
  const bodies = createInbox<string>()
  const route: Route = {
    post: ({ response }, body) => {
      bodies.put(String(body))
      response.end(body)
    },
  }
  return { route, bodies }
}

const post = (head: string, body = '') =>
  `POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${head}\r\n\r\n${body}`

t.test('a body is read to its end, in whatever pieces it comes', async (t) => {
  const { route } = echo()
  const { port } = await served(t, route)
  t.match(await rawExchange(port, post('Content-Length: 5', 'hello')), /200 OK.*\r\n\r\nhello$/s)
  t.match(await rawExchange(port, post('Content-Length: 0')), /200 OK.*\r\n\r\n$/s)
  const chunked = post('Transfer-Encoding: chunked', '3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n')
  t.match(await rawExchange(port, chunked), /200 OK.*hello/s)
})

t.test('a client that asks before it sends its body is told to go on', async (t) => {
  const { route } = echo()
  const { port } = await served(t, route)
  const text = post('Expect: 100-continue\r\nContent-Length: 5', 'hello')
  t.match(await rawExchange(port, text), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
  const long = post('Expect: 100-continue\r\nContent-Length: 100000')
  t.match(await rawExchange(port, long), /^HTTP\/1\.1 413 /, 'unless it is too long')
})

t.test('a body past 16 KiB is refused, beforehand where it can be', async (t) => {
  const { route, bodies } = echo()
  const { port, counters } = await served(t, route)
  t.match(await rawExchange(port, post('Content-Length: 16385')), /^HTTP\/1\.1 413 /)
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
  const chunked = post('Transfer-Encoding: chunked', `${chunk}1\r\nx\r\n0\r\n\r\n`)
  t.match(await rawExchange(port, chunked), /^HTTP\/1\.1 413 .*at most 16384 bytes/s)
  t.equal(counters.snapshot()['http-refused'], 2)
  const most = post('Content-Length: 16384', 'x'.repeat(16_384))
  t.match(await rawExchange(port, most), /^HTTP\/1\.1 200 /)
  t.equal(bodies.items.length, 1)
})

t.test('a client that leaves in the middle of its body is forgotten', async (t) => {
  const { route, bodies } = echo()
  const { port } = await served(t, route)
  const socket = connect(port, '127.0.0.1')
  socket.write(post('Content-Length: 5', 'hel'))
  await once(socket, 'connect')
  socket.resetAndDestroy()
  await rawExchange(port, post('Content-Length: 5', 'hello'))
  t.same(bodies.items, ['hello'])
})

t.test('a defect in a route ends its request, not the hub', async (t) => {
  const fail = () => {
    throw new Error('a defect')
  }
  /** Fails when it has said something. */
  const failLate = (stream: Writable) => {
    stream.write('half')
    fail()
  }
  const get = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const defects: [Route, string, RegExp][] = [
    [{ get: fail }, get, /^HTTP\/1\.1 500 /],
    [{ get: async () => fail() }, get, /^HTTP\/1\.1 500 /],
    [{ get: () => Promise.reject('a word') }, get, /^HTTP\/1\.1 500 /],
    [{ post: async () => fail() }, post('Content-Length: 0'), /^HTTP\/1\.1 500 /],
    [{ upgrade: fail }, upgradeText('/'), /^HTTP\/1\.1 500 /],
    [{ upgrade: async () => fail() }, upgradeText('/'), /^HTTP\/1\.1 500 /],
    [{ get: ({ response }) => failLate(response) }, get, /half\r\n$/],
    [{ upgrade: ({ socket }) => failLate(socket) }, upgradeText('/'), /^(half)?$/],
  ]
  for (const [route, text, answer] of defects) {
    const { port, counters } = await served(t, route)
    t.match(await rawExchange(port, text), answer)
    t.equal(counters.snapshot()['http-failed'], 1)
  }
})

t.test('a socket that breaks while its user is looked up does no harm', async (t) => {
  const asked = createInbox<() => void>()
  const ended = createInbox<string>()
  const { port } = await served(t, {
    upgrade: async ({ socket }) => {
      socket.on('close', () => ended.put('closed'))
      await new Promise<void>((resolve) => asked.put(resolve))
      socket.end('too late')
    },
  })
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(upgradeText('/'))
  const answer = await asked.next()
  socket.resetAndDestroy()
  await ended.next()
  answer()
  t.match(await rawExchange(port, post('Content-Length: 0')), /^HTTP\/1\.1 405 /, 'it lives')
})
