import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import type { Credentials, HubState } from '../../client/index.ts'
import { createToken } from '../../src/access/tokens.ts'
import { type HubPorts, startedHub } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'
import { brittle, clown, connected } from './connected.ts'

type Refused = Extract<HubState, { name: 'refused' }>
type Reconnecting = Extract<HubState, { name: 'reconnecting' }>

function post({ httpPort }: Pick<HubPorts, 'httpPort'>, path: string): Promise<Response> {
  const headers = basic('clown', 'bigclown')
  return fetch(`http://127.0.0.1:${httpPort}${path}`, { method: 'POST', headers })
}

async function ticketOf(hub: Pick<HubPorts, 'httpPort'>): Promise<Credentials> {
  const { ticket } = Object(await (await post(hub, '/ticket')).json())
  return { ticket }
}

/** What Node.js has from 22 on, of which 20 has a part. */
class QuietWebSocket extends WebSocket {
  override emit(event: string, ...values: unknown[]): boolean {
    return event === 'error'
      ? super.emit('error', new Error('it failed'))
      : super.emit(event, ...values)
  }
}

t.test('who signs in by a password, a token or a ticket is in', async (t) => {
  const { token } = createToken()
  const users = { clown: { password: 'bigclown' }, shelf: { password: token } }
  const hub = await startedHub(t, { users })
  t.match(await connected(t, hub, clown).is('open'), { user: 'clown' })
  t.match(await connected(t, hub, { token }).is('open'), { user: 'shelf' })
  t.match(await connected(t, hub, await ticketOf(hub)).is('open'), { user: undefined })
  const { httpPort } = hub
  t.match(await connected(t, { httpPort }, { path: '/', ...clown }).is('open'), { user: 'clown' })
})

t.test('a hub that was away is there again, and so is all that was asked of it', async (t) => {
  const hub = await startedHub(t)
  const { is, messages } = connected(t, hub)
  const all = messages('#')
  await is('open')
  await hub.close()
  const { inSeconds, why } = (await is('reconnecting')) as Reconnecting
  t.ok(inSeconds <= 3, String(inSeconds))
  t.match(why, /^the hub is stopping: come back in [12] s$/)
  await is('reconnecting')
  const again = await startedHub(t, { http: { port: hub.httpPort } })
  await is('open')
  const other = connected(t, again)
  await other.is('open')
  other.client.publish('lamp', 'on')
  t.match(await all.next(), { topic: 'lamp', value: 'on' })
})

t.test('a hub that is not there is asked for again, with pauses that grow', async (t) => {
  t.intercept(Math, 'random', { value: () => 1 })
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const httpPort = portOf(server)
  server.close()
  const { client, is } = connected(t, { httpPort })
  const pauses: number[] = []
  while (pauses.length < 8) {
    const { inSeconds, atMs } = (await is('reconnecting')) as Reconnecting
    t.ok(atMs > Date.now())
    pauses.push(inSeconds)
    client.retry()
  }
  t.same(pauses, [1, 1, 2, 4, 8, 16, 30, 30])
})

t.test('who was connected for a while begins anew with short pauses', async (t) => {
  t.intercept(Math, 'random', { value: () => 1 })
  let aheadMs = 0
  const { now } = Date
  t.intercept(Date, 'now', { value: () => now() + aheadMs })
  const { WebSocket: ownClass, cut } = brittle()
  const { client, is } = connected(t, await startedHub(t), { ...clown, WebSocket: ownClass })
  const pauses: number[] = []
  for (const openMs of [0, 0, 0, 0, 10_001, 0]) {
    await is('open')
    aheadMs += openMs
    cut()
    const { inSeconds } = (await is('reconnecting')) as Reconnecting
    pauses.push(inSeconds)
    client.retry()
  }
  t.same(pauses, [1, 1, 2, 4, 1, 1])
})

t.test('who gives a user and no password is asked for one, and let in', async (t) => {
  const credentials = () => clown
  const { is } = connected(t, await startedHub(t), { user: 'clown', credentials })
  t.match(await is('refused'), { needs: 'credentials' })
  t.match(await is('open'), { user: 'clown' })
})

