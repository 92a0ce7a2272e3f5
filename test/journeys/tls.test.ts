import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { publish, requireProgram, subscribe } from '../programs.ts'
import { startedTlsHub } from '../started-tls-hub.ts'
import { startBrowser } from './chromium.ts'

const clown = { user: 'clown', password: 'bigclown' }
const relay = 'nodes/bridge/0/relay/i2c0-3b'

/** The URL of the founding documents, with a port. */
function seedUrl(port: number): string {
  return `wss://clown:bigclown@localhost:${port}/auth/clown-talk-server_nodes_bridge_0`
}

t.test('mosquitto_pub and mosquitto_sub talk to each other by TLS', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const { mqttsPort: port, certificate } = await startedTlsHub(t)
  const extra = ['--cafile', certificate.certFile]
  const watcher = await subscribe(t, { ...clown, port, extra, filter: `${relay}/#` })
  const message = { ...clown, port, topic: `${relay}/set`, payload: '{"state":true}' }
  t.same(await publish({ ...message, extra }), { code: 0, output: '' })
  t.equal(await watcher.next(), `${relay}/set {"state":true}`)
  t.not((await publish({ ...message, extra: ['--cafile', '/etc/ssl/certs/none'] })).code, 0)
  t.not((await publish(message)).code, 0, 'without TLS nothing is understood')
})

t.test('the URL of the founding documents works where the certificate is trusted', async (t) => {
  const hub = await startedTlsHub(t)
  const url = seedUrl(hub.httpsPort)
  const page = new WebSocket(url, { ca: hub.certificate.ca })
  t.teardown(() => page.terminate())
  await once(page, 'open')
  page.send('["clown.talk/-/config/set", {}]\n')
  t.match(String((await once(page, 'message'))[0]), /^\["clown\.talk\/-\/config\/ok"/)
  const [error] = await once(new WebSocket(url), 'error')
  t.match(error.code, /CERT/, 'and nowhere else')
})

t.test('the same URL works from a page of the hub in Chromium', async (t) => {
  const executablePath = requireProgram(t, 'chromium')
  if (executablePath === undefined) return
  const hub = await startedTlsHub(t)
  const browser = await startBrowser(t, executablePath, { ignoreHTTPSErrors: true })
  const page = await browser.newPage()
  await page.goto(`https://localhost:${hub.httpsPort}/healthz`)
  const answer = await page.evaluate(`new Promise((resolve) => {
    const websocket = new WebSocket(${JSON.stringify(seedUrl(hub.httpsPort))})
    websocket.onopen = () => websocket.send('["clown.talk/-/config/set", {}]')
    websocket.onmessage = ({ data }) => resolve(data)
    websocket.onclose = () => resolve('closed')
  })`)
  t.match(answer, /^\["clown\.talk\/-\/config\/ok"/)
  t.notOk(hub.counters()['origin-refused'])
})
