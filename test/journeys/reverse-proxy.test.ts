import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { type ClientOptions, WebSocket } from 'ws'
import { parse } from 'yaml'
import type { ConfigInput } from '../../src/config.ts'
import { type TestCertificate, testCertificate } from '../certificates.ts'
import { freePort, requireProgram, startApache, startCaddy, startNginx } from '../programs.ts'
import { type StartedHub, startedHub } from '../started-hub.ts'
import { startBrowser } from './chromium.ts'

const examples = {
  nginx: { file: 'nginx.conf.example', program: 'nginx' },
  apache: { file: 'apache.conf.example', program: 'apache2' },
  caddy: { file: 'Caddyfile.example', program: 'caddy' },
} as const
const exampleOf = (file: string) =>
  readFileSync(new URL(`../../docs/${file}`, import.meta.url), 'utf8')
const seedPath = '/hub/auth/clown-talk-server_nodes_bridge_0'

interface ProxiedHub {
  readonly hub: StartedHub
  /** Where the proxy listens. */
  readonly port: number
  readonly certificate: TestCertificate
}

interface ProxiedOptions {
  readonly limits?: ConfigInput['limits']
  /** Whether the proxy takes the prefix off. */
  readonly isStripped?: boolean
  readonly program?: keyof typeof examples
}

/** What of an example is of another place than this test. */
function placesOf(
  program: keyof typeof examples,
  port: number,
  { certFile, keyFile }: TestCertificate,
): Record<string, string> {
  // Any host, for what the hub makes of it.
  const site = `:${port} {\n\tbind 127.0.0.1\n\ttls ${certFile} ${keyFile}`
  if (program === 'caddy') return { 'hub.example.org {': site }
  return {
    [program === 'apache' ? '*:443' : '443']: `127.0.0.1:${port}`,
    '/etc/ssl/hub.example.org.crt': certFile,
    '/etc/ssl/private/hub.example.org.key': keyFile,
  }
}

/** How each takes the prefix off. */
function stripped(program: keyof typeof examples, config: string): string {
  if (program === 'nginx') return config.replace(/(proxy_pass .*);/, '$1/;')
  return config.replace(
    /^\treverse_proxy \/hub\/\* (.*)$/m,
    'handle_path /hub/* {\nreverse_proxy $1\n}',
  )
}

/** A hub behind nginx as the example of the documents has it, but for its ports and files. */
async function startProxied(
  t: Test,
  { limits = {}, isStripped = false, program = 'nginx' }: ProxiedOptions = {},
): Promise<ProxiedHub | undefined> {
  if (requireProgram(t, examples[program].program) === undefined) return undefined
  const http = {
    port: 0,
    pathPrefix: '/hub',
    trustProxy: ['127.0.0.1'],
    hosts: ['hub.example.org'],
  }
  const hub = await startedHub(t, { http, limits })
  const certificate = await testCertificate(t, ['hub.example.org'])
  const port = await freePort()
  const places = {
    ...placesOf(program, port, certificate),
    '127.0.0.1:8080': `127.0.0.1:${hub.httpPort}`,
  }
  const filledIn = Object.entries(places).reduce((text, [from, to]) => {
    t.ok(text.includes(from), `the example says ${from}`)
    return text.replace(from, to)
  }, exampleOf(examples[program].file))
  const config = isStripped ? stripped(program, filledIn) : filledIn
  if (program === 'apache') await startApache(t, port, config)
  else if (program === 'caddy') await startCaddy(t, config)
  else await startNginx(t, config)
  return { hub, port, certificate }
}

function talk(t: Test, proxied: ProxiedHub, options: ClientOptions = {}): WebSocket {
  const url = `wss://clown:bigclown@localhost:${proxied.port}${seedPath}`
  const websocket = new WebSocket(url, { ca: proxied.certificate.ca, ...options })
  t.teardown(() => websocket.terminate())
  // One that was refused fails once more when it is ended.
  websocket.on('error', () => {})
  return websocket
}

/** How the proxy answers to a websocket: 101 when it opens. */
function statusOf(websocket: WebSocket): Promise<number> {
  return new Promise((resolve) => {
    websocket.once('open', () => resolve(101))
    websocket.once('unexpected-response', (_request, response) => {
      response.resume()
      resolve(Number(response.statusCode))
    })
  })
}

async function healthBy(proxied: ProxiedHub, host: string): Promise<IncomingMessage> {
  const { port, certificate } = proxied
  const asked = request({ port, host: '127.0.0.1', path: '/hub/healthz', ca: certificate.ca })
  asked.setHeader('Host', host)
  asked.end()
  const [response] = await once(asked, 'response')
  return response.resume()
}

