import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectPlain, type Socket } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createCounters } from '../../src/core/counters.ts'
import { followHandshakes } from '../../src/core/handshakes.ts'
import { portOf } from '../../src/core/listen.ts'
import { createSampledLog } from '../../src/core/sampled-log.ts'
import { testCertificate } from '../certificates.ts'
import { createInbox } from '../inbox.ts'

interface Pair {
  readonly secure: TLSSocket
  readonly connection: Socket
}

async function startServer(t: Test, handshakeTimeout = 5000) {
  const { keyFile, ca } = await testCertificate(t)
  const server = createServer({ key: readFileSync(keyFile), cert: ca, handshakeTimeout })
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
    const socket = connect({ port, host: '127.0.0.1', ca })
    t.teardown(() => socket.destroy())
    return socket
  }
  const openPlain = () => {
    const socket = connectPlain(port, '127.0.0.1').resume()
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
