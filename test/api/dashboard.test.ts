import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { dashboardRoutes } from '../../src/api/dashboard.ts'
import { startedHttpServer } from '../started-http-server.ts'
import { startedHub } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const script = 'export const page = 1\n'.repeat(100)

/** A page that was built, served without a hub. */
async function startedPage(t: Parameters<typeof testFolder>[0]) {
  const folder = testFolder(t)
  mkdirSync(join(folder, 'assets'))
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>A page</title>')
  writeFileSync(join(folder, 'assets/page-1.js'), script)
  writeFileSync(join(folder, 'icon.png'), 'an icon')
  writeFileSync(join(folder, '.built'), 'not for anybody')
  const routes = dashboardRoutes(folder)
  const { port } = await startedHttpServer(t, { routeOf: (path) => routes.get(path) })
  return (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(`http://127.0.0.1:${port}${path}`, { method, headers })
}

t.test('the page is asked for anew each time, and its files never again', async (t) => {
  const read = await startedPage(t)
  const page = await read('/')
  t.match(await page.text(), 'A page')
  t.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
  t.equal(page.headers.get('cache-control'), 'no-cache')
  const file = await read('/assets/page-1.js')
  t.equal(file.headers.get('content-type'), 'text/javascript; charset=utf-8')
  t.equal(file.headers.get('cache-control'), 'public, max-age=31536000, immutable')
  for (const [path, { headers }] of [['/', page] as const, ['/assets/page-1.js', file] as const]) {
    const tag = headers.get('etag') ?? ''
    const again = await read(path, { 'If-None-Match': tag })
    t.equal(again.status, 304)
    t.equal(await again.text(), '')
    t.equal((await read(path, { 'If-None-Match': '"other"' })).status, 200)
  }
})

t.test('what is packed is sent so to whoever takes it', async (t) => {
  const read = await startedPage(t)
  for (const [accepted, encoding] of [
    ['gzip, deflate, br', 'gzip'],
    ['br;q=1.0, gzip;q=0.8', 'gzip'],
    ['gzip;q=0', null],
    ['identity', null],
  ] as const) {
    const file = await read('/assets/page-1.js', { 'Accept-Encoding': accepted })
    t.equal(file.headers.get('content-encoding'), encoding, accepted)
    t.equal(await file.text(), script)
  }
  const icon = await read('/icon.png', { 'Accept-Encoding': 'gzip' })
  t.equal(icon.headers.get('content-encoding'), null)
  const head = await read('/assets/page-1.js', { 'Accept-Encoding': 'identity' }, 'HEAD')
  t.equal(head.headers.get('content-length'), `${script.length}`)
})

t.test('nothing is served but the files that the page is made of', async (t) => {
  const read = await startedPage(t)
  const others = ['/.built', '/assets/', '/assets/../.built', '/index.htm']
  for (const path of others) t.equal((await read(path)).status, 404, path)
})

t.test('where it was not built, the hub says how to', async (t) => {
  const routes = dashboardRoutes(testFolder(t))
  const { port } = await startedHttpServer(t, { routeOf: (path) => routes.get(path) })
  const answer = await fetch(`http://127.0.0.1:${port}/`)
  t.equal(answer.status, 503)
  t.match(await answer.text(), 'npm run build')
})

t.test('the policy of the page lets it load and connect to nothing but the hub', async (t) => {
  const { httpPort } = await startedHub(t)
  const { headers } = await fetch(`http://127.0.0.1:${httpPort}/`)
  const policy = headers.get('content-security-policy') ?? ''
  t.match(policy, /^default-src 'none';/)
  t.match(policy, "connect-src 'self'")
  t.match(policy, "frame-ancestors 'none'")
  t.notMatch(policy, /unsafe|\*|data:/)
})

t.test('the form without scripts loads nothing but its own style and icon', async (t) => {
  const { httpPort } = await startedHub(t)
  const page = await fetch(`http://127.0.0.1:${httpPort}/login`)
  t.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
  t.equal(page.headers.get('referrer-policy'), 'same-origin')
  t.match(page.headers.get('content-security-policy'), /^default-src 'self'/)
  t.notMatch(await page.text(), /<script|style=|(href|src|action)="(\/|[a-z]+:)/)
  for (const [path, type] of [
    ['hub.css', 'text/css'],
    ['hub.svg', 'image/svg+xml'],
  ]) {
    const file = await fetch(`http://127.0.0.1:${httpPort}/${path}`)
    t.equal(file.headers.get('content-type'), `${type}; charset=utf-8`)
  }
})
