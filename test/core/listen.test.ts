import { createServer } from 'node:net'
import t from 'tap'
import { listen, portOf } from '../../src/core/listen.ts'

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
