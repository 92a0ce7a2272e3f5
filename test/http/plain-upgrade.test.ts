import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { rawExchange } from '../raw-http.ts'
import { startedHub } from '../started-hub.ts'

function statusIn(answer: string): number {
  return Number(answer.slice(9, 12))
}

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
