import t from 'tap'
import { pageHeaders, secureHeaders } from '../../src/http/browser-headers.ts'
import { rawExchange, upgradeText } from '../raw-http.ts'
import { startedHub } from '../started-hub.ts'

/** The headers of an answer, by their names in lower case. */
function headersIn(answer: string): Map<string, string> {
  const [head = ''] = answer.split('\r\n\r\n', 1)
  const lines = head.split('\r\n').slice(1)
  return new Map(
    lines.map((line) => [line.replace(/:.*/, '').toLowerCase(), line.replace(/^.*?: /, '')]),
  )
}

t.test('every answer keeps pages to themselves', async (t) => {
  const { httpPort } = await startedHub(t)
  const plain = (line: string) => `${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`
  const asked: [name: string, text: string, status: string][] = [
    ['served', plain('GET /healthz'), '200'],
    ['head', plain('HEAD /healthz'), '200'],
    ['no path', plain('GET /nowhere'), '404'],
    ['no websocket', plain('GET /talk'), '426'],
    ['method', plain('POST /healthz'), '405'],
    ['host', upgradeText('/talk', { Host: 'evil.example' }), '421'],
    ['origin', upgradeText('/talk', { Origin: 'http://evil.example' }), '403'],
    ['challenge', upgradeText('/talk'), '401'],
    ['no HTTP', 'nonsense\r\n\r\n', '400'],
  ]
  for (const [name, text, status] of asked) {
    const answer = await rawExchange(httpPort, text)
    t.equal(answer.slice(9, 12), status, name)
    const headers = headersIn(answer)
    for (const [header, value] of Object.entries(pageHeaders)) {
      t.equal(headers.get(header.toLowerCase()), value, `${name}: ${header}`)
    }
    t.notOk(headers.has('strict-transport-security'), 'nor do they ask for TLS where there is none')
  }
})

t.test('what is promised is what the rules ask for', async (t) => {
  t.match(pageHeaders, {
    'Content-Security-Policy': /^default-src 'self'; connect-src 'self'; frame-ancestors 'none'/,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
  })
  t.notMatch(pageHeaders['Content-Security-Policy'], /unsafe|\*/)
})

t.test('a name of ours is to come by TLS only, once it has', async (t) => {
  for (const host of ['hub.local', 'hub.local:8443', 'HUB.example.org']) {
    t.match(secureHeaders(host)['Strict-Transport-Security'], /^max-age=\d{7,}$/, host)
  }
  for (const host of ['localhost', 'LOCALHOST:8443', '127.0.0.1:8443', '[::1]:8443', '[::1]']) {
    t.same(secureHeaders(host), {}, host)
  }
  t.match(secureHeaders(), {})
})

const listed = 'https://page.example'

/** The headers of CORS in the answer to a request. */
async function toldTo(url: string, origin: string | undefined, init: RequestInit = {}) {
  const headers = { ...(origin && { Origin: origin }), ...init.headers }
  const response = await fetch(url, { ...init, headers })
  const told = [...response.headers].filter(([name]) => name.startsWith('access-control-'))
  return {
    status: response.status,
    told: Object.fromEntries(told),
    vary: response.headers.get('vary'),
  }
}

t.test('a listed origin may read answers, with credentials, refusals too', async (t) => {
  const hub = await startedHub(t, { http: { port: 0, origins: [listed] } })
  const paths = [
    ['healthz', 200],
    ['session', 401],
    ['api/nodes', 401],
    ['login', 200],
    ['nowhere', 404],
  ]
  for (const [path, status] of paths) {
    const answer = await toldTo(`http://127.0.0.1:${hub.httpPort}/${path}`, listed)
    t.match(answer, {
      status,
      told: {
        'access-control-allow-origin': listed,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': /Retry-After/,
      },
      vary: 'Origin',
    })
  }
})

t.test('a preflight says by which methods and headers a listed origin may ask', async (t) => {
  const hub = await startedHub(t, { http: { port: 0, origins: [listed] } })
  const preflight = (path: string, origin: string | undefined = listed) =>
    toldTo(`http://127.0.0.1:${hub.httpPort}/${path}`, origin, {
      method: 'OPTIONS',
      headers: { 'Access-Control-Request-Method': 'POST' },
    })
  for (const [path, methods] of [
    ['api/nodes', 'GET, HEAD'],
    ['api/command', 'POST'],
    ['login', 'GET, HEAD, POST'],
    ['ticket', 'POST'],
  ]) {
    t.match(await preflight(`${path}`), {
      status: 204,
      told: {
        'access-control-allow-origin': listed,
        'access-control-allow-credentials': 'true',
        'access-control-allow-methods': methods,
        'access-control-allow-headers': 'Authorization, Content-Type',
        'access-control-max-age': '600',
      },
    })
  }
  t.equal((await preflight('talk')).status, 405)
  t.equal((await preflight('nowhere')).status, 404)
  const own = `http://127.0.0.1:${hub.httpPort}`
  t.same(await preflight('api/nodes', own), { status: 405, told: {}, vary: null })
})

t.test('nobody else is told anything', async (t) => {
  const hub = await startedHub(t, { http: { port: 0, origins: [listed] } })
  const url = `http://127.0.0.1:${hub.httpPort}`
  const origins = [
    undefined,
    url,
    'http://evil.example',
    'null',
    'http://page.example',
    `${listed}.evil`,
  ]
  for (const origin of origins) {
    for (const path of ['healthz', 'session', 'api/nodes', 'login']) {
      for (const method of ['GET', 'OPTIONS']) {
        const headers = { 'Access-Control-Request-Method': 'GET' }
        const { told, vary } = await toldTo(`${url}/${path}`, origin, { method, headers })
        t.same({ told, vary }, { told: {}, vary: null }, `${method} ${path} from ${origin}`)
      }
    }
  }
})