t.test('websockets and MQTT over websocket come through, by TLS, below a path', async (t) => {
  const ways = [
    ...[{}, { isStripped: true }, { program: 'apache' }],
    ...[{ program: 'caddy' }, { program: 'caddy', isStripped: true }],
  ] as const
  for (const way of ways) {
    const proxied = await startProxied(t, way)
    if (proxied === undefined) return
    const page = talk(t, proxied)
    await once(page, 'open')
    const url = `wss://localhost:${proxied.port}/hub/mqtt`
    const user = { username: 'clown', password: 'bigclown', ca: proxied.certificate.ca }
    const node = await connectAsync(url, { ...user, reconnectPeriod: 0 })
    t.teardown(() => node.endAsync(true))
    const topic = 'nodes/bridge/0/relay/i2c0-3b'
    const heard = once(page, 'message')
    await node.publishAsync(topic, '{"state":true}', { qos: 1 })
    t.equal(String((await heard)[0]), '["relay/i2c0-3b",{"state":true}]\n')
  }
})

for (const program of ['nginx', 'apache', 'caddy'] as const)
  t.test(
    `behind ${program}, the hub still knows its own pages, and that they came by TLS`,
    async (t) => {
      const proxied = await startProxied(t, { program })
      if (proxied === undefined) return
      const { port } = proxied
      const statusFor = (origin: string) => statusOf(talk(t, proxied, { origin }))
      t.equal(await statusFor(`https://localhost:${port}`), 101)
      // Debian's websocket-client for Python writes http for wss as well.
      t.equal(await statusFor(`http://localhost:${port}`), 101)
      t.equal(await statusFor('https://localhost'), 403)
      t.equal(await statusFor('https://evil.example'), 403)
      const { statusCode, headers } = await healthBy(proxied, 'hub.example.org')
      t.equal(statusCode, 200)
      t.match(headers['strict-transport-security'], /^max-age=/)
      t.equal((await healthBy(proxied, 'evil.example')).statusCode, 421)
    },
  )

t.test('limits see the address of the client, not that of nginx, nor a made-up one', async (t) => {
  const connections = { exemptLoopback: false, perAddress: 2 }
  const proxied = await startProxied(t, { limits: { connections } })
  if (proxied === undefined) return
  const statusFrom = (localAddress: string, headers: Record<string, string> = {}) =>
    statusOf(talk(t, proxied, { localAddress, headers }))
  t.equal(await statusFrom('127.0.0.2'), 101)
  t.equal(await statusFrom('127.0.0.2'), 101)
  t.equal(await statusFrom('127.0.0.2'), 503)
  t.equal(await statusFrom('127.0.0.2', { 'X-Forwarded-For': '192.0.2.1' }), 503)
  t.equal(await statusFrom('127.0.0.3'), 101)
  t.equal(await statusFrom('127.0.0.3', { 'X-Forwarded-For': '127.0.0.2' }), 101)
  t.match(await proxied.hub.log.next(({ kind }) => kind === 'connections-refused'), {
    limit: 'perAddress',
    address: '127.0.0.2',
  })
})

t.test('a page of the hub gets in through nginx in Chromium', async (t) => {
  const executablePath = requireProgram(t, 'chromium')
  const proxied = await startProxied(t)
  if (executablePath === undefined || proxied === undefined) return
  const browser = await startBrowser(t, executablePath, { ignoreHTTPSErrors: true })
  const page = await browser.newPage()
  await page.goto(`https://localhost:${proxied.port}/hub/healthz`)
  const answer = await page.evaluate(`new Promise((resolve) => {
    const url = 'wss://clown:bigclown@' + location.host + ${JSON.stringify(seedPath)}
    const websocket = new WebSocket(url)
    websocket.onopen = () => websocket.send('["clown.talk/-/config/set", {}]')
    websocket.onmessage = ({ data }) => resolve(data)
    websocket.onclose = () => resolve('closed')
  })`)
  t.match(answer, /^\["clown\.talk\/-\/config\/ok"/)
})

t.test(
  'the example for Traefik is whole: its router has a service, and that the hub',
  async (t) => {
    const { http, ...others } = parse(exampleOf('traefik.yaml.example'))
    t.same(others, {})
    const [router]: { service: string; rule: string; entryPoints: string[]; tls: object }[] =
      Object.values(http.routers)
    t.match(router, {
      rule: 'Host(`hub.example.org`) && PathPrefix(`/hub/`)',
      entryPoints: ['websecure'],
      tls: { certResolver: 'letsencrypt' },
    })
    const { loadBalancer } = http.services[router?.service ?? '']
    t.same(loadBalancer, { servers: [{ url: 'http://127.0.0.1:8080' }] })
  },
)
