import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createCounters } from '../../src/core/counters.ts'
import { keepAccepting } from '../../src/core/keep-accepting.ts'
import { listen } from '../../src/core/listen.ts'
import { createSampledLog } from '../../src/core/sampled-log.ts'

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
