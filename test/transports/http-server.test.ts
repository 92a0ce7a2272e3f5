import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { rawExchange, upgradeText } from '../raw-http.ts'
import { startedHub } from '../started-hub.ts'

const talkPath = '/auth/clown-talk-server_nodes_bridge_0'

t.test('a plain request is answered by path, host and method', async (t) => {
  const { httpPort } = await startedHub(t, { http: { port: 0, hosts: ['hub.local'] } })
  const statusOf = async (requestLine: string, host = '127.0.0.1') => {
    const text = `${requestLine} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    return (await rawExchange(httpPort, text)).split('\r\n', 1)[0]
  }
  t.equal(await statusOf('GET /healthz'), 'HTTP/1.1 200 OK')
  t.equal(await statusOf('GET /healthz?from=docker', 'hub.local:8080'), 'HTTP/1.1 200 OK')
  t.equal(await statusOf('HEAD /healthz', 'localhost'), 'HTTP/1.1 200 OK')
  t.equal(await statusOf('GET /healthz', 'evil.example'), 'HTTP/1.1 421 Misdirected Request')
  t.equal(await statusOf('POST /healthz'), 'HTTP/1.1 405 Method Not Allowed')
  t.equal(await statusOf('GET /'), 'HTTP/1.1 404 Not Found')
  t.equal(await statusOf('GET /talk/a//b'), 'HTTP/1.1 404 Not Found')
  t.equal(await statusOf('GET /talk'), 'HTTP/1.1 426 Upgrade Required')
  t.equal(await statusOf(`POST ${talkPath}`), 'HTTP/1.1 405 Method Not Allowed')
})

t.test('a refused request says in one sentence what was expected', async (t) => {
  const { httpPort } = await startedHub(t)
  const response = await fetch(`http://127.0.0.1:${httpPort}/nowhere`)
  t.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8')
  t.equal(await response.text(), 'nothing is served on "/nowhere"\n')
  const other = await rawExchange(httpPort, 'GET /healthz HTTP/1.0\r\n\r\n')
  t.match(other, /421 .*\n.*expected a host name from http\.hosts in the config, got none\n$/s)
})

t.test('headers past 8 KiB are refused with 431, and no request at all with 400', async (t) => {
  const { httpPort } = await startedHub(t)
  const big = upgradeText(talkPath, { 'X-Big': 'x'.repeat(9000) })
  t.match(await rawExchange(httpPort, big), /^HTTP\/1\.1 431 /)
  t.match(await rawExchange(httpPort, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /)
})

t.test('an upgrade is answered by path, host and method', async (t) => {
  const { httpPort } = await startedHub(t)
  const statusOf = async (text: string) => Number((await rawExchange(httpPort, text)).slice(9, 12))
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
  websocket.send('x'.repeat(64 * 1024 + 1))
  const [code] = await once(websocket, 'close')
  t.equal(code, 1009)
  t.match(await hub.log.next(({ kind }) => kind === 'websocket-ended'), { reason: /Max payload/ })
})

t.test('health tells the version and the counters', async (t) => {
  const { httpPort } = await startedHub(t)
  const response = await fetch(`http://127.0.0.1:${httpPort}/healthz`)
  t.equal(response.headers.get('content-type'), 'application/json; charset=utf-8')
  t.match(await response.json(), { status: 'ok', version: /^\d+\.\d+\.\d+/, counters: {} })
})
