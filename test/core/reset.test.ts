import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { portOf } from '../../src/core/listen.ts'
import { resetConnection } from '../../src/core/reset.ts'

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

t.test('what is no connection is let be', async (t) => {
  t.doesNotThrow(() => resetConnection({}))
})
