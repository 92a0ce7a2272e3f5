import { once } from 'node:events'
import { get, type IncomingHttpHeaders } from 'node:http'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { startedHub } from '../started-hub.ts'

const users = {
  panel: { password: 'panel-password', role: 'viewer' },
  clown: { password: 'bigclown', role: 'admin' },
} as const

/** A hub whose proxies are at `trustProxy`, and who it says that somebody is. */
async function behindProxy(t: Test, trustProxy: string[]) {
  const http = { port: 0, trustProxy, userHeader: 'Remote-User' }
  const { httpPort } = await startedHub(t, { users, http })
  const whoIs = async (headers: Record<string, string>) => {
    const answer = await fetch(`http://127.0.0.1:${httpPort}/session`, { headers })
    return answer.status === 200 ? Object(await answer.json()).user : answer.status
  }
  return { httpPort, whoIs }
}

const basic = { Authorization: `Basic ${btoa('clown:bigclown')}` }

t.test('a trusted proxy names the user whom it has signed in', async (t) => {
  const { httpPort, whoIs } = await behindProxy(t, ['127.0.0.1'])
  t.equal(await whoIs({ 'Remote-User': 'panel' }), 'panel')
  t.equal(await whoIs({ 'Remote-User': 'panel', ...basic }), 'panel', 'before a password')
  t.equal(await whoIs({ 'Remote-User': 'nobody' }), 401)
  t.equal(await whoIs({}), 401)
  t.equal(await whoIs(basic), 'clown', 'a password is as good where it names nobody')
  const stranger = { Origin: 'https://stranger.example' }
  t.equal(await whoIs({ 'Remote-User': 'panel', ...stranger }), 403, 'a page of a stranger')
  const headers = { 'Remote-User': 'panel' }
  const websocket = new WebSocket(`ws://127.0.0.1:${httpPort}/talk`, { headers })
  await once(websocket, 'open')
  websocket.terminate()
})

t.test('without the setting no header names anybody', async (t) => {
  const { httpPort } = await startedHub(t, { users, http: { port: 0, trustProxy: ['127.0.0.1'] } })
  for (const name of ['Remote-User', 'undefined', 'userHeader']) {
    const headers = { [name]: 'clown' }
    const { status } = await fetch(`http://127.0.0.1:${httpPort}/session`, { headers })
    t.equal(status, 401, name)
  }
})

t.test('from anywhere else the header means nothing', async (t) => {
  const { whoIs } = await behindProxy(t, ['192.0.2.1'])
  t.equal(await whoIs({ 'Remote-User': 'clown' }), 401)
})

/** What Home Assistant's Supervisor adds to a request. */
const ingressPath = '/api/hassio_ingress/Ab-1_x'

/** A hub in Home Assistant, whose Supervisor is at `address`. */
async function insideHomeAssistant(t: Test, address: string) {
  const ingress = { address, role: 'viewer', admins: ['jan'] } as const
  const hub = await startedHub(t, { users, http: { port: 0, ingress } })
  const ask = (path: string, headers: Record<string, string>) =>
    new Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>((resolve) => {
      const options = { port: hub.httpPort, path, headers, agent: false }
      get(options, async (response) => {
        const body = (await response.toArray()).join('')
        resolve({ status: Number(response.statusCode), headers: response.headers, body })
      })
    })
  const whoIs = async (headers: Record<string, string>) => {
    const { status, body } = await ask('/session', headers)
    return status === 200 ? JSON.parse(body) : status
  }
  return { ...hub, ask, whoIs }
}

t.test('Home Assistant says whose request it is, under its own name', async (t) => {
  const { ask, whoIs, httpPort } = await insideHomeAssistant(t, '127.0.0.1')
  const inside = { Host: 'home.example:8123', 'X-Ingress-Path': ingressPath }
  const named = (name: string) => ({ ...inside, 'X-Remote-User-Name': name })
  t.match(await whoIs(named('panel')), { user: 'panel', role: 'viewer' }, 'one that the hub has')
  t.match(await whoIs(named('jan')), { user: 'jan', role: 'admin' }, 'an admin of the settings')
  t.match(await whoIs(named('eva')), { user: 'eva', role: 'viewer' }, 'anybody else')
  const spelled = Buffer.from('Žofie').toString('latin1')
  t.match(await whoIs(named(spelled)), { user: 'Žofie' })
  t.match(await whoIs({ ...inside, 'X-Remote-User-Id': 'f00d' }), { user: 'f00d' })
  t.equal(await whoIs({ ...inside, 'X-Remote-User-Display-Name': 'jan' }), 401)
  t.equal(await whoIs(inside), 401, 'an old Supervisor says nothing of users')
  const page = await ask('/', inside)
  t.match(page.headers['content-security-policy'], /frame-ancestors 'self'/)
  const other = await ask('/', {})
  t.match(other.headers['content-security-policy'], /frame-ancestors 'none'/)
  const login = await ask('/login', inside)
  t.match(login.headers['content-security-policy'], /frame-ancestors 'self'/)
  t.equal((await ask('/', { ...inside, 'X-Ingress-Path': 'a b' })).status, 421, 'no such path')

  const headers = { ...named('eva'), Origin: 'https://home.example:8123' }
  const websocket = new WebSocket(`ws://127.0.0.1:${httpPort}/talk`, { headers })
  await once(websocket, 'open')
  websocket.terminate()
})

t.test('from anywhere else nobody is believed to be Home Assistant', async (t) => {
  const { ask, whoIs } = await insideHomeAssistant(t, '192.0.2.1')
  const headers = { 'X-Ingress-Path': ingressPath, 'X-Remote-User-Name': 'jan' }
  t.equal(await whoIs(headers), 401)
  t.equal((await ask('/', { ...headers, Host: 'home.example' })).status, 421)
  t.equal(await whoIs({ ...headers, Authorization: `Basic ${btoa('jan:')}` }), 401)
})
