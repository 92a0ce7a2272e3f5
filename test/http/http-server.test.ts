import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { WebSocket } from 'ws'
import { createOrigins } from '../../src/access/origin.ts'
import type { Exchange } from '../../src/core/route.ts'
import { rawExchange, upgradeText } from '../raw-http.ts'
import { startedHttpServer } from '../started-http-server.ts'
import { startedHub } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'

const talkPath = '/auth/clown-talk-server_nodes_bridge_0'

/** RFC 9112, 4: the status stands after the version. */
function statusIn(answer: string): number {
  return Number(answer.slice(9, 12))
}

t.test('a plain request is answered by path, host and method', async (t) => {
  const { httpPort } = await startedHub(t, { http: { port: 0, hosts: ['hub.local'] } })
  const statusOf = async (requestLine: string, host = '127.0.0.1') => {
    const text = `${requestLine} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    return (await rawExchange(httpPort, text)).split('\r\n', 1)[0]
  }
  t.equal(await statusOf('GET /healthz'), 'HTTP/1.1 200 OK')
  t.equal(await statusOf('GET /healthz?from=docker', 'hub.local:8080'), 'HTTP/1.1 200 OK')
  t.equal(await statusOf('HEAD /healthz', 'localhost'), 'HTTP/1.1 200 OK')
  t.equal(await statusOf('GET /healthz', 'clown-hub.local'), 'HTTP/1.1 200 OK')
  t.equal(await statusOf('GET /healthz', 'evil.example'), 'HTTP/1.1 421 Misdirected Request')
  t.equal(await statusOf('POST /healthz'), 'HTTP/1.1 405 Method Not Allowed')
  t.equal(await statusOf('GET /'), 'HTTP/1.1 200 OK')
  t.equal(await statusOf('GET /nowhere'), 'HTTP/1.1 404 Not Found')
  t.equal(await statusOf('GET /talk/a/+/b'), 'HTTP/1.1 404 Not Found')
  t.equal(await statusOf('GET /talk/a//b'), 'HTTP/1.1 426 Upgrade Required')
  t.equal(await statusOf('GET /talk'), 'HTTP/1.1 426 Upgrade Required')
  t.equal(await statusOf(`POST ${talkPath}`), 'HTTP/1.1 405 Method Not Allowed')
})

t.test('a refused request says in one sentence what was expected', async (t) => {
  const { httpPort } = await startedHub(t)
  const response = await fetch(`http://127.0.0.1:${httpPort}/nowhere`)
  t.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8')
  t.equal(await response.text(), 'nothing is served on this path\n')
  const other = await rawExchange(httpPort, 'GET /session HTTP/1.0\r\n\r\n')
  t.match(other, /421 .*\n.*expected a host name from http\.hosts in the config, got none\n$/s)
})

t.test(
  'headers past their limits are refused with 431, and no request at all with 400',
  async (t) => {
    const hub = await startedHub(t)
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, number) => [`x${number}`, '']))
    const refused: [name: string, text: string, status: number][] = [
      ['33,000 bytes', upgradeText(talkPath, { 'X-Big': 'x'.repeat(33_000) }), 431],
      ['32,000 bytes', upgradeText(talkPath, { Cookie: 'x'.repeat(32_000) }), 401],
      ['65 headers', upgradeText('/healthz', many(60)), 431],
      ['64 headers', upgradeText('/healthz', many(59)), 400],
      ['nonsense', 'nonsense\r\n\r\n', 400],
    ]
    for (const [name, text, status] of refused) {
      t.equal(statusIn(await rawExchange(hub.httpPort, text)), status, name)
    }
    t.equal(hub.counters()['http-refused'], 3)
    t.match(await hub.log.next(({ kind }) => kind === 'http-refused'), { status: 431 })
  },
)

t.test('CVE-2024-37890: 2,000 headers are refused with 431, wherever they stand', async (t) => {
  // So wide that only the number of headers can be what refuses them.
  const hub = await startedHub(t, { limits: { http: { headerBytes: 65_536, headers: 256 } } })
  const lines = Array.from({ length: 2000 }, (_, number) => `x${number}: y\r\n`).join('')
  for (const path of [talkPath, '/mqtt', '/healthz', '/nowhere']) {
    const upgrade = upgradeText(path, { 'Sec-WebSocket-Protocol': 'mqtt' })
    for (const place of ['Host: ', 'Upgrade: ', 'Sec-WebSocket-Key: ']) {
      const answer = await rawExchange(hub.httpPort, upgrade.replace(place, lines + place))
      t.equal(statusIn(answer), 431, `${path}, before ${place}`)
    }
    const last = upgrade.replace(/\r\n$/, `${lines}\r\n`)
    t.equal(statusIn(await rawExchange(hub.httpPort, last)), 431, `${path}, at the end`)
  }
  t.equal(hub.counters()['http-refused'], 16)
})

