import { once } from 'node:events'
import { pino } from 'pino'
import t from 'tap'
import { WebSocket } from 'ws'
import { createCounters } from '../../src/core/counters.ts'
import { createSampledLog } from '../../src/core/sampled-log.ts'
import { createAudiences } from '../../src/transports/audiences.ts'
import { openHttpServer } from '../../src/transports/http-server.ts'
import { talkRoute } from '../../src/transports/talk-route.ts'
import { createWebSockets } from '../../src/transports/websockets.ts'

t.test('a defect in a dialect ends its websocket, not the hub, and is logged', async (t) => {
  const logged: string[] = []
  const log = pino({}, { write: (line: string) => logged.push(line) })
  const bus = { publish: () => {}, subscribe: () => () => {}, retained: async function* () {} }
  const websockets = createWebSockets({})
  const route = talkRoute('n', {
    dialect: {
      name: 'broken',
      encode: () => '',
      open: () => () => {
        throw new TypeError('a defect')
      },
    },
    context: {
      bus,
      log,
      audiences: createAudiences(bus),
      admit: (message) => message,
      lastValuesBelow: async () => [],
    },
    signIn: () => true,
    websockets,
    sampledLog: createSampledLog(log, createCounters()),
  })
  const server = await openHttpServer({
    host: '127.0.0.1',
    port: 0,
    knownHosts: [],
    routeOf: () => route,
  })
  t.teardown(server.close)
  const websocket = new WebSocket(`ws://a:b@127.0.0.1:${server.port}/`)
  await once(websocket, 'open')
  websocket.send('anything')
  const [code] = await once(websocket, 'close')
  t.equal(code, 1011)
  t.match(logged, [/a defect/])
})

t.test('a websocket that does not answer the goodbye is cut after a second', async (t) => {
  const websockets = createWebSockets({})
  const server = await openHttpServer({
    host: '127.0.0.1',
    port: 0,
    knownHosts: [],
    routeOf: () => ({
      upgrade: (request, socket, head) => websockets.accept({ request, socket, head }, () => {}),
    }),
  })
  t.teardown(server.close)
  const websocket = new WebSocket(`ws://127.0.0.1:${server.port}/`)
  await once(websocket, 'open')
  // A peer that hangs: it reads nothing any more, so it never sees the goodbye.
  websocket.pause()
  await websockets.close()
  websocket.resume()
  await once(websocket, 'close')
})
