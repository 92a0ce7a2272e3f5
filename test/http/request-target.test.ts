import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { upgradeText } from '../raw-http.ts'
import { startedHub } from '../started-hub.ts'
import { basic } from '../started-sign-in.ts'

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
