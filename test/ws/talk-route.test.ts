import { once } from 'node:events'
import { type Logger, pino } from 'pino'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { createSignedIn } from '../../src/access/signed-in.ts'
import type { User } from '../../src/access/user.ts'
import { createUserRates } from '../../src/access/user-rates.ts'
import { createEndOfTick } from '../../src/core/callbacks.ts'
import type { Message } from '../../src/core/message.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { Trace } from '../../src/core/trace.ts'
import { createAudiences } from '../../src/ws/audiences.ts'
import { createLinkTraffics } from '../../src/ws/link-traffic.ts'
import { baseOfPath, chooseTalk, talkRoutes } from '../../src/ws/talk-route.ts'
import { openTalkSession } from '../../src/ws/talk-session.ts'
import { createHeartbeat, createWebSockets } from '../../src/ws/websockets.ts'
import { followedDefects } from '../followed-defects.ts'
import { startedHttpServer } from '../started-http-server.ts'
import { hardTopics } from '../topics.ts'
import { unbounded } from '../unbounded.ts'
import { presence, recovery } from './nothing-missed.ts'

const limits = {
  messageBytes: 1000,
  pingSeconds: 20,
  pongSeconds: 10,
  messagesPerSecond: 100,
  messageBurst: 200,
  overRateSeconds: 30,
  conflateBytes: 1000,
  outboundBytes: 2000,
}

function openedWebSockets(t: Test, log: Logger) {
  const sampledLog = createSampledLog(log, createCounters())
  const heartbeat = createHeartbeat({ limits, sampledLog })
  t.teardown(heartbeat.close)
  return {
    sampledLog,
    websockets: createWebSockets(limits, { heartbeat, sampledLog, newInboundShare: unbounded }),
  }
}

const user: User = { name: 'a', rules: [], tokens: [] }

interface Talk {
  readonly encodeError?: (error: { readonly code: string }) => string
  readonly overRateSeconds?: number
  obey(): void
}

/** A websocket of a dialect of the test, on a hub that is short of memory. */
async function talking(t: Test, { encodeError = () => '', overRateSeconds = 30, obey }: Talk) {
  const log = pino({ level: 'silent' })
  const bus = {
    publish: () => {},
    subscribe: () => () => {},
    refusalOf: () => undefined,
    retainedOn: () => undefined,
    retained: async function* () {},
  }
  const { websockets, sampledLog } = openedWebSockets(t, log)
  const context = {
    bus,
    signedIn: createSignedIn({ find: () => user, onChange: () => () => {} }),
    recovery,
    nodesBelow: () => [],
    audiences: createAudiences({
      ...{ bus, presence, recovery },
      trace: new Trace(),
      endOfTick: createEndOfTick(),
      log,
      frameBytes: 1_000_000,
    }),
    enter: (message: Message) => message,
    catchUps: { start: () => () => {} },
    label: async () => ({ device: '' }),
    answering: () => ({ list: () => false, requested: () => {}, close: () => {} }),
  }
  const routeOf = talkRoutes({
    linkTraffics: createLinkTraffics(),
    dialect: {
      name: 'broken',
      countMessages: () => 1,
      encode: () => '',
      encodeError,
      encodeMissed: () => '',
      open: () => obey,
    },
    openSession: (options) => openTalkSession(context, options),
    signIn: {
      ofUpgrade: async () => ({ user }),
      byMessage: () => {},
    },
    admit: () => undefined,
    rateOf: createUserRates({ limits: { messagesPerSecond: 1000, messageBurst: 1000 } }),
    clientAddress: () => '127.0.0.1',
    websockets,
    newOutboundShare: unbounded,
    isShortOfMemory: () => true,
    endOfTick: createEndOfTick(),
    limits: { ...limits, overRateSeconds },
    sampledLog,
  })
  const server = await startedHttpServer(t, { routeOf })
  const websocket = new WebSocket(`ws://a:b@127.0.0.1:${server.port}/talk/n`)
  await once(websocket, 'open')
  return { websocket }
}

t.test('F59: a defect in a dialect ends its websocket and not the hub', async (t) => {
  const defects = followedDefects(t)
  const obey = () => {
    throw new TypeError('a defect')
  }
  const { websocket } = await talking(t, { obey })
  const closed = once(websocket, 'close')
  websocket.send('anything')
  const [code] = await closed
  t.equal(code, 1011)
  t.match(defects.items, [{ message: 'a defect' }])
})

