import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { createForwarding } from '../../src/access/forwarding.ts'
import { createOrigins } from '../../src/access/origin.ts'
import { createToken } from '../../src/access/tokens.ts'
import { rawExchange, upgradeText } from '../raw-http.ts'
import { openLimiter, startedHttpServer } from '../started-http-server.ts'
import { startedHub } from '../started-hub.ts'

const authorization = `Basic ${Buffer.from('clown:bigclown').toString('base64')}`
const wrong = `Basic ${Buffer.from('clown:wrong').toString('base64')}`

function statusIn(answer: string): number {
  return Number(answer.slice(9, 12))
}

/** The status of the answer to `text`, whose connection may stay open. */
async function firstStatus(port: number, text: string): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  socket.write(text)
  const [answer] = await once(socket, 'data')
  socket.destroy()
  return statusIn(String(answer))
}

/** The text of a plain request. */
function plainText(path: string, headers: Record<string, string> = {}, method = 'GET'): string {
  const all = { Host: '127.0.0.1', Connection: 'close', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}

t.test('F19: a raw request with an odd Origin or Host gets nothing', async (t) => {
  const hub = await startedHub(t, {
    http: { port: 0, hosts: ['hub.local'] },
    mdns: { enabled: false },
  })
  const own = `http://127.0.0.1:${hub.httpPort}`
  const host = `127.0.0.1:${hub.httpPort}`
  const refused: [headers: Record<string, string>, status: number][] = [
    [{ Host: host, Origin: 'null' }, 403],
    [{ Host: host, Origin: '' }, 403],
    [{ Host: host, Origin: '*' }, 403],
    [{ Host: host, Origin: 'http://evil.example' }, 403],
    [{ Host: host, Origin: own.replace('127.0.0.1', 'localhost') }, 403],
    [{ Host: host, Origin: `${own}0` }, 403],
    [{ Host: host, Origin: `${own}.evil.example` }, 403],
    [{ Host: host, Origin: `${own}/` }, 403],
    [{ Host: host, Origin: `${own}, http://evil.example` }, 403],
    [{ Host: host, Origin: `http://evil.example\r\nOrigin: ${own}` }, 403],
    [{ Host: host, Origin: own, origin: own }, 403],
    [{ Host: 'evil.example', Origin: 'http://evil.example' }, 421],
    [{ Host: `evil.example:${hub.httpPort}`, Origin: own }, 421],
    [{ Host: `${host}.evil.example`, Origin: own }, 421],
    [{ Host: `evil.example@${host}`, Origin: own }, 421],
    [{ Host: `${host}\r\nHost: evil.example`, Origin: 'http://evil.example' }, 400],
    [{ Host: `evil.example\r\nHost: ${host}`, Origin: 'http://evil.example' }, 400],
    [{ Host: '', Origin: own }, 421],
    [{ Host: 'clown-hub.local' }, 421],
  ]
  const bodies = new Set<string>()
  for (const [headers, status] of refused) {
    const signedIn = { ...headers, Authorization: authorization }
    for (const text of [
      upgradeText('/talk', signedIn),
      plainText('/healthz', signedIn),
      plainText('/healthz', signedIn, 'POST'),
    ]) {
      const answer = await rawExchange(hub.httpPort, text)
      t.equal(statusIn(answer), status, JSON.stringify(headers))
      if (status === 403) bodies.add(answer.slice(answer.indexOf('\r\n\r\n')))
    }
  }
  t.equal(bodies.size, 1, 'the answer is the same, whoever asks for whatever')
  t.notMatch([...bodies].join(), /evil|127/)
  const line = await hub.log.next(({ kind }) => kind === 'origin-refused')
  t.match(line, { origin: 'null', address: '127.0.0.1' })
  const count = refused.filter(([, status]) => status === 403).length * 3
  t.equal(hub.counters()['origin-refused'], count)
})

t.test('the hub’s own pages and listed ones may talk to it, and who is no page', async (t) => {
  const origins = ['https://dashboard.example']
  const hub = await startedHub(t, { http: { port: 0, hosts: ['hub.local'], origins } })
  const host = `hub.local:${hub.httpPort}`
  const own = { Host: host, Origin: `http://${host}` }
  for (const headers of [
    { Host: host },
    own,
    { Host: host, Origin: 'https://dashboard.example' },
  ]) {
    t.equal(statusIn(await rawExchange(hub.httpPort, plainText('/healthz', headers))), 200)
    t.equal(statusIn(await rawExchange(hub.httpPort, upgradeText('/talk', headers))), 401)
  }
  t.notOk(hub.counters()['origin-refused'])
})

t.test('a page of a foreign origin may come where it gives its credentials itself', async (t) => {
  const hub = await startedHub(t)
  const lab = await startedHub(t, {}, { isLab: true })
  for (const origin of ['http://evil.example', 'file://', 'null']) {
    const explicit: [path: string, headers: Record<string, string>, status: number][] = [
      ['/talk?sign-in=message', {}, 101],
      ['/mqtt', { 'Sec-WebSocket-Protocol': 'mqtt' }, 101],
      ['/talk', { 'Sec-WebSocket-Protocol': 'clown.ticket.x' }, 401],
      ['/talk', { Authorization: `Bearer ${createToken().token}` }, 401],
      ['/talk', { Authorization: authorization }, 403],
      ['/talk', { Cookie: 'hub_session=x' }, 403],
      ['/talk', {}, 403],
    ]
    for (const [path, headers, status] of explicit) {
      const text = upgradeText(path, { Origin: origin, ...headers })
      t.equal(await firstStatus(hub.httpPort, text), status, `${origin} ${path}`)
      t.equal(await firstStatus(lab.httpPort, text), 403, 'everybody knows the password of a lab')
    }
    const token = { Origin: origin, Authorization: `Bearer ${createToken().token}` }
    t.equal(await firstStatus(hub.httpPort, plainText('/api/nodes', token)), 401)
    const basic = { Origin: origin, Authorization: authorization }
    t.equal(await firstStatus(hub.httpPort, plainText('/api/nodes', basic)), 403)
  }
})

t.test(
  'HTTP/1.0 may ask for health and readiness without a Host, and for nothing else',
  async (t) => {
    const { httpPort } = await startedHub(t)
    const statusOf = (path: string, version: string, host = '') =>
      firstStatus(httpPort, `GET ${path} HTTP/${version}\r\n${host}\r\n`)
    t.equal(await statusOf('/healthz', '1.0'), 200)
    t.equal(await statusOf('/readyz', '1.0'), 200)
    t.equal(await statusOf('/healthz', '1.0', 'Host: evil.example\r\n'), 421)
    t.equal(await statusOf('/api/nodes', '1.0'), 421)
    t.equal(await statusOf('/healthz', '1.1'), 400)
  },
)

t.test('that any page may talk to it has to be written down, and is logged', async (t) => {
  const hub = await startedHub(t, { http: { port: 0, origins: ['*'] } })
  t.match(await hub.log.next(({ level }) => level === 40), { msg: /http\.origins has \*/ })
  const evil = upgradeText('/talk', { Origin: 'http://evil.example' })
  t.equal(statusIn(await rawExchange(hub.httpPort, evil)), 401)
  const careful = await startedHub(t)
  t.notOk(careful.log.items.some(({ msg }) => msg.includes('http.origins')))
})

t.test('checks come in order: path, Host, Origin, limits, capacity, credentials', async (t) => {
  const connections = { perAddress: 1 }
  const http = { port: 0, trustProxy: ['127.0.0.1'] }
  const hub = await startedHub(t, { http, limits: { connections } })
  const faults = {
    Host: 'evil.example',
    Origin: 'null',
    'X-Forwarded-For': '192.0.2.1',
    Authorization: wrong,
  }
  const statusOf = async (path: string, headers: Record<string, string>) =>
    statusIn(await rawExchange(hub.httpPort, upgradeText(path, headers)))
  const usual = { ...faults, Host: '127.0.0.1' }
  const { Origin: _, ...withoutOrigin } = usual
  t.equal(await statusOf('/nowhere', faults), 404)
  t.equal(await statusOf('/talk', faults), 421)
  t.equal(await statusOf('/talk', usual), 403)
  t.equal(await statusOf('/talk', withoutOrigin), 401, 'the first of its address')
  const held = new WebSocket(`ws://clown:bigclown@127.0.0.1:${hub.httpPort}/talk`, {
    headers: { 'X-Forwarded-For': '192.0.2.1' },
  })
  t.teardown(() => held.terminate())
  await once(held, 'open')
  t.equal(await statusOf('/talk', usual), 403)
  t.equal(await statusOf('/talk', withoutOrigin), 503, 'the second one')
  t.equal(hub.counters()['sign-in-refused'], 1)
})

t.test('a full hub does not tell a page of a foreign origin that it is full', async (t) => {
  const { port } = await startedHttpServer(t, {
    limiter: { ...openLimiter, accept: () => 'total' },
    origins: createOrigins({ listed: [], isLab: false }),
    routeOf: (path) => (path === '/' ? { get: ({ response }) => void response.end() } : undefined),
  })
  const statusOf = async (path: string, headers: Record<string, string> = {}) =>
    statusIn(await rawExchange(port, plainText(path, headers)))
  t.equal(await statusOf('/nowhere'), 404)
  t.equal(await statusOf('/', { Host: 'evil.example' }), 421)
  t.equal(await statusOf('/', { Origin: 'http://evil.example' }), 403)
  t.equal(await statusOf('/'), 503)
})

async function prefixedServer(t: Test, pathPrefix: string) {
  const paths: string[] = []
  const server = await startedHttpServer(t, {
    pathPrefix,
    routeOf: (path) => {
      paths.push(path)
      return undefined
    },
  })
  return async (path: string) => {
    await rawExchange(server.port, plainText(path))
    return paths.at(-1)
  }
}

t.test('paths are served with the prefix of a proxy and without it', async (t) => {
  const served = await prefixedServer(t, '/my/hub')
  t.equal(await served('/my/hub/talk/a?b'), '/talk/a')
  t.equal(await served('/my/hub/'), '/')
  t.equal(await served('/talk/a'), '/talk/a')
  t.equal(await served('/my/hubs/talk'), '/my/hubs/talk')
  t.equal(await served('/my/hubs'), '/my/hubs')
  const bare = await prefixedServer(t, '')
  t.equal(await bare('/talk'), '/talk')
  t.equal(await bare('//talk'), '//talk')
})

t.test('the prefix alone leads to the page below it', async (t) => {
  const { port } = await startedHttpServer(t, { pathPrefix: '/my/hub', routeOf: () => undefined })
  const answer = await rawExchange(port, plainText('/my/hub'))
  t.match(answer, /^HTTP\/1\.1 308 .*\r\nLocation: \/my\/hub\/\r\n/s)
})

t.test('requests that a trusted proxy passes on count for their own addresses', async (t) => {
  const asked: unknown[] = []
  const { port } = await startedHttpServer(t, {
    forwarding: createForwarding(['127.0.0.1']),
    limiter: {
      ...openLimiter,
      accept: (_connection, from) => {
        asked.push(from)
        return undefined
      },
      forward: (_connection, request) => {
        asked.push(request)
        return request.address === '192.0.2.9' ? 'perAddress' : undefined
      },
    },
    routeOf: () => ({ get: ({ response }) => void response.end() }),
  })
  const statusOf = async (text: string) => statusIn(await rawExchange(port, text))
  t.equal(await statusOf(plainText('/', { 'X-Forwarded-For': '6.6.6.6, 192.0.2.1' })), 200)
  t.equal(await statusOf(upgradeText('/', { 'X-Forwarded-For': '192.0.2.9' })), 503)
  t.same(asked, [
    'proxy',
    { address: '192.0.2.1', isUpgrade: false },
    'proxy',
    { address: '192.0.2.9', isUpgrade: true },
  ])
})
