import { once } from 'node:events'
import { chmodSync, copyFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { connect as connectPlain, createServer, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { connectAsync, type IClientOptions } from 'mqtt'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { startHub } from '../src/hub.ts'
import { testCertificate } from './certificates.ts'
import { upgradeText } from './raw-http.ts'
import { startedHub } from './started-hub.ts'
import { type StartedTlsHub, startedTlsHub } from './started-tls-hub.ts'

const seedPath = '/auth/clown-talk-server_nodes_bridge_0'
const users = { clown: { password: 'bigclown' } }
const authorization = `Basic ${Buffer.from('clown:bigclown').toString('base64')}`

/** Asks for `/healthz` by TLS, on a connection of its own. */
async function healthOf(hub: StartedTlsHub): Promise<IncomingMessage> {
  const { httpsPort: port, certificate } = hub
  const asked = request({ port, host: 'localhost', path: '/healthz', ca: certificate.ca })
  asked.setHeader('Connection', 'close')
  asked.end()
  const [response] = await once(asked, 'response')
  response.resume()
  return response
}

/** Asks for it over and over until it is answered with `status`. */
async function untilHealth(hub: StartedTlsHub, status: number): Promise<IncomingMessage> {
  for (;;) {
    const response = await healthOf(hub)
    if (response.statusCode === status) return response
  }
}

async function talkByTls(t: Test, hub: StartedTlsHub): Promise<WebSocket> {
  const url = `wss://clown:bigclown@localhost:${hub.httpsPort}${seedPath}`
  const websocket = new WebSocket(url, { ca: hub.certificate.ca })
  t.teardown(() => websocket.terminate())
  await once(websocket, 'open')
  return websocket
}

function mqttByTls(t: Test, hub: StartedTlsHub, options: IClientOptions = {}) {
  const user = { username: 'clown', password: 'bigclown', reconnectPeriod: 0 }
  const connected = connectAsync(`mqtts://localhost:${hub.mqttsPort}`, {
    ...user,
    ca: hub.certificate.ca,
    ...options,
  })
  return connected.then((client) => {
    t.teardown(() => client.endAsync(true))
    return client
  })
}

/** A TLS client whose bytes the test writes itself. */
function rawByTls(t: Test, port: number, options: ConnectionOptions = {}): TLSSocket {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  return socket
}

/** Resolves when a socket has closed, by an error or without. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

t.test('without a certificate there is no port with TLS', async (t) => {
  const { httpsPort, mqttsPort } = await startedHub(t)
  t.same([httpsPort, mqttsPort], [undefined, undefined])
})

t.test('HTTP, websockets and MQTT come by TLS, beside the plain ports', async (t) => {
  const hub = await startedTlsHub(t)
  t.equal(new Set([hub.httpPort, hub.mqttPort, hub.httpsPort, hub.mqttsPort]).size, 4)
  t.equal((await healthOf(hub)).statusCode, 200)
  const page = await talkByTls(t, hub)
  const node = await mqttByTls(t, hub)
  const overWebSocket = await mqttByTls(t, hub, {
    protocol: 'wss',
    port: hub.httpsPort,
    path: '/mqtt',
  })
  const topic = 'nodes/bridge/0/relay/i2c0-3b'
  await node.subscribeAsync(`${topic}/set`)
  const command = new Promise<string>((resolve) => node.once('message', resolve))
  page.send('["relay/i2c0-3b/set", {"state": true}]\n')
  t.equal(await command, `${topic}/set`)
  const heard = once(page, 'message')
  await overWebSocket.publishAsync(topic, '{"state":true}', { qos: 1 })
  t.match(String((await heard)[0]), 'relay/i2c0-3b')
})

t.test('nothing older than TLS 1.2 is spoken', async (t) => {
  const hub = await startedTlsHub(t)
  const ciphers = 'DEFAULT@SECLEVEL=0'
  for (const port of [hub.httpsPort, hub.mqttsPort]) {
    const old = rawByTls(t, port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers })
    const [error] = await once(old, 'error')
    t.match(error.code, /ALERT_PROTOCOL_VERSION/)
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = rawByTls(t, port, { maxVersion })
      await once(socket, 'secureConnect')
      t.equal(socket.getProtocol(), maxVersion)
    }
  }
  t.equal(hub.counters()['tls-refused'], 2)
})

t.test('the limits of a user hold across TLS and plain connections', async (t) => {
  const hub = await startedTlsHub(t, { limits: { connections: { perUser: 2 } } })
  const page = await talkByTls(t, hub)
  await mqttByTls(t, hub)
  await t.rejects(mqttByTls(t, hub), { code: 3 })
  const third = rawByTls(t, hub.httpsPort)
  third.write(upgradeText('/talk', { Authorization: authorization }))
  t.match(String((await once(third, 'data'))[0]), /^HTTP\/1\.1 503 /)
  t.equal(hub.counters()['connections-refused'], 2)
  const closed = once(page, 'close')
  page.terminate()
  await closed
  await untilHealth(hub, 200)
  await mqttByTls(t, hub)
})

t.test('past the limit of all, who comes by TLS is told so or cut', async (t) => {
  const hub = await startedTlsHub(t, { limits: { connections: { total: 1 } } })
  const page = await talkByTls(t, hub)
  const response = await healthOf(hub)
  t.equal(response.statusCode, 503)
  t.equal(response.headers['retry-after'], '5')
  await closeOf(rawByTls(t, hub.mqttsPort).resume())
  page.terminate()
  await untilHealth(hub, 200)
  t.notOk(
    hub.counters()['tls-refused'],
    'who is cut by the connection limiter has not failed at TLS',
  )
})

t.test('a changed certificate is served from then on', async (t) => {
  const hub = await startedTlsHub(t)
  const page = await talkByTls(t, hub)
  const later = await testCertificate(t)
  for (const name of ['keyFile', 'certFile'] as const) {
    copyFileSync(later[name], hub.certificate[name])
  }
  await hub.log.next(({ msg }) => msg === 'the certificate was read anew')
  for (const port of [hub.httpsPort, hub.mqttsPort]) {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: later.ca })
    await once(socket, 'secureConnect')
    t.ok(socket.authorized)
    socket.destroy()
  }
  t.equal(page.readyState, WebSocket.OPEN)
})

t.test('what keeps it from starting is named', async (t) => {
  const { certFile, keyFile } = await testCertificate(t)
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await once(taken, 'listening')
  const address = taken.address()
  const port = typeof address === 'object' ? Number(address?.port) : 0
  const start = (tls: object) => {
    const input = { certFile, keyFile, httpPort: 0, mqttPort: 0, ...tls }
    const ports = { http: { port: 0 }, mqtt: { port: 0 } }
    return startHub({ ...ports, users, log: { level: 'silent' }, tls: input })
  }
  const refused: [tls: object, code: string, message: RegExp][] = [
    [{ httpPort: port }, 'cannot-listen', /set CLOWN_TLS_HTTP_PORT to another port$/],
    [{ mqttPort: port }, 'cannot-listen', /set CLOWN_TLS_MQTT_PORT to another port$/],
    [{ host: '203.0.113.1' }, 'cannot-listen', /set CLOWN_TLS_HOST to one it has$/],
    [{ certFile: '/nowhere' }, 'unreadable-file', /tls\.certFile/],
  ]
  for (const [tls, code, message] of refused) await t.rejects(start(tls), { code, message })
  chmodSync(keyFile, 0o640)
  await t.rejects(start({}), { code: 'exposed-secret', message: /chmod 600/ })
})

t.test('a hub that stops does not wait for handshakes', async (t) => {
  const hub = await startedTlsHub(t)
  const waiting = [hub.httpsPort, hub.mqttsPort].map((port) => connectPlain(port, '127.0.0.1'))
  await Promise.all(waiting.map((socket) => once(socket, 'connect')))
  // Accepted in order: once it is answered, so are the two before.
  await healthOf(hub)
  await (await mqttByTls(t, hub)).endAsync()
  const closed = waiting.map((socket) => closeOf(socket.resume()))
  await hub.close()
  await Promise.all(closed)
  t.notOk(hub.counters()['tls-refused'])
})

t.test('who does not read is cut by TLS too', async (t) => {
  const hub = await startedTlsHub(t, {
    limits: { mqtt: { publishBytes: 65_536, outboundBytes: 65_536 } },
  })
  const frozen = await mqttByTls(t, hub)
  await frozen.subscribeAsync('flood/#', { qos: 1 })
  frozen.stream.pause()
  const source = await mqttByTls(t, hub)
  const isCut = hub.log.next(({ kind }) => kind === 'mqtt-slow-consumer').then(() => true)
  const payload = Buffer.alloc(60_000)
  const sendOne = () => source.publishAsync('flood/a', payload, { qos: 1 }).then(() => false)
  while (!(await Promise.race([isCut, sendOne()]))) {
    // One more.
  }
  t.equal(hub.counters()['mqtt-slow-consumer'], 1)
})
