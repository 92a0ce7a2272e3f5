import fc from 'fast-check'
import t from 'tap'
import { createOrigins, isKnownHost } from '../../src/access/origin.ts'

interface Hub {
  readonly listed?: string[]
}

/** Whether a page of `origin` may talk to the hub that it calls `host`. */
function check(origin: string | undefined, host: string, { listed = [] }: Hub = {}): boolean {
  const request = { headers: { origin, host } }
  return createOrigins({ listed, isLab: false }).foreignOf(request) === undefined
}

t.test('without an Origin header it is no page, and with null it is one to refuse', async (t) => {
  for (const listed of [[], ['*'], ['http://a.example']]) {
    t.ok(check(undefined, 'localhost:8080', { listed }))
    t.notOk(check('null', 'localhost:8080', { listed }))
  }
})

t.test('a page of the hub itself has the same host and port, whatever the scheme', async (t) => {
  const own: [origin: string, host: string][] = [
    ['http://localhost:8080', 'localhost:8080'],
    ['http://127.0.0.1:8080', '127.0.0.1:8080'],
    ['http://[::1]:8080', '[::1]:8080'],
    ['http://[::1]', '[0:0:0:0:0:0:0:1]:80'],
    ['http://hub.local', 'hub.local'],
    ['http://hub.local', 'HUB.local:80'],
    ['https://hub.local', 'hub.local'],
    ['https://hub.local', 'hub.local:443'],
    ['https://hub.local:443', 'hub.local'],
    ['https://hub.local:8443', 'hub.local:8443'],
    // What paho writes for plain connections, on any port and on the usual one.
    ['https://localhost:8080', 'localhost:8080'],
    ['https://hub.local:80', 'hub.local:80'],
    ['https://hub.local:80', 'hub.local'],
    ['http://HUB.local:8080', 'HUB.local:8080'],
    ['ws://localhost:8080', 'localhost:8080'],
    ['wss://hub.local', 'hub.local'],
  ]
  for (const [origin, host] of own) t.ok(check(origin, host), `${origin} at ${host}`)
})

t.test('whatever differs is another origin', async (t) => {
  const foreign: [origin: string, host: string][] = [
    ['https://hub.local', 'hub.local:80'],
    ['http://hub.local', 'hub.local:443'],
    ['http://hub.local:8080', 'hub.local'],
    ['http://localhost:8081', 'localhost:8080'],
    ['http://localhost', 'localhost:8080'],
    ['http://localhost:8080', 'localhost'],
    ['http://127.0.0.1:8080', 'localhost:8080'],
    ['http://evil.example', 'localhost:8080'],
    ['http://localhost:8080.evil.example', 'localhost:8080'],
    ['http://localhost:8080@evil.example', 'localhost:8080'],
    ['http://evil.example/?http://localhost:8080', 'localhost:8080'],
    ['http://localhost:8080/', 'localhost:8080'],
    ['http://localhost:8080, http://evil.example', 'localhost:8080'],
    ['http://evil.example, http://localhost:8080', 'localhost:8080'],
    ['app://localhost:8080', 'localhost:8080'],
    ['file://', 'localhost:8080'],
    ['', 'localhost:8080'],
    ['localhost:8080', 'localhost:8080'],
    ['*', 'localhost:8080'],
    ['http://localhost:99999', 'localhost:99999'],
  ]
  for (const [origin, host] of foreign) t.notOk(check(origin, host), `${origin} at ${host}`)
})

t.test('origins that are listed count as browsers write them', async (t) => {
  const listed = ['HTTPS://Dashboard.Example:443', 'http://localhost:5173', 'app://Page']
  for (const origin of ['https://dashboard.example', 'http://localhost:5173', 'app://page']) {
    t.ok(check(origin, 'hub.local:8080', { listed }), origin)
  }
  for (const origin of ['http://dashboard.example', 'https://dashboard.example:444', 'app://p']) {
    t.notOk(check(origin, 'hub.local:8080', { listed }), origin)
  }
  t.ok(check('http://anything.example', 'hub.local:8080', { listed: ['http://a.example', '*'] }))
})

t.test('pages in files can be listed, by what browsers and programs send for them', async (t) => {
  for (const origin of ['null', 'file://']) {
    t.notOk(check(origin, 'hub.local', { listed: [] }), origin)
    t.ok(check(origin, 'hub.local', { listed: [origin] }), origin)
  }
  t.notOk(check('file://', 'hub.local', { listed: ['null'] }))
  t.ok(check('file://', 'hub.local', { listed: ['*'] }))
})

t.test('only the origin of a listed page is told, for CORS', async (t) => {
  const { listedOf } = createOrigins({ listed: ['http://page.example'], isLab: false })
  const listed = (origin: string | undefined) =>
    listedOf({ headers: { origin, host: 'hub.local' } })
  t.equal(listed('http://page.example'), 'http://page.example')
  for (const origin of [undefined, 'http://hub.local', 'http://evil.example', 'null']) {
    t.equal(listed(origin), undefined, String(origin))
  }
})

t.test('no other text passes for an origin of ours', async () => {
  const url = fc.tuple(
    ...[fc.constantFrom('http', 'https', 'ws'), fc.webAuthority({ withPort: true })],
    fc.constantFrom('', '/', '/a?b#c'),
  )
  const text = fc.oneof(
    fc.string(),
    url.map(([scheme, authority, path]) => `${scheme}://${authority}${path}`),
    fc.string({ unit: fc.constantFrom(...'htp:/local8') }),
  )
  fc.assert(
    fc.property(
      text,
      (origin) =>
        !check(origin, 'localhost:8080') ||
        /^(https?|wss?):\/\/localhost:0*8080$/.test(origin.toLowerCase()),
    ),
  )
})

t.test('what is no origin cannot be listed', async (t) => {
  for (const wrong of [
    '',
    'localhost',
    'http://',
    'http://a/b',
    'http://a?b',
    'http://u@a',
    'http://*',
    'NULL',
    'file:///page',
    'http://a:99999',
  ]) {
    t.throws(
      () => check('http://a', 'a', { listed: [wrong] }),
      {
        code: 'bad-config',
        message: `expected http.origins to hold origins such as https://page.example:8443, file://, null or *, got "${wrong}"`,
      },
      wrong,
    )
  }
})

t.test(
  'localhost, literal addresses and listed names are known, with and without a port',
  async (t) => {
    const known = [
      'localhost',
      'LocalHost:8080',
      '127.0.0.1:8080',
      '192.168.1.5',
      '[::1]:8080',
      'hub.local:80',
    ]
    for (const host of known) t.ok(isKnownHost(host, ['Hub.Local']), host)
  },
)

t.test('other names, and what is no host at all, are not', async (t) => {
  const unknown = [
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '[localhost]',
    'a:b:c',
    '::1',
  ]
  for (const host of unknown) t.notOk(isKnownHost(host, ['hub.local']), String(host))
})
