import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { upgradeText } from '../../raw-http.ts'
import { startedHub } from '../../started-hub.ts'
import { startedTlsHub } from '../../started-tls-hub.ts'
import { startControl } from '../control.ts'

// Each test has a hub of its own, and waits for seconds until that has had enough.
t.jobs = 3

const patienceMs = 15_000
const slowestCutMs = 10_000

interface Cut {
  readonly afterMs: number
  readonly answer: string
}

/** Sends `head` at once and then `rest` a byte a second, until the other end has had enough. */
async function drip(t: Test, port: number, [head, rest]: [head: string, rest: string]) {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const startedAtMs = performance.now()
  let answer = ''
  let at = 0
  // Cut by a reset is cut as well: `once` of node:events would reject at the error before the close.
  socket.on('error', () => {})
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.setEncoding('latin1').on('data', (part) => {
    answer += part
  })
  socket.write(head)
  const timer = setInterval(() => socket.write(rest.charAt(at++)), 1000)
  const deadline = setTimeout(() => socket.destroy(), patienceMs)
  await closed
  clearInterval(timer)
  clearTimeout(deadline)
  return { afterMs: performance.now() - startedAtMs, answer } satisfies Cut
}

const request = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n'
const endless = 'X-Slow: '.padEnd(100, 'x')
const upgrade = upgradeText('/mqtt', { 'Sec-WebSocket-Protocol': 'mqtt' })

/** What is sent at once, what follows slowly, and how the answer begins. */
const slow: [name: string, texts: [head: string, rest: string], answer: RegExp][] = [
  ['nothing at all', ['', ''], /^HTTP\/1\.1 408 /],
  ['a request line a byte a second', ['', request], /^HTTP\/1\.1 408 /],
  ['headers a byte a second', [request, endless], /^HTTP\/1\.1 408 /],
  ['an upgrade a byte a second', [upgrade.slice(0, -2), endless], /^HTTP\/1\.1 408 /],
  [
    'a body a byte a second',
    [`${request}Content-Length: 100\r\n\r\n`, endless],
    /^HTTP\/1\.1 200 .*\r\nConnection: close\r\n/s,
  ],
  ['a second request that never comes', [`${request}\r\n`, ''], /^HTTP\/1\.1 200 /],
  ['a websocket that says nothing', [upgrade, ''], /^HTTP\/1\.1 101 /],
]

t.test('F21: who takes too long is cut within 10 seconds, and nobody else notices', async (t) => {
  const hub = await startedHub(t)
  const control = await startControl(t, hub)
  await Promise.all(
    slow.map(async ([name, texts, expected]) => {
      const { afterMs, answer } = await drip(t, hub.httpPort, texts)
      t.match(answer, expected, name)
      t.ok(afterMs < slowestCutMs, `${name}: cut after ${Math.round(afterMs)} ms`)
    }),
  )
  t.equal(hub.counters()['http-refused'], 4)
  await control.stop()
})

/** A record that says it holds a ClientHello (RFC 8446, 5.1), and the beginning of that. */
const hello = String.fromCharCode(22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3)

t.test('F21: a TLS hello that stalls is cut within 10 seconds', async (t) => {
  const hub = await startedTlsHub(t)
  const control = await startControl(t, hub)
  const stalls: [head: string, rest: string][] = [
    ['', ''],
    ['', hello],
    [hello, ''],
  ]
  const stall = async (port: number, texts: [head: string, rest: string]) => {
    const { afterMs, answer } = await drip(t, port, texts)
    t.equal(answer, '')
    t.ok(afterMs < slowestCutMs, `cut after ${Math.round(afterMs)} ms`)
  }
  const { httpsPort, mqttsPort } = hub
  await Promise.all(stalls.flatMap((texts) => [stall(httpsPort, texts), stall(mqttsPort, texts)]))
  t.equal(hub.counters()['tls-refused'], 6)
  await control.stop()
})

t.test('F21: 150 slow requests at once do not keep others out', async (t) => {
  const hub = await startedHub(t)
  const control = await startControl(t, hub)
  const slow = Array.from({ length: 150 }, () => drip(t, hub.httpPort, [request, endless]))
  const response = await fetch(`http://127.0.0.1:${hub.httpPort}/healthz`)
  t.equal(response.status, 200)
  const cuts = await Promise.all(slow)
  t.ok(cuts.every(({ afterMs }) => afterMs < slowestCutMs))
  t.ok(cuts.every(({ answer }) => answer.startsWith('HTTP/1.1 408 ')))
  const { worstLatencyMs } = await control.stop()
  t.comment(`${Math.round(worstLatencyMs)} ms at most for a control message`)
})
