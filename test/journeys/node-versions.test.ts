import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { testCertificate } from '../certificates.ts'
import { atLength } from '../full-length.ts'
import { requireNode } from '../npm-programs.ts'
import { requireProgram, run } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { program, startCommand, unrecorded } from './started-lab.ts'

/** The oldest that the README promises, and the newest; .ci/nightly names more. */
const versions = (process.env['NODE_VERSIONS'] ?? '20.19.0 26.12.1').split(' ')

const guestKey = 'everybody knows this key'

/** Each lets in who gives no credentials. */
const dialects = [
  { dialect: 'deconz' },
  { dialect: 'jeedom', jeedom: { guestKey } },
  { dialect: 'netzer' },
  { dialect: 'tvheadend' },
].map((entry) => ({ ...entry, port: 0, guest: { user: 'clown' } }))

/** A hub on Node.js `version`, with every kind of HTTP port, and its URLs. */
async function startedHub(t: Test, version: string) {
  const node = await requireNode(t, version)
  if (node === undefined) return undefined
  const { certFile, keyFile } = await testCertificate(t)
  const config = {
    http: { port: 0 },
    mqtt: { port: 0 },
    tls: { certFile, keyFile, httpPort: 0, mqttPort: 0 },
    users: { clown: { password: 'bigclown', role: 'admin' } },
    data: { folder: 'data' },
    dialects,
  }
  const file = `${testFolder(t)}/hub.yaml`
  await writeFile(file, JSON.stringify(config), { mode: 0o600 })
  const hub = startCommand(t, [...unrecorded, node, program, 'run', '--config', file], {})
  const line = await hub.output.next((text) => text.startsWith('Clown.Hub listens'))
  const ports = Array.from(line.matchAll(/\b\d+/g), Number)
  const [http, , https, , ...others] = ports
  const plain = [http, ...others].map((port) => `http://127.0.0.1:${port}`)
  return { hub, ports, urls: [...plain, `https://127.0.0.1:${https}`] }
}

/** What curl is answered by each of `urls`, all asked at once, which it may not trust; 000 when the connection ends. */
async function statusesOf(
  curl: string,
  urls: readonly string[],
  headers: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const head = headers.flatMap((header) => ['-H', header])
  const quiet = ['-s', '-k', '-m', '5', '--http1.1', '-w', '%{url} %{http_code}\\n']
  const atOnce = ['--parallel', '--parallel-immediate', '--parallel-max', `${urls.length}`]
  const each = urls.flatMap((url) => ['-o', '/dev/null', url])
  const { output } = await run(curl, [...quiet, ...atOnce, ...head, ...each])
  // It shows its progress as well.
  const answers = output.matchAll(/^(http\S+) (\d{3})$/gm)
  return new Map(Array.from(answers, ([, url = '', status = '']) => [url, status]))
}

/** Names that objects inherit: Node.js makes objects of headers, in several ways. */
const odd = ['__proto__: x', 'constructor: x', 'hasOwnProperty: x', 'toString: x']

const upgrade = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

/** RFC 7540, 3.2: curl --http2 sends it by itself, but reads the answer in its own way. */
const h2c = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk']

for (const version of versions) {
  t.test(`CVE-2026-21710: no header ends a hub on Node.js ${version}`, async (t) => {
    const curl = requireProgram(t, 'curl')
    const started = curl && (await startedHub(t, version))
    if (!started) return
    const paths = ['/healthz', '/talk', '/mqtt', '/nowhere']
    const urls = started.urls.flatMap((url) => paths.map((path) => url + path))
    const plain = await statusesOf(curl, urls, [])
    const oddly = await statusesOf(curl, urls, odd)
    const upgraded = await statusesOf(curl, urls, [...upgrade, ...odd])
    const ignored = await statusesOf(curl, urls, h2c)
    for (const url of urls) {
      t.match(plain.get(url), /^[1-4]\d\d$/, url)
      t.equal(oddly.get(url), plain.get(url), url)
      t.match(upgraded.get(url), /^[1-4]\d\d$/, `${url}, as an upgrade`)
      t.equal(ignored.get(url), plain.get(url), `${url}, as an upgrade to HTTP/2`)
    }
    const healthz = `${started.urls[0]}/healthz`
    t.equal((await statusesOf(curl, [healthz], [])).get(healthz), '200', 'it lives')
    t.equal(await started.hub.end('SIGTERM'), 0)
  })
}

