import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import t, { type Test } from 'tap'
import { portOf } from '../../src/core/listen.ts'
import { isOver, resetConnection } from '../../src/core/reset.ts'
import { testCertificate } from '../certificates.ts'

t.test('a connection that is reset ends with an error for the other side', async (t) => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const client = connect(portOf(server), '127.0.0.1')
  const [socket]: Socket[] = await once(server, 'connection')
  const failed = once(client, 'error')
  resetConnection(Object(socket))
  t.match(await failed, [{ code: 'ECONNRESET' }])
})

/** A connection that is ended and reset in one turn; resolves when both ends are closed. */
async function endedAndReset(t: Test, socket: Socket, client: Socket): Promise<void> {
  const failures: unknown[] = []
  socket.on('error', (error) => failures.push(error))
  client.on('error', () => {}).resume()
  const closed = [once(socket, 'close'), once(client, 'close')]
  socket.end()
  resetConnection(socket)
  await Promise.all(closed)
  t.same(failures, [])
}

t.test('one that is reset in the turn of its polite end is closed all the same', async (t) => {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const client = connect(portOf(server), '127.0.0.1')
  const [socket] = await once(server, 'connection')
  await endedAndReset(t, socket, client)
  const left = await new Promise<number>((resolve) =>
    server.getConnections((_, count) => resolve(count)),
  )
  t.equal(left, 0, 'nothing of it is open')
})

t.test('so is one with TLS', async (t) => {
  const { keyFile, ca } = await testCertificate(t)
  const server = createTlsServer({ cert: ca, key: readFileSync(keyFile) })
  server.listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const tcp = connect(portOf(server), '127.0.0.1')
  const client = connectTls({ socket: tcp, rejectUnauthorized: false })
  isOver(client, tcp)
  const [[far]] = await Promise.all([
    once(server, 'secureConnection'),
    once(client, 'secureConnect'),
  ])
  await endedAndReset(t, client, far)
})

t.test('what is no connection is let be', async (t) => {
  t.doesNotThrow(() => resetConnection({}))
})
