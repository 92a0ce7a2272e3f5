import { once } from 'node:events'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { createToken } from '../../src/access/tokens.ts'
import { checkConfig } from '../../src/config.ts'
import { createCounters, createSampledLog } from '../../src/core/sampled-log.ts'
import { createMessageSignIn } from '../../src/ws/message-sign-in.ts'
import { changingDirectory } from '../access/changing-directory.ts'
import { createInbox } from '../inbox.ts'
import { startedHttpServer } from '../started-http-server.ts'
import { type Frame, type HubPorts, startedHub, talkTo } from '../started-hub.ts'

const { limits } = checkConfig({ users: { clown: { password: 'bigclown' } } })
const auth = '$hub/auth'
const path = '/talk/nodes/bridge/0?sign-in=message'

/** A websocket that has not said who it is. */
async function unknownPeer(t: Test, { httpPort }: HubPorts, protocols: string[] = []) {
  const websocket = new WebSocket(`ws://127.0.0.1:${httpPort}${path}`, protocols)
  t.teardown(() => websocket.terminate())
  const frames = createInbox<Frame>()
  websocket.on('message', (text) => frames.put(JSON.parse(String(text))))
  const closed = once(websocket, 'close').then(([code, reason]) => [code, String(reason)])
  await once(websocket, 'open')
  const send = (...frame: unknown[]) => websocket.send(JSON.stringify(frame))
  return { websocket, frames, closed, send }
}

t.test(
  'the first message signs in by a password or a token, and then all is as usual',
  async (t) => {
    const { token } = createToken()
    const users = { clown: { password: 'bigclown' }, node: { password: token } }
    const hub = await startedHub(t, { users })
    const credentials: [object, string][] = [
      [{ user: 'clown', password: 'bigclown' }, 'clown'],
      [{ user: 'node', password: token }, 'node'],
      [{ token }, 'node'],
    ]
    for (const [proof, user] of credentials) {
      const { frames, send } = await unknownPeer(t, hub)
      send(auth, proof)
      t.same(await frames.next(), ['$hub/auth/ok', { user }])
      send('clown.talk/-/config/set', {})
      t.match(await frames.next(), ['clown.talk/-/config/ok', {}])
    }
  },
)

t.test('nothing is sent before', async (t) => {
  const hub = await startedHub(t)
  const { frames, send } = await unknownPeer(t, hub)
  const member = await talkTo(t, hub)
  member.send('relay/-', { state: true })
  await member.on('relay/-')
  send(auth, { user: 'clown', password: 'bigclown' })
  await frames.next()
  member.send('relay/-', { state: false })
  t.same(await frames.next(), ['relay/-', { state: false }])
  t.equal(frames.items.length, 2)
})