/** Numbers below 2^32, the same at each run. */
function numbersFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state
  }
}

/** What begins well, and goes on in any way. */
const starts = [
  'GET / HTTP/1.1\r\nHost: localhost\r\n',
  'POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n',
  'POST /api/command HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n',
  `GET /talk?sign-in=message HTTP/1.1\r\nHost: localhost\r\n${upgrade.join('\r\n')}\r\n\r\n`,
  `GET /mqtt HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Protocol: mqtt\r\n${upgrade.join('\r\n')}\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: localhost\r\n${h2c.join('\r\n')}\r\n\r\n`,
  'OPTIONS * HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n',
  'CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET http://[/%ff HTTP/1.1\r\nHost: a:b:c\r\nAuthorization: Digest a=\r\n',
  'GET / HTTP/1.0\r\nAuthorization: Basic Og==\r\nCookie: ;=;\r\n\r\n',
  '\x10\x10\0\x04MQTT\x05\x02\0\x3c\0\0\0\0',
  '\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0',
  '\x16\x03\x01\x02\0\x01',
  '',
]

/** A start, some of its bytes changed, and more behind it. */
function fuzzed(next: () => number): Buffer {
  const start = Buffer.from(starts[next() % starts.length] ?? '', 'latin1')
  const tail = Buffer.from(Array.from({ length: next() % 200 }, () => next() >>> 24))
  const all = Buffer.concat([start, next() % 2 === 0 ? tail : Buffer.from('\r\n\r\n')])
  for (let change = next() % 4; change > 0 && all.length > 0; change--) {
    all.writeUInt8(next() >>> 24, next() % all.length)
  }
  return all
}

/** Sends `bytes` in two pieces, and goes away. */
async function throwAt(port: number, bytes: Buffer): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {}).resume()
  socket.write(bytes.subarray(0, bytes.length / 2))
  setTimeout(() => socket.write(bytes.subarray(bytes.length / 2)), 5)
  setTimeout(() => socket.destroy(), 50)
  await new Promise((resolve) => socket.once('close', resolve))
}

const throws = atLength(2000, 150)

for (const version of versions) {
  t.test(`F60: no bytes end a hub on Node.js ${version}, at any of its ports`, async (t) => {
    const curl = requireProgram(t, 'curl')
    const started = curl && (await startedHub(t, version))
    if (!started) return
    const next = numbersFrom(60)
    for (const port of started.ports) {
      for (let count = 0; count < throws; count += 25) {
        await Promise.all(Array.from({ length: 25 }, () => throwAt(port, fuzzed(next))))
      }
    }
    const health = (await run(curl, ['-s', '-m', '5', `${started.urls[0]}/healthz`])).output
    t.match(health, /"status":"ok"/)
    t.notMatch(health, /"(defects|http-failed)"/, 'nor is one of them more than it can deal with')
    t.equal(await started.hub.end('SIGTERM'), 0)
  })
}

interface Websocket {
  readonly path: string
  readonly subprotocols?: string[]
  readonly origin?: string
  /** Sent as it is, before all that is changed. */
  readonly first?: string
  /** What its clients say. */
  readonly frames: readonly string[]
}

const talk: Websocket = {
  path: '/auth/clown-talk-server_nodes_bridge_0',
  frames: [
    '["relay/a/state",true]\n',
    '["relay/a/set",{"state":true},{"id":"1","qos":1}]\n["$hub/nodes/get",{}]\n',
    '["$hub/history/get",{"topics":["#"],"from":"1h","every":"1m"}]',
    '["$hub/subscribe",["a/#","+/b"]]',
  ],
}

/** In the order of `dialects`. */
const ofDialects: readonly Websocket[] = [
  { path: '/', frames: ['{"t":"event","r":"lights","id":"1","state":{"on":true}}', '|'] },
  {
    path: '/',
    origin: 'http://127.0.0.1',
    first: JSON.stringify({ apiKey: guestKey }),
    frames: ['{"apiKey":"x"}', '{"jsonrpc":"2.0","method":"event::changes","params":{}}'],
  },
  { path: '/ws', frames: ['uv0=1', 'uv0', 'tuv0=3', 'tuv2', 'y\r\n'] },
  {
    path: '/comet/ws',
    subprotocols: ['tvheadend-comet'],
    frames: ['{"boxid":"x"}', '{"notificationClass":"logmessage"}'],
  },
]