t.test('other credentials are asked for where those that are there are of no use', async (t) => {
  const hub = await startedHub(t)
  const asked: string[] = []
  const credentials = (why: string) => {
    asked.push(why)
    return asked.length === 1 ? { user: 'clown', password: 'wrong again' } : clown
  }
  const { is } = connected(t, hub, { ...clown, password: 'wrong', credentials })
  t.match(await is('refused'), { needs: 'credentials', why: /^refused: / })
  await is('open')
  t.equal(asked.length, 2)
})

t.test('who has no others waits until somebody gives them', async (t) => {
  const hub = await startedHub(t)
  const { client, is } = connected(t, hub, { ...clown, password: 'wrong' })
  await is('refused')
  client.retry(clown)
  await is('open')
  // Who is connected need not try, but may be somebody else.
  client.retry()
  t.equal(client.state.name, 'open')
  client.retry({ user: 'clown', password: 'wrong' })
  await is('refused')
})

t.test('a ticket is good for one connection, and another one is asked for', async (t) => {
  const hub = await startedHub(t)
  const used = await ticketOf(hub)
  const asked: string[] = []
  const credentials = async (why: string) => {
    asked.push(why)
    return await ticketOf(hub)
  }
  const { is } = connected(t, hub, { ...used, credentials })
  await is('open')
  await post(hub, '/logout-everywhere')
  await is('refused')
  await is('open')
  t.same(asked, ['signed-out'])
  for (const ownClass of [WebSocket, QuietWebSocket]) {
    const { is } = connected(t, hub, { ...used, WebSocket: ownClass })
    t.match(await is('refused'), { needs: 'credentials' })
  }
})

t.test('a ticket is asked for anew when its connection breaks', async (t) => {
  const { httpPort, accepted } = await brittleServer(t)
  const { is } = connected(t, { httpPort }, { ticket: 'a' })
  await is('open')
  ;(await accepted()).terminate()
  t.match(await is('refused'), { why: 'a ticket is good for one connection' })
})

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** A server whose websockets a test may end as it likes. */
async function brittleServer(t: Test) {
  const server = createServer((_request, response) => response.writeHead(426).end())
  const websockets = new WebSocketServer({ server })
  const first = once(websockets, 'connection')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const each of websockets.clients) each.terminate()
    server.close()
    server.closeAllConnections()
  })
  return { httpPort: portOf(server), accepted: async (): Promise<WebSocket> => (await first)[0] }
}

t.test('nobody is signed in without credentials or a cookie', async (t) => {
  const hub = await startedHub(t)
  for (const ownClass of [WebSocket, QuietWebSocket]) {
    const { is } = connected(t, hub, { WebSocket: ownClass })
    t.match(await is('refused'), { needs: 'credentials' })
  }
  const open = await startedHub(t, { users: { anonymous: { role: 'viewer' } } })
  t.match(await connected(t, open, {}).is('open'), { user: undefined })
})

t.test('what no waiting mends is refused, and what does is tried again', async (t) => {
  const hub = await startedHub(t)
  const state = async (options: Parameters<typeof connected>[2]) => {
    const { is } = connected(t, hub, { ...clown, ...options })
    return (await is('refused')) as Refused
  }
  t.match(await state({ path: '/talk/a+', WebSocket: QuietWebSocket }), {
    needs: 'mending',
    why: /on this path/,
  })
  t.match(await state({ path: '/talk/%23' }), { needs: 'mending', why: /404/ })
  const { httpPort, accepted } = await brittleServer(t)
  const { is } = connected(t, { httpPort })
  ;(await accepted()).close(4429, 'expected fewer wrong passwords: try again in 7 s')
  const { inSeconds } = (await is('reconnecting')) as Reconnecting
  t.ok(inSeconds >= 7 && inSeconds <= 8, `${inSeconds}`)
})

t.test('a hub that does not answer any more is left, and connected to anew', async (t) => {
  const ticks: (() => void)[] = []
  const real = setInterval
  t.intercept(globalThis, 'setInterval', {
    value: (act: () => void, ms: number) => {
      if (ms === 15_000) ticks.push(act)
      return real(act, ms)
    },
  })
  const { httpPort, accepted } = await brittleServer(t)
  const { is } = connected(t, { httpPort }, { ticket: 'a' })
  await is('open')
  const lines = once(await accepted(), 'message')
  const [tick = () => {}] = ticks
  tick()
  tick()
  t.match(String((await lines)[0]), 'clown.talk')
  tick()
  t.match(await is('reconnecting'), { why: 'the hub does not answer' })
})
