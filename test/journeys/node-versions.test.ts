import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { testCertificate } from '../certificates.ts'
import { requireNode } from '../npm-programs.ts'
import { requireProgram, run } from '../programs.ts'
import { testFolder } from '../test-folder.ts'
import { program, startCommand, unrecorded } from './started-lab.ts'

/** The oldest that the README promises, and the newest; .ci/nightly names more. */
const versions = (process.env['NODE_VERSIONS'] ?? '20.19.0 26.12.1').split(' ')

const dialects = ['deconz', 'jeedom', 'netzer', 'tvheadend']

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
    dialects: dialects.map((dialect) => ({ dialect, port: 0 })),
  }
  const file = `${testFolder(t)}/hub.yaml`
  await writeFile(file, JSON.stringify(config), { mode: 0o600 })
  const hub = startCommand(t, [...unrecorded, node, program, 'run', '--config', file], {})
  const line = await hub.output.next((text) => text.startsWith('Clown.Hub listens'))
  const [http, , https, , ...others] = Array.from(line.matchAll(/\b\d+/g), Number)
  const plain = [http, ...others].map((port) => `http://127.0.0.1:${port}`)
  return { hub, urls: [...plain, `https://127.0.0.1:${https}`] }
}

/** What curl is answered by `url`, which it may not trust; 000 when the connection ends. */
async function statusOf(curl: string, url: string, headers: string[]): Promise<string> {
  const head = headers.flatMap((header) => ['-H', header])
  const quiet = ['-s', '-k', '-m', '5', '--http1.1', '-o', '/dev/null', '-w', '%{http_code}']
  return (await run(curl, [...quiet, ...head, url])).output
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
    for (const url of started.urls) {
      for (const path of ['/healthz', '/talk', '/mqtt', '/nowhere']) {
        const plain = await statusOf(curl, url + path, [])
        t.equal(await statusOf(curl, url + path, odd), plain, url + path)
        const status = await statusOf(curl, url + path, [...upgrade, ...odd])
        t.match(status, /^[1-4]\d\d$/, `${url}${path}, as an upgrade`)
        const ignored = await statusOf(curl, url + path, h2c)
        t.equal(ignored, plain, `${url}${path}, as an upgrade to HTTP/2`)
      }
    }
    t.equal(await statusOf(curl, `${started.urls[0]}/healthz`, []), '200', 'it lives')
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