/** Text that is none, that says what nothing expects, or that is the piece of another one. */
const oddPieces = [
  '',
  '[',
  '{"__proto__":',
  '\\ud800',
  '-1e999',
  '\0',
  '"',
  '\u{1f921}',
  'null',
  '=',
  '\n',
  '#',
]

/** A frame, something put into it or cut out of it, and whether it goes as text. */
function changed(
  frames: readonly string[],
  next: () => number,
): [bytes: Buffer, isBinary: boolean] {
  const frame = frames[next() % frames.length] ?? ''
  const at = next() % (frame.length + 1)
  const piece = oddPieces[next() % oddPieces.length] ?? ''
  const text = frame.slice(0, at) + piece.repeat(1 + (next() % 40)) + frame.slice(at + (next() % 4))
  return [Buffer.from(text), next() % 8 === 0]
}

/** Says much of what makes little sense, and goes away in one of several ways. */
async function babbleAt(
  url: string,
  { subprotocols, origin, first, frames }: Websocket,
  next: () => number,
) {
  const websocket = new WebSocket(url, subprotocols ?? [], origin ? { origin } : {})
  const closed = new Promise((resolve) => websocket.once('close', resolve))
  websocket.on('error', () => {})
  let isOpen = false
  websocket.once('open', () => {
    isOpen = true
    if (first !== undefined) websocket.send(first)
    for (let count = 0; count < 20; count++) {
      const [bytes, binary] = changed(frames, next)
      websocket.send(bytes, { binary })
    }
    if (next() % 2 === 0) websocket.close(1000)
    else websocket.ping('', undefined, () => websocket.terminate())
  })
  await closed
  return isOpen
}

const babblers = atLength(400, 20)

for (const version of versions) {
  t.test(`F60: nor does what websockets say, in any language, on Node.js ${version}`, async (t) => {
    const curl = requireProgram(t, 'curl')
    const started = curl && (await startedHub(t, version))
    if (!started) return
    const next = numbersFrom(61)
    const [main, , , , ...others] = started.ports
    const places = [
      { url: `ws://clown:bigclown@127.0.0.1:${main}${talk.path}`, websocket: talk },
      ...ofDialects.map((websocket, at) => ({
        url: `ws://127.0.0.1:${others[at]}${websocket.path}`,
        websocket,
      })),
    ]
    for (const { url, websocket } of places) {
      for (let count = 0; count < babblers; count += 10) {
        const all = Array.from({ length: 10 }, () => babbleAt(url, websocket, next))
        t.notOk((await Promise.all(all)).includes(false), `${url} lets them in`)
      }
    }
    const health = (await run(curl, ['-s', '-m', '5', `${started.urls[0]}/healthz`])).output
    t.match(health, /"status":"ok"/)
    t.notMatch(health, /"(defects|http-failed)"/, 'nor is one of them more than it can deal with')
    t.equal(await started.hub.end('SIGTERM'), 0)
  })
}

t.test('an older Node.js is told in one sentence that it is one', async (t) => {
  const { engines } = JSON.parse(await readFile(join(program, '../../../package.json'), 'utf8'))
  t.equal(engines.node, '>=20.19')
  for (const version of ['12', '18', '20.10']) {
    const node = await requireNode(t, version)
    if (node === undefined) return
    for (const args of [['lab'], ['--version'], []]) {
      const { code, output } = await run('env', ['-u', 'NODE_OPTIONS', node, program, ...args])
      t.equal(code, 1)
      t.match(
        output,
        RegExp(`^clown-hub: expected Node\\.js 20\\.19 or newer, got ${version}\\..*\n$`),
      )
    }
  }
})

t.test('so is one that says it is old', async (t) => {
  const disguise = `Object.defineProperty(process, 'versions', { value: { node: '20.18.3' } })`
  const args = [`--import=data:text/javascript,${disguise}`, program, 'lab']
  const { code, output } = await run(process.execPath, args)
  t.equal(code, 1)
  t.match(output, /^clown-hub: expected Node\.js 20\.19 or newer, got 20\.18\.3: see https.*\n$/)
})