t.test('what is wrong, or no such message, is answered and ends it', async (t) => {
  const hub = await startedHub(t)
  const other = createToken().token
  const messages: [unknown, RegExp, code?: number][] = [
    [[auth, { user: 'clown', password: 'x' }], /^refused: .* of this hub$/, 4403],
    [[auth, { user: 'nobody', password: 'bigclown' }], /^refused: .* of this hub$/, 4403],
    [[auth, { token: other }], /^refused: .* of this hub$/, 4403],
    [[auth, { user: 'clown' }], /expected \["\$hub\/auth", /],
    [[auth, { token: 1 }], /expected \["\$hub\/auth", /],
    [[auth], /expected \["\$hub\/auth", /],
    [[auth, {}, {}], /expected \["\$hub\/auth", /],
    [['relay/-/set', { state: true }], /expected \["\$hub\/auth", /],
    [{}, /expected \["\$hub\/auth", /],
  ]
  for (const [message, reason, code = 4400] of messages) {
    const { websocket, frames, closed } = await unknownPeer(t, hub)
    websocket.send(JSON.stringify(message))
    const [topic, payload] = await frames.next()
    t.equal(topic, '$hub/auth/error')
    t.match(payload, { code: 'not-signed-in', message: reason })
    t.match(await closed, [code, reason], JSON.stringify(message))
  }
  const { websocket, closed } = await unknownPeer(t, hub)
  websocket.send('no JSON')
  t.match(await closed, [4400])
})

t.test('too long a message, or a second one, ends it', async (t) => {
  const hub = await startedHub(t)
  const long = await unknownPeer(t, hub)
  long.websocket.send(`["${auth}",{"user":"clown","password":"${'x'.repeat(4096)}"}]`)
  t.match(await long.closed, [1008])
  const huge = await unknownPeer(t, hub)
  huge.websocket.send('x'.repeat(2 * 1024 * 1024))
  t.match(await huge.closed, [1008])
  const eager = await unknownPeer(t, hub)
  eager.send(auth, { user: 'clown', password: 'bigclown' })
  eager.send('relay/-/set', { state: true })
  t.match(await eager.closed, [1008, 'expected one message of at most 4096 bytes'])
  t.same(eager.frames.items, [])
  t.equal(hub.counters()['websocket-sign-in-refused'], 3)
})

t.test('who says nothing in time is closed', async (t) => {
  const hub = await startedHub(t, { limits: { signIn: { firstMessageSeconds: 1 } } })
  const { closed, frames } = await unknownPeer(t, hub)
  t.match(await closed, [4408, 'expected a first message sooner'])
  t.same(frames.items, [])
  t.equal(hub.counters()['websocket-sign-in-refused'], 1)
})

t.test('past the limits it is told when to try again', async (t) => {
  const connections = { exemptLoopback: false, acceptBurst: 1000, unauthenticatedPerAddress: 1000 }
  const signIn = { failuresPerUser: 2, checksAtOnce: 1, checksWaiting: 1 }
  const hub = await startedHub(t, { limits: { signIn, connections } })
  const wrong = async (user: string) => {
    const { send, closed } = await unknownPeer(t, hub)
    send(auth, { user, password: `${Math.random()}` })
    return (await closed)[0]
  }
  t.equal(await wrong('clown'), 4403)
  t.equal(await wrong('clown'), 4429)
  const codes = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(wrong))
  t.ok(codes.includes(1013))
})

t.test('a user with too many connections is told so', async (t) => {
  const hub = await startedHub(t, { limits: { connections: { perUser: 1 } } })
  await talkTo(t, hub)
  const { send, closed, frames } = await unknownPeer(t, hub)
  send(auth, { user: 'clown', password: 'bigclown' })
  t.match(await closed, [1013, /fewer connections/])
  t.same(frames.items, [])
})

t.test('the subprotocol of the hub is selected when it is offered, and no other', async (t) => {
  const hub = await startedHub(t)
  const { websocket } = await unknownPeer(t, hub, ['clown.ticket.x', 'clown.talk.v1'])
  t.equal(websocket.protocol, 'clown.talk.v1')
})

t.test('a defect ends its websocket, not the hub', async (t) => {
  const signInByMessage = createMessageSignIn({
    signIn: () => Promise.reject(new Error('a defect')),
    directory: changingDirectory(),
    limits: limits.signIn,
    sampledLog: createSampledLog(pino({ level: 'silent' }), createCounters()),
    peerOf: () => ({
      address: '127.0.0.1',
      isSecure: false,
      foreignOrigin: undefined,
      cookieName: '',
    }),
  })
  const handshakes = new WebSocketServer({ noServer: true })
  const server = await startedHttpServer(t, {
    routeOf: () => ({
      upgrade: ({ request, socket, head }) =>
        handshakes.handleUpgrade(request, socket, head, (websocket) => {
          const dialect = { encode: () => '' }
          signInByMessage(websocket, { request, dialect }, () => t.fail('nobody is signed in'))
        }),
    }),
  })
  const { send, closed } = await unknownPeer(t, { httpPort: server.port, mqttPort: 0 })
  send(auth, { user: 'clown', password: 'bigclown' })
  t.match(await closed, [1011])
})
