import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { usersFile, writePrivate } from './access/users.ts'
import { ask } from './dialects/asked-json.ts'
import { eventsOf } from './dialects/deconz/deconz-house.ts'
import { startedDialect } from './dialects/served-contract.ts'
import { freePort } from './programs.ts'
import { rawExchange } from './raw-http.ts'
import { mqttTo, startedHub } from './started-hub.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'
const elsewhere = 'nodes/bridge/1/relay/i2c0-3b'

t.test('a language is on a path of the HTTP port as well as on a port of its own', async (t) => {
  const guest = { user: 'clown' }
  const hub = await startedHub(t, {
    dialects: [
      { dialect: 'deconz', path: '/house', guest },
      { dialect: 'deconz', path: '/second/house', guest, base: 'nodes/bridge/1' },
      { dialect: 'deconz', port: 0, guest },
    ],
  })
  t.match(hub.dialects, [
    { dialect: 'deconz', path: '/house' },
    { dialect: 'deconz', path: '/second/house' },
    { dialect: 'deconz', port: Number },
  ])
  for (const path of ['/house/api/config', '/second/house/api/config']) {
    t.match((await ask(hub.httpPort, ['GET', path])).body, { modelid: 'deCONZ' })
  }
  t.match((await ask(hub.httpPort, ['GET', '/house'])).body, [{ error: { type: 3 } }])
  t.equal((await fetch(`http://127.0.0.1:${hub.httpPort}/houses/api/config`)).status, 404)
  t.equal((await fetch(`http://127.0.0.1:${hub.httpPort}/api/config`)).status, 404)

  const websocket = new WebSocket(`ws://127.0.0.1:${hub.httpPort}/second/house`)
  t.teardown(() => websocket.terminate())
  await once(websocket, 'open')
  const told = once(websocket, 'message')
  const events = await eventsOf(t, hub.dialects[2]?.port ?? 0)
  const { client } = await mqttTo(t, hub)
  await client.publishAsync(relay, '{"state":true}', { qos: 1 })
  await client.publishAsync(elsewhere, '{"state":true}', { qos: 1 })
  const first = await events.next(({ e }) => e === 'added')
  const second = await events.next(({ e }) => e === 'added')
  t.not(first.id, second.id, 'everywhere below one base')
  t.match(JSON.parse(String((await told)[0])), { e: 'added', id: second.id })
})

t.test('a path with a proxy’s prefix before it is understood', async (t) => {
  const hub = await startedHub(t, {
    http: { port: 0, pathPrefix: '/hub' },
    dialects: [{ dialect: 'deconz', path: '/house' }],
  })
  for (const path of ['/hub/house/api/config', '/house/api/config?a=/house']) {
    t.match((await ask(hub.httpPort, ['GET', path])).body, { modelid: 'deCONZ' }, path)
  }
})

t.test('a key is good wherever its language is served', async (t) => {
  const hub = await startedHub(t, {
    dialects: [
      { dialect: 'deconz', port: 0 },
      { dialect: 'deconz', port: 0 },
    ],
  })
  const [one = 0, other = 0] = hub.dialects.map(({ port }) => port)
  const headers = { Authorization: `Basic ${btoa('clown:bigclown')}` }
  await ask(hub.httpPort, ['POST', '/api/dialects/deconz/unlock'], { body: {}, headers })
  const { body } = await ask(one, ['POST', '/api'], { body: { devicetype: 'app' } })
  const { status } = await ask(other, ['GET', `/api/${body[0].success.username}/lights`])
  t.equal(status, 200)
  t.equal((await ask(other, ['POST', '/api'], { body: { devicetype: 'b' } })).status, 200)
})

t.test('a port in use ends the start, unless the entry is optional', async (t) => {
  const { port } = await startedDialect(t, 'deconz')
  const taken = { dialect: 'deconz', port } as const
  await t.rejects(startedHub(t, { dialects: [taken] }), {
    code: 'cannot-listen',
    message: /the port of dialect deconz/,
  })
  const hub = await startedHub(t, { dialects: [{ ...taken, optional: true }] })
  t.match(hub.dialects, [{ dialect: 'deconz', port: undefined, error: /in use/ }])
  t.ok(hub.log.items.some(({ msg }) => msg.startsWith('deCONZ is not served: ')))
  const far = { dialect: 'deconz', port: 0, guest: { user: 'clown', addresses: ['nonsense'] } }
  await t.rejects(startedHub(t, { dialects: [{ ...far, dialect: 'deconz' }] }), {
    code: 'bad-config',
  })
})

t.test('a guest comes from the addresses of guests only', async (t) => {
  const port = await freePort()
  const guest = { user: 'clown', addresses: ['192.0.2.0/24'] }
  await startedHub(t, { dialects: [{ dialect: 'deconz', port, guest }] })
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/`)
  const [, response] = await once(websocket, 'unexpected-response')
  t.equal(response.statusCode, 403)
  websocket.on('error', () => {}).terminate()
})

t.test('what a page or a flood may not do elsewhere, it may not do there', async (t) => {
  const { port } = await startedDialect(t, 'deconz', {
    dialects: [{ dialect: 'deconz', port: 0, guest: { user: 'clown' } }],
    limits: { http: { bodyBytes: 1024 } },
  })
  const rebound = 'GET /api/config HTTP/1.1\r\nHost: evil.example\r\n\r\n'
  t.match(await rawExchange(port, rebound), /^HTTP\/1\.1 421 /)
  const long = { method: 'POST', body: 'a'.repeat(2000) }
  t.equal((await fetch(`http://127.0.0.1:${port}/api`, long)).status, 413)
})

t.test('one connection too many of a user is refused, plain or not', async (t) => {
  const { hub, port } = await startedDialect(t, 'deconz', {
    limits: { connections: { perUser: 1 } },
  })
  await eventsOf(t, port)
  const second = new WebSocket(`ws://127.0.0.1:${port}/`)
  const [, response] = await once(second, 'unexpected-response')
  t.equal(response.statusCode, 503)
  second.on('error', () => {}).terminate()
  const headers = { Authorization: `Basic ${btoa('clown:bigclown')}` }
  await ask(port, ['POST', '/api'], {
    body: { devicetype: 'app', username: 'of-an-app-0123456789' },
    headers,
  })
  const busy = await ask(port, ['GET', '/api/of-an-app-0123456789/lights'])
  t.match(busy, { status: 503, body: [{ error: { type: 901 } }] })
  t.ok(hub)
})

t.test('the end of the hub cuts websockets: their clients come back after that', async (t) => {
  const { hub, port } = await startedDialect(t, 'deconz')
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/`)
  await once(websocket, 'open')
  const closed = once(websocket, 'close')
  await hub.close()
  t.equal((await closed)[0], 1006)
})

t.test('who is gone as a user is gone as a listener', async (t) => {
  const entry = { role: 'viewer', tokens: [] }
  const file = usersFile(t, JSON.stringify({ users: { ann: entry, bob: entry } }))
  const { hub, port } = await startedDialect(t, 'deconz', {
    usersFile: file,
    dialects: [{ dialect: 'deconz', port: 0, guest: { user: 'ann' } }],
  })
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/`)
  await once(websocket, 'open')
  writePrivate(file, JSON.stringify({ users: { bob: entry } }))
  const [code, reason] = await once(websocket, 'close')
  t.equal(code, 1008)
  t.equal(String(reason), 'signed out')
  t.ok(hub)
})
