import fc from 'fast-check'
import t from 'tap'
import { createOriginCheck } from '../../src/access/origin.ts'

interface Hub {
  readonly listed?: string[]
  readonly isSecure?: boolean | undefined
}

/** Whether a page of `origin` may talk to the hub that it calls `host`. */
function check(origin: string | undefined, host: string, hub: Hub = {}): boolean {
  const { listed = [], isSecure = false } = hub
  return createOriginCheck(listed, () => isSecure)({ headers: { origin, host } })
}

t.test('without an Origin header it is no page, and with null it is one to refuse', async (t) => {
  for (const listed of [[], ['*'], ['http://a.example']]) {
    t.ok(check(undefined, 'localhost:8080', { listed }))
    t.notOk(check('null', 'localhost:8080', { listed }))
  }
})

t.test('a page of the hub itself has the same scheme, host and port', async (t) => {
  const own: [origin: string, host: string, isSecure?: boolean][] = [
    ['http://localhost:8080', 'localhost:8080'],
    ['http://127.0.0.1:8080', '127.0.0.1:8080'],
    ['http://[::1]:8080', '[::1]:8080'],
    ['http://[::1]', '[0:0:0:0:0:0:0:1]:80'],
    ['http://hub.local', 'hub.local'],
    ['http://hub.local', 'HUB.local:80'],
    ['https://hub.local', 'hub.local', true],
    ['https://hub.local', 'hub.local:443', true],
    ['https://hub.local:8443', 'hub.local:8443', true],
  ]
  for (const [origin, host, isSecure] of own) {
    t.ok(check(origin, host, { isSecure }), `${origin} at ${host}`)
  }
})

t.test('whatever differs is another origin', async (t) => {
  const foreign: [origin: string, host: string, isSecure?: boolean][] = [
    ['https://localhost:8080', 'localhost:8080'],
    ['http://localhost:8443', 'localhost:8443', true],
    ['http://localhost:8081', 'localhost:8080'],
    ['http://localhost', 'localhost:8080'],
    ['http://localhost:8080', 'localhost'],
    ['http://127.0.0.1:8080', 'localhost:8080'],
    ['http://evil.example', 'localhost:8080'],
    ['http://localhost:8080.evil.example', 'localhost:8080'],
    ['http://localhost:8080@evil.example', 'localhost:8080'],
    ['http://evil.example/?http://localhost:8080', 'localhost:8080'],
    ['http://localhost:8080/', 'localhost:8080'],
    ['http://LOCALHOST:8080', 'localhost:8080'],
    ['http://localhost:8080, http://evil.example', 'localhost:8080'],
    ['http://evil.example, http://localhost:8080', 'localhost:8080'],
    ['ws://localhost:8080', 'localhost:8080'],
    ['file://', 'localhost:8080'],
    ['', 'localhost:8080'],
    ['localhost:8080', 'localhost:8080'],
    ['*', 'localhost:8080'],
    ['http://localhost:99999', 'localhost:99999'],
  ]
  for (const [origin, host, isSecure] of foreign) {
    t.notOk(check(origin, host, { isSecure }), `${origin} at ${host}`)
  }
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

t.test('no other text passes for an origin of ours', async () => {
  const text = fc.oneof(
    fc.string(),
    fc.webUrl(),
    fc.string({ unit: fc.constantFrom(...'htp:/local8') }),
  )
  fc.assert(
    fc.property(
      text,
      (origin) => !check(origin, 'localhost:8080') || origin === 'http://localhost:8080',
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
    'null',
    'http://a:99999',
  ]) {
    t.throws(
      () => check('http://a', 'a', { listed: [wrong] }),
      {
        code: 'bad-config',
        message: `expected http.origins to hold origins such as https://page.example:8443, or *, got "${wrong}"`,
      },
      wrong,
    )
  }
})
