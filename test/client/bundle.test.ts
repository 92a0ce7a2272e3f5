import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { startedHub } from '../started-hub.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

t.test('the library is one module of at most 6 kB on the wire, and imports nothing', async (t) => {
  const bundle = read('dist/client/client.js')
  const bytes = gzipSync(bundle, { level: 9 }).length
  t.ok(bytes <= 6000, `${bytes} bytes`)
  t.notMatch(bundle, /\bimport\b[^.]|\brequire\(/)
  t.match(bundle, /export\{/)
})

t.test('the package has it as clown-hub/client', async (t) => {
  // In a process of its own, which is not counted: what is built is counted by its source.
  const script = `import { connect, OfflineError } from 'clown-hub/client'
    console.log(typeof connect, new OfflineError().code)`
  const node = ['-u', 'NODE_OPTIONS', process.execPath, '--input-type=module', '--eval', script]
  const said = execFileSync('env', node, { cwd: root, encoding: 'utf8' })
  t.equal(said, 'function offline\n')
  const { types } = JSON.parse(read('package.json')).exports['./client']
  t.match(read(types), './hub-client.ts')
})

t.test('pages of all origins may load it from the hub, which sends it once', async (t) => {
  const { httpPort } = await startedHub(t, {}, { isLab: true })
  const get = (headers: Record<string, string>) =>
    fetch(`http://127.0.0.1:${httpPort}/client.js`, { headers })
  const first = await get({ Origin: 'https://elsewhere.example' })
  t.equal(first.status, 200)
  t.equal(await first.text(), read('dist/client/client.js'))
  for (const [name, value] of [
    ['content-type', 'text/javascript; charset=utf-8'],
    ['access-control-allow-origin', '*'],
    ['cross-origin-resource-policy', 'cross-origin'],
    ['x-content-type-options', 'nosniff'],
    ['cache-control', 'no-cache'],
  ] as const) {
    t.equal(first.headers.get(name), value, name)
  }
  const again = await get({ 'If-None-Match': String(first.headers.get('etag')) })
  t.equal(again.status, 304)
  t.equal((await get({ 'If-None-Match': '"other"' })).status, 200)
})

t.test('a listed origin is told so here as everywhere', async (t) => {
  const origin = 'https://listed.example'
  const { httpPort } = await startedHub(t, { http: { port: 0, origins: [origin] } })
  const { headers } = await fetch(`http://127.0.0.1:${httpPort}/client.js`, {
    headers: { Origin: origin },
  })
  t.equal(headers.get('access-control-allow-origin'), origin)
})
