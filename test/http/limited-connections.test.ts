import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import type { ConnectionLimit } from '../../src/access/connection-limiter.ts'
import { rawExchange, upgradeText } from '../raw-http.ts'
import { openLimiter, startedHttpServer } from '../started-http-server.ts'

const health = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'

t.test('who is refused for nothing that it did is told to try again', async (t) => {
  const limits: ConnectionLimit[] = ['memory', 'total', 'perAddress']
  for (const limit of limits) {
    const { port } = await startedHttpServer(t, {
      limiter: { ...openLimiter, accept: () => limit },
      routeOf: () => ({ get: ({ response }) => void response.end('served') }),
    })
    for (const text of [health, upgradeText('/healthz')]) {
      const answer = await rawExchange(port, text)
      t.match(answer, /^HTTP\/1\.1 503 Service Unavailable\r\n/, limit)
      t.match(answer, /\r\nRetry-After: 5\r\n/)
      t.notMatch(answer, /served/)
    }
  }
})

t.test('who comes too often, or without signing in, is disconnected', async (t) => {
  const limits: ConnectionLimit[] = [
    'unauthenticated',
    'unauthenticatedPerAddress',
    'acceptsPerMinute',
  ]
  for (const limit of limits) {
    const { port } = await startedHttpServer(t, {
      limiter: { ...openLimiter, accept: () => limit },
      routeOf: () => undefined,
    })
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    await once(socket, 'close')
    t.equal(socket.bytesRead, 0, limit)
  }
})

t.test('only so many wait for their answer at once', async (t) => {
  let accepted = 0
  const { port } = await startedHttpServer(t, {
    limiter: {
      ...openLimiter,
      accept: () => {
        accepted++
        return 'total'
      },
    },
    routeOf: () => undefined,
  })
  const open = async () => {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }
  for (let count = 0; count < 64; count++) await open()
  const late = (await open()).resume()
  await once(late, 'close')
  t.equal(accepted, 65)
})
