import t from 'tap'
import { startedHub } from '../started-hub.ts'

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