/** The least processor time of several runs: others may use the processor meanwhile. */
async function leastCpuMs(run: () => Promise<void>): Promise<number> {
  let leastMs = Number.POSITIVE_INFINITY
  for (let round = 0; round < 10; round++) {
    const before = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(before)
    leastMs = Math.min(leastMs, (user + system) / 1000)
  }
  return leastMs
}

t.test('CVE-2021-32640: 16 kB of subprotocols cost less than 5 ms', async (t) => {
  const hub = await startedHub(t)
  const Authorization = `Basic ${Buffer.from('clown:bigclown').toString('base64')}`
  const upgrade = (path: string, list: string) => {
    return upgradeText(path, { Authorization, 'Sec-WebSocket-Protocol': list })
  }
  const lists = ['a,'.repeat(8192), `mqtt${' '.repeat(16_384)}b`, `mqtt${' ,'.repeat(8192)}b`]
  for (const path of [talkPath, '/mqtt']) {
    for (const list of lists) {
      const text = upgrade(path, list)
      const ms = await leastCpuMs(async () => {
        t.equal(statusIn(await rawExchange(hub.httpPort, text)), 400)
      })
      t.ok(ms < 5, `${path}: ${ms} ms`)
    }
  }
})

t.test('F20: no path leads out of what is served, and none comes back', async (t) => {
  const { httpPort } = await startedHub(t)
  const paths = [
    '/../etc/passwd',
    '/healthz/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/%2e%2e%2fetc%2fpasswd',
    '/..%5c..%5cwindows',
    '/..\\..\\windows',
    '//etc/passwd',
    '//evil.example/healthz',
    '/healthz%00',
    '/%00',
    '/%',
    '/%ff',
    '/%c0%ae%c0%ae/',
    '/.env',
    '/.git/config',
    '/package.json',
    '/healthz/',
    '/talk/%00',
    '/talk/%ff',
    '/talk/%',
    '/talk/..%2f%2b',
    '/talk/',
    '/auth/clown-talk-server_../../etc',
    '*',
  ]
  const bodies = new Set<string>()
  for (const path of paths) {
    for (const text of [`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, upgradeText(path)]) {
      const answer = await rawExchange(httpPort, text)
      t.ok([400, 404].includes(statusIn(answer)), `${path}: ${answer.slice(0, 20)}`)
      bodies.add(answer.slice(answer.indexOf('\r\n\r\n')))
    }
  }
  t.ok(bodies.size <= 2, 'the answers do not tell one path from another')
  t.notMatch([...bodies].join(), /etc|evil|talk/)
})

t.test('the body of a request is not read', async (t) => {
  const { httpPort } = await startedHub(t)
  const heads = ['Content-Length: 1000000', 'Transfer-Encoding: chunked']
  for (const head of heads) {
    for (const expectation of ['', 'Expect: 100-continue\r\n']) {
      const text = `GET /healthz HTTP/1.1\r\nHost: localhost\r\n${head}\r\n${expectation}\r\n`
      const answer = await rawExchange(httpPort, text)
      t.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
      t.match(answer, /\r\nConnection: close\r\n/)
    }
  }
})

t.test('who is answered makes room for others, and is not asked to go', async (t) => {
  const limits = { connections: { unauthenticated: 2 } }
  const { httpPort } = await startedHub(t, { limits })
  for (let times = 0; times < 10; times++) {
    const answer = await rawExchange(httpPort, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    t.equal(statusIn(answer), 200)
  }
})

t.test('what is sent behind a request is not looked at', async (t) => {
  let looks = 0
  const get = ({ response }: Exchange) => void response.end('first\n')
  const routeOf = () => {
    looks++
    return { get }
  }
  const { port } = await startedHttpServer(t, { routeOf })
  const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const answer = await rawExchange(port, request.repeat(1000))
  t.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
  t.equal(answer.match(/HTTP\/1\.1/g)?.length, 1)
  t.equal(looks, 1)
})

t.test('a request that takes too long is answered with 408', async (t) => {
  // The time for headers cannot be longer than that for the whole request.
  const limits = { http: { headerSeconds: 60, requestSeconds: 1 } }
  const hub = await startedHub(t, { limits })
  const texts = ['', 'GET /healthz HTTP/1.1\r\nHost: localho', upgradeText(talkPath).slice(0, -2)]
  const answers = await Promise.all(texts.map((text) => rawExchange(hub.httpPort, text)))
  for (const answer of answers) t.match(answer, /^HTTP\/1\.1 408 Request Timeout\r\n/)
  t.equal(hub.counters()['http-refused'], 3)
})

t.test('who is refused is refused once, whatever it goes on to send', async (t) => {
  const hub = await startedHub(t)
  const socket = connect({ port: hub.httpPort, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  let answer = ''
  socket.setEncoding('latin1').on('data', (part) => {
    answer += part
    socket.write('more nonsense\r\n\r\n')
  })
  socket.write('nonsense\r\n\r\n')
  await once(socket, 'end')
  // Asked later, answered later: by then the hub has read the rest of the nonsense.
  t.equal((await fetch(`http://127.0.0.1:${hub.httpPort}/healthz`)).status, 200)
  t.equal(answer.match(/HTTP\/1\.1 400 /g)?.length, 1)
  t.equal(hub.counters()['http-refused'], 1)
})

t.test('a peer that resets its connection is not answered', async (t) => {
  const hub = await startedHub(t)
  const socket = connect(hub.httpPort, '127.0.0.1')
  // Once the first request is answered, the hub has half of the second one.
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\n')
  await once(socket, 'data')
  socket.resetAndDestroy()
  await once(socket, 'close')
  t.equal((await fetch(`http://127.0.0.1:${hub.httpPort}/healthz`)).status, 200)
  t.notOk(hub.counters()['http-refused'])
})

t.test('an upgrade is answered by path, host and method', async (t) => {
  const { httpPort } = await startedHub(t)
  const statusOf = async (text: string) => statusIn(await rawExchange(httpPort, text))
  t.equal(await statusOf(upgradeText('/nowhere')), 404)
  t.equal(await statusOf(upgradeText('/healthz')), 400)
  t.equal(await statusOf(upgradeText(talkPath, { Host: 'evil.example' })), 421)
  t.equal(await statusOf(upgradeText(talkPath).replace('GET', 'PUT')), 405)
  t.equal(await statusOf(upgradeText('/mqtt')), 400)
  t.equal(await statusOf(upgradeText('/mqtt', { 'Sec-WebSocket-Protocol': 'soap' })), 400)
})

t.test('an upgrade without the right user is challenged, and its socket ends', async (t) => {
  const hub = await startedHub(t)
  const basic = (text: string) => ({
    Authorization: `Basic ${Buffer.from(text).toString('base64')}`,
  })
  for (const headers of [{}, basic('clown:wrong'), basic('nobody:bigclown')]) {
    const answer = await rawExchange(hub.httpPort, upgradeText(talkPath, headers))
    t.match(answer, /^HTTP\/1\.1 401 Unauthorized\r\n/)
    t.match(answer, /\r\nWWW-Authenticate: Basic realm="hub", charset="UTF-8"\r\n/)
    t.match(answer, /\r\nConnection: close\r\n/)
  }
  t.equal(hub.counters()['sign-in-refused'], 2)
  t.match(await hub.log.next(({ kind }) => kind === 'sign-in-refused'), { user: 'clown' })
  t.notMatch(JSON.stringify(hub.log.items), 'wrong"')
})

t.test('a websocket that breaks the protocol is closed and noted', async (t) => {
  const hub = await startedHub(t)
  const url = `ws://clown:bigclown@127.0.0.1:${hub.httpPort}/talk`
  const websocket = new WebSocket(url)
  await once(websocket, 'open')
  websocket.send('["a",1]', { mask: false })
  const [code] = await once(websocket, 'close')
  t.equal(code, 1002)
  const line = await hub.log.next(({ kind }) => kind === 'websocket-ended')
  t.match(line, { reason: /MASK must be set/ })
})

t.test('health tells the version and the counters', async (t) => {
  const { httpPort } = await startedHub(t)
  const response = await fetch(`http://127.0.0.1:${httpPort}/healthz`)
  t.equal(response.headers.get('content-type'), 'application/json; charset=utf-8')
  const body = await response.json()
  t.match(body, { status: 'ok', version: /^\d+\.\d+\.\d+/, overloaded: false, counters: {} })
})

t.test('the Origin of a POST counts after path and Host, and before everything else', async (t) => {
  const { port } = await startedHttpServer(t, {
    origins: createOrigins({ listed: [], isLab: false }),
    routeOf: (path) =>
      path === '/x' ? { post: ({ response }) => void response.end() } : undefined,
  })
  const statusOf = async (path: string, host: string, headers = '') => {
    const text = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${headers}\r\n`
    return statusIn(await rawExchange(port, text))
  }
  const evil = 'Origin: http://evil.example\r\n'
  t.equal(await statusOf('/x', 'localhost'), 200)
  t.equal(await statusOf('/x', 'localhost', evil), 403)
  t.equal(await statusOf('/x', 'localhost', `${evil}Content-Length: 100000\r\n`), 403)
  t.equal(await statusOf('/x', 'evil.example', evil), 421)
  t.equal(await statusOf('/y', 'localhost', evil), 404)
})

/** What a client sends that would like HTTP/2, as curl does by --http2. */
const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'

t.test(
  'RFC 9110, 7.8: an upgrade that is not to websocket is ignored, with its body or without',
  async (t) => {
    const hub = await startedHub(t)
    const ask = (line: string, rest: string) =>
      rawExchange(hub.httpPort, `${line} HTTP/1.1\r\nHost: localhost\r\n${h2c}${rest}`)
    t.match(await ask('GET /healthz', '\r\n'), /^HTTP\/1\.1 200 OK\r\n.*"status":"ok"/s)
    t.equal(statusIn(await ask('GET /talk', '\r\n')), 426)
    const type = 'Content-Type: application/x-www-form-urlencoded\r\n'
    const body = 'user=clown&password=bigclown'
    const known = `${type}Content-Length: ${body.length}\r\n\r\n${body}`
    t.equal(statusIn(await ask('POST /login', known)), 204)
    const chunked = `${type}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
    t.equal(statusIn(await ask('POST /login', chunked)), 204)
    const many = Array.from({ length: 65 }, (_, number) => `x${number}: y\r\n`).join('')
    t.equal(statusIn(await ask('GET /healthz', `${many}\r\n`)), 431)
    const foreign = 'Origin: http://evil.example\r\n'
    t.equal(statusIn(await ask('POST /login', foreign + known)), 403)
  },
)

t.test(
  'a body behind an ignored upgrade may come in pieces, and has to come in time',
  async (t) => {
    const hub = await startedHub(t, { limits: { http: { requestSeconds: 1 } } })
    const head = `POST /login HTTP/1.1\r\nHost: localhost\r\n${h2c}Content-Length: 28\r\n`
    const type = 'Content-Type: application/x-www-form-urlencoded\r\n\r\n'
    const socket = connect(hub.httpPort, '127.0.0.1')
    socket.write(`${head}${type}user=clown`)
    await new Promise(setImmediate)
    socket.write('&password=bigclown')
    t.equal(statusIn(String((await once(socket, 'data'))[0])), 204)
    t.equal(statusIn(await rawExchange(hub.httpPort, `${head}${type}user=clown`)), 408)
  },
)

/** The status of the answer to `text`, whose connection may stay open. */
async function firstStatus(port: number, text: string): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  socket.write(text)
  const [answer] = await once(socket, 'data')
  socket.destroy()
  return Number(String(answer).slice(9, 12))
}

t.test('RFC 9112, 3.2.2: a complete URL as target is its path, and its host counts', async (t) => {
  const { httpPort } = await startedHub(t)
  const statusOf = (target: string, host = '127.0.0.1') =>
    firstStatus(httpPort, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  const own = `http://127.0.0.1:${httpPort}`
  t.equal(await statusOf(`${own}/healthz`), 200)
  t.equal(await statusOf(`${own}/healthz?a=http://b/c`, 'evil.example'), 200)
  t.equal(await statusOf('HTTPS://localhost/healthz'), 200)
  t.equal(await statusOf(`${own}`), 200)
  t.equal(await statusOf(`${own}/nowhere`), 404)
  t.equal(await statusOf('http://evil.example/healthz'), 421)
  t.equal(await statusOf('http:///healthz'), 421)
  t.equal(await statusOf('http://clown@127.0.0.1/healthz'), 421)
  t.equal(await statusOf('/api/nodes?from=http://a/b'), 401)
  const text = upgradeText(`ws://127.0.0.1:${httpPort}/talk`, basic('clown', 'bigclown'))
  t.equal(await firstStatus(httpPort, text), 101)
})
