import { once } from 'node:events'
import { Aedes } from 'aedes'
import t from 'tap'
import {
  command,
  countTimers,
  createLog,
  listen,
  socketsClosed,
  startAedes,
  startNode,
} from './started-node.ts'

/** The first byte of a DISCONNECT packet [MQTT-3.14.1-1]. */
const disconnectByte = 0xe0

t.test('a node leaves without a word, and comes back when it is to', async (t) => {
  const aedes = await Aedes.createBroker()
  t.teardown(() => new Promise<void>((resolve) => aedes.close(() => resolve())))
  const said: number[] = []
  const { url } = await listen(t, (socket) => {
    socket.on('data', (bytes) => said.push(bytes[0] ?? 0))
    aedes.handle(socket)
  })
  const { log, next } = createLog()
  await startNode(t, { url, log, absence: { offlineAfterMs: 30, backAfterMs: 30 } })
  await next(/^connected to/)
  const gone = once(aedes, 'clientDisconnect')
  t.equal(await next(/^left/), `left ${url} without a word, as it was told to`)
  await gone
  t.equal(aedes.connectedClients, 0)
  t.notOk(said.includes(disconnectByte))
  await next(/^connected to/)
  const got = once(aedes, 'publish')
  command(aedes, 'nodes/bridge/0/led/-/get', '{}')
  await got
})

t.test('a node that is to stay away does so, and can still be closed', async (t) => {
  const { url, aedes } = await startAedes(t)
  const before = countTimers()
  const { log, next } = createLog()
  const node = await startNode(t, { url, log, absence: { offlineAfterMs: 30 } })
  const gone = once(aedes, 'clientDisconnect')
  await next(/^left/)
  await gone
  await node.close()
  await socketsClosed()
  t.equal(countTimers(), before, 'it does not dial')
})

t.test('a node that has lost its broker leaves when it has found it again', async (t) => {
  const first = await startAedes(t)
  const { log, next } = createLog()
  await startNode(t, { url: first.url, log, absence: { offlineAfterMs: 500 } })
  await first.stop()
  await next(/got nobody listening/)
  const second = await startAedes(t, {}, first.port)
  const gone = once(second.aedes, 'clientDisconnect')
  await next(/^left/)
  await gone
})

t.test('a closed node neither leaves nor comes back', async (t) => {
  const { url } = await startAedes(t)
  const before = countTimers()
  const { log, next } = createLog()
  const hour = 3_600_000
  const staying = await startNode(t, { url, absence: { offlineAfterMs: hour } })
  await staying.close()
  const away = await startNode(t, { url, log, absence: { offlineAfterMs: 5, backAfterMs: hour } })
  await next(/^left/)
  await away.close()
  await socketsClosed()
  t.equal(countTimers(), before)
})