t.test('F23: who pours on while the hub is short of memory is answered, and closed', async (t) => {
  const encodeError = ({ code }: { readonly code: string }) => code
  const { websocket } = await talking(t, { encodeError, overRateSeconds: 0, obey: () => {} })
  const answered = once(websocket, 'message')
  const flood = setInterval(() => {
    for (let number = 0; number < 200; number++) websocket.ping('p')
  }, 10)
  t.teardown(() => clearInterval(flood))
  const closed = once(websocket, 'close')
  t.equal(String((await answered)[0]), 'too-fast')
  t.equal((await closed)[0], 1008)
})

t.test('a websocket that does not answer the close is disconnected after a second', async (t) => {
  const { websockets } = openedWebSockets(t, pino({ level: 'silent' }))
  const server = await startedHttpServer(t, {
    routeOf: () => ({
      upgrade: (handshake) => websockets.accept(handshake, () => {}),
    }),
  })
  const websocket = new WebSocket(`ws://127.0.0.1:${server.port}/`)
  await once(websocket, 'open')
  // A peer that hangs: it reads nothing any more, so it never sees the close.
  websocket.pause()
  const closed = once(websocket, 'close')
  await websockets.close()
  websocket.resume()
  await closed
})

t.test('who is still being looked up when the hub stops is disconnected', async (t) => {
  const { websockets } = openedWebSockets(t, pino({ level: 'silent' }))
  const server = await startedHttpServer(t, {
    routeOf: () => ({
      upgrade: async (handshake) => {
        await websockets.close()
        websockets.accept(handshake, () => t.fail('nobody is taken any more'))
      },
    }),
  })
  const websocket = new WebSocket(`ws://127.0.0.1:${server.port}/`)
  const [error] = await once(websocket, 'error')
  t.match(error, { message: 'socket hang up' })
})

t.test('a path names a base in the old and in the plain spelling', async (t) => {
  t.equal(baseOfPath('/auth/clown-talk-server_nodes_bridge_0'), 'nodes/bridge/0')
  t.equal(baseOfPath('/talk/nodes/bridge/0'), 'nodes/bridge/0')
  t.equal(baseOfPath('/talk/my_lab/bridge'), 'my_lab/bridge')
  t.equal(baseOfPath('/talk/pokoj%20%C4%8D/1'), 'pokoj č/1')
  t.equal(baseOfPath('/talk'), '')
  t.equal(baseOfPath('/talk//devices/x'), '/devices/x')
  t.equal(baseOfPath('/talk/a/'), 'a/')
  t.equal(baseOfPath('/auth/clown-talk-server__devices_wb%5F6'), '/devices/wb_6')
})

t.test('percent-encoding says any base', async (t) => {
  for (const topic of [...hardTopics, 'a/../b', '.', 'a_b', '100%']) {
    const encoded = encodeURIComponent(topic)
    t.equal(baseOfPath(`/talk/${encoded}`), topic)
    t.equal(baseOfPath(`/auth/clown-talk-server_${encoded.replaceAll('_', '%5F')}`), topic)
    t.equal(baseOfPath(`/talk/${topic.split('/').map(encodeURIComponent).join('/')}`), topic)
  }
})

t.test('F14, F20: a path that names no base is not taken', async (t) => {
  const others = [
    '/',
    '/talk/',
    '/talkative',
    '/talk/a/+',
    '/talk/%23',
    '/talk/$SYS',
    '/talk/%24share/g/x',
    '/talk/relay/%2B/set',
    '/talk/a%0d%0ab',
    '/talk/%c0%af',
    '/talk/%ed%a0%80',
    `/talk/${'a/'.repeat(201)}a`,
    '/talk/%ff',
    '/talk/%',
    '/talk/a%00b',
    `/talk/${'a'.repeat(65_001)}`,
    '/auth/',
    '/auth/clown-talk-server',
    '/auth/clown-talk-server_',
    '/auth/clown-talk-server_a/b',
    '/auth/other_a',
    '/x/talk/a',
  ]
  for (const path of others) t.equal(baseOfPath(path), undefined, path)
})

t.test('only the name of the language is ever selected', async (t) => {
  t.equal(chooseTalk(new Set(['clown.ticket.abc', 'clown.talk.v1'])), 'clown.talk.v1')
  t.equal(chooseTalk(new Set(['clown.ticket.abc', 'mqtt'])), false)
})
