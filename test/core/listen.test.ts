import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { connect as connectByTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { followHandshakes, keepAccepting, listen, portOf } from '../../src/core/listen.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { testCertificate } from '../certificates.ts'
import { createInbox } from '../inbox.ts'

const settings = { host: 'CLOWN_HTTP_HOST', port: 'CLOWN_HTTP_PORT' }
const host = '127.0.0.1'

t.test('it answers the port that was opened', async (t) => {
  const server = createServer()
  t.teardown(() => server.close())
  t.equal(portOf(server), 0)
  const port = await listen(server, { host, port: 0, settings })
  t.ok(port > 0)
  t.equal(portOf(server), port)
})

t.test('an address that cannot be opened is refused with the way to mend it', async (t) => {
  const taken = createServer()
  t.teardown(() => taken.close())
  const port = await listen(taken, { host, port: 0, settings })
  await t.rejects(listen(createServer(), { host, port, settings }), {
    code: 'cannot-listen',
    message: `cannot listen on 127.0.0.1 port ${port}: it is in use; end the program that holds it, or set CLOWN_HTTP_PORT to another port`,
  })
  // An address for documentation (RFC 5737): no machine has it.
  await t.rejects(listen(createServer(), { host: '203.0.113.1', port: 0, settings }), {
    message: /this machine has no such address; set CLOWN_HTTP_HOST to one it has$/,
  })
  await t.rejects(listen(createServer(), { host, port: 70_000, settings }), { message: /port/ })
})

t.test('a port below 1024 that this user may not open is refused likewise', async (t) => {
  // Tests may run as root, who may open any port; so the system's answer is played back.
  const server = createServer()
  server.listen = () => {
    queueMicrotask(() => server.emit('error', Object.assign(new Error(), { code: 'EACCES' })))
    return server
  }
  await t.rejects(listen(server, { host, port: 80, settings }), {
    message: /this user may not open it; set CLOWN_HTTP_PORT to a port of 1024 or more$/,
  })
})

async function acceptingServer(t: Test) {
  const server = createServer((socket) => socket.pipe(socket))
  const host = '127.0.0.1'
  const port = await listen(server, { host, port: 0, settings: { host: 'HOST', port: 'PORT' } })
  const counters = createCounters()
  const sampledLog = createSampledLog(pino({ level: 'silent' }), counters)
  const accepting = keepAccepting(server, { host, port, sampledLog, firstPauseMs: 10 })
  t.teardown(accepting.close)
  return { server, port, counters, ...accepting }
}

async function client(t: Test, port: number) {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Resolves when `server` listens; `once` would take an error for an answer. */
function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.once('listening', resolve))
}

/** As Node tells a listener that a connection could not be accepted. */
function failToAccept(server: Server): void {
  const error = new Error('accept EMFILE')
  server.emit('error', Object.assign(error, { code: 'EMFILE', syscall: 'accept' }))
}

t.test('F30: a server that cannot accept listens again, and keeps its connections', async (t) => {
  const { server, port, counters } = await acceptingServer(t)
  const old = await client(t, port)
  for (let count = 1; count <= 3; count++) {
    const again = listening(server)
    failToAccept(server)
    t.notOk(server.listening)
    await again
    t.equal(counters.snapshot()['accept-paused'], count)
  }
  await client(t, port)
  old.write('still here')
  t.equal(String((await once(old, 'data'))[0]), 'still here')
})

t.test('F30: it tries until its place is free again', async (t) => {
  const { server, port, counters } = await acceptingServer(t)
  failToAccept(server)
  const rival = createServer().listen(port, '127.0.0.1')
  await once(rival, 'listening')
  await once(server, 'error')
  t.ok((counters.snapshot()['accept-paused'] ?? 0) >= 2)
  const again = listening(server)
  rival.close()
  await again
  await client(t, port)
})

t.test('a server that is closed stays closed', async (t) => {
  const { server, close } = await acceptingServer(t)
  failToAccept(server)
  close()
  t.notOk(server.listening)
  // Set after the pause and for longer, so that this ends after the pause would have.
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.notOk(server.listening)
})

interface Pair {
  readonly secure: TLSSocket
  readonly connection: Socket
}

async function startServer(t: Test, handshakeTimeout = 5000) {
  const { keyFile, ca } = await testCertificate(t)
  const server = createTlsServer({ key: readFileSync(keyFile), cert: ca, handshakeTimeout })
  const counters = createCounters()
  const pairs = createInbox<Pair>()
  const handshakes = followHandshakes(server, {
    sampledLog: createSampledLog(pino({ level: 'silent' }), counters),
    onSecure: (secure, connection) => {
      secure.on('error', () => {})
      pairs.put({ secure, connection })
    },
  })
  server.listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const port = portOf(server)
  const open = () => {
    const socket = connectByTls({ port, host: '127.0.0.1', ca })
    t.teardown(() => socket.destroy())
    return socket
  }
  const openPlain = () => {
    const socket = connect(port, '127.0.0.1').resume()
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    return socket
  }
  return { server, handshakes, counters, pairs, open, openPlain }
}

t.test('each TLS socket is told with the connection it is on', async (t) => {
  const { pairs, open } = await startServer(t)
  const clients = [open(), open(), open()]
  for (const client of clients) {
    const { secure, connection } = await pairs.next(
      (pair) => pair.secure.remotePort === client.localPort,
    )
    t.equal(connection.remotePort, client.localPort)
    client.end()
    await Promise.all([once(secure, 'close'), once(connection, 'close')])
  }
})

t.test('a handshake that fails ends its connection, and is counted', async (t) => {
  const { counters, openPlain } = await startServer(t)
  const client = openPlain()
  client.write('GET / HTTP/1.1\r\n\r\n')
  await once(client, 'close')
  t.same(counters.snapshot(), { 'tls-refused': 1 })
})

t.test('a handshake that takes too long is cut', async (t) => {
  const { counters, openPlain } = await startServer(t, 100)
  await once(openPlain(), 'close')
  t.same(counters.snapshot(), { 'tls-refused': 1 })
})

t.test('who goes away in the middle of it is not counted', async (t) => {
  const { server, counters, openPlain } = await startServer(t)
  const accepted = once(server, 'connection')
  const client = openPlain()
  const [connection] = await accepted
  client.destroy()
  await once(connection, 'close')
  t.same(counters.snapshot(), {})
})

t.test('at the end those in the middle of it are cut, and no others', async (t) => {
  const { handshakes, pairs, open, openPlain } = await startServer(t)
  const done = open()
  await once(done, 'secureConnect')
  const { secure } = await pairs.next()
  const waiting = openPlain()
  await once(waiting, 'connect')
  // The server may accept it later than the client says.
  const cutting = setInterval(handshakes.close, 10)
  await once(waiting, 'close')
  clearInterval(cutting)
  t.notOk(secure.destroyed)
})

t.test('a TLS socket whose connection is gone is none any more', async (t) => {
  const { server, pairs, open } = await startServer(t)
  const client = open()
  await once(client, 'secureConnect')
  await pairs.next()
  client.destroy()
  server.emit('secureConnection', client)
  t.equal(pairs.items.length, 1)
})
