import { once } from 'node:events'
import { Aedes, type Client } from 'aedes'
import t from 'tap'
import { conventions } from '../../src/simulator/conventions.ts'
import { startSimulatedNode } from '../../src/simulator/start-simulated-node.ts'
import { freePort, publish, requireProgram, startMosquitto, subscribe } from '../programs.ts'
import {
  command,
  countTimers,
  createLog,
  listen,
  socketsClosed,
  startAedes,
  startNode,
} from './started-node.ts'

t.test('a node on Mosquitto answers mosquitto_pub and mosquitto_sub', async (t) => {
  for (const program of ['mosquitto', 'mosquitto_pub', 'mosquitto_sub'] as const) {
    if (requireProgram(t, program) === undefined) return
  }
  const { url, port } = await startMosquitto(t)
  const format = '%q %r %t %p'
  const sub = await subscribe(t, { port, filter: 'nodes/bridge/0/#', format })
  const heard = (line: string) => sub.next((candidate) => candidate === line)
  const { log, next } = createLog()
  await startNode(t, { url, log })
  const say = (topic: string, payload: string) =>
    publish({ port, topic: `nodes/bridge/0/${topic}`, payload })

  await heard('0 0 nodes/bridge/0/boot {"reason-for-reset":"power-on"}')
  await heard('0 0 nodes/bridge/0/thermometer/i2c0-48 {"temperature":[20.01,"℃"]}')
  await heard('1 0 nodes/bridge/0/led/- {"state":"off"}')

  t.same(await say('relay/i2c0-3b/set', '{"state": true}'), { code: 0, output: '' })
  await heard('1 0 nodes/bridge/0/relay/i2c0-3b {"state":true}')
  await say('led/-/set', '{"state": "2-dot"}')
  await heard('1 0 nodes/bridge/0/led/- {"state":"2-dot"}')
  await say('led/-/set', '{"state": "blink"}')
  await next(/^dropped a message: expected state \(off, on, 1-dot, 2-dot, 3-dot\) of led\/-/)
  await say('humidity-sensor/i2c0-5f/get', '{}')
  await heard('0 0 nodes/bridge/0/humidity-sensor/i2c0-5f {"relative-humidity":[45.2,"%"]}')
  await say('pir/-/config/set', '{"publish-interval": 0.1}')
  await heard('0 0 nodes/bridge/0/pir/-/config/ok {"publish-interval":0.1}')
  for (let report = 0; report < 3; report++) await sub.next((line) => line.includes('/pir/- {'))
  await say('relay/i2c0-3f/config/set', '{"publish-interval": 1}')
  await sub.next((line) => line.includes('relay/i2c0-3f/config/error {"code":"bad-payload"'))
  await say('-/-/config/list', '{}')
  await sub.next((line) => line.includes('/-/-/config/ok {"sensors":["thermometer/i2c0-48",'))

  const later = await subscribe(t, { port, filter: 'nodes/bridge/0/#', format })
  await later.next((line) => line === '1 1 nodes/bridge/0/relay/i2c0-3b {"state":true}')
  await later.next((line) => line === '1 1 nodes/bridge/0/led/- {"state":"2-dot"}')
  await later.next((line) => line === '1 1 nodes/bridge/0/relay/i2c0-3f {"state":false}')
  t.notOk(
    later.items.some((line) => line.includes('thermometer')),
    'readings are not retained',
  )
})

t.test('a node signs in to Mosquitto by its URL or by its options', async (t) => {
  if (requireProgram(t, 'mosquitto') === undefined) return
  const password = 'p@ss:w/rd%'
  const { url, port } = await startMosquitto(t, { users: { clown: password } })
  const node = await startNode(t, { url, username: 'clown', password })
  await node.close()
  const inUrl = `mqtt://clown:${encodeURIComponent(password)}@127.0.0.1:${port}`
  await startNode(t, { url: inUrl, name: '' })
  for (const options of [{ url }, { url: inUrl, password: 'wr0ng' }]) {
    await t.rejects(startSimulatedNode(options), {
      code: 'cannot-connect',
      message: `expected an MQTT broker at ${url}, got a refusal (not authorized): give a user name`,
    })
  }
})

t.test('two nodes on one broker do not push each other out', async (t) => {
  const { url, aedes } = await startAedes(t)
  const ids: string[] = []
  aedes.on('client', ({ id }: Client) => ids.push(id))
  await startNode(t, { url })
  await startNode(t, { url, name: 'nodes/bridge/1' })
  t.equal(aedes.connectedClients, 2)
  for (const id of ids) t.match(id, /^simulated-node-[0-9a-f]{8}$/)
})

t.test('a node that lost its broker comes back, with its states and without a boot', async (t) => {
  let confirm = () => {}
  const confirmed = new Promise<void>((resolve) => {
    confirm = resolve
  })
  // It acknowledges no report of the relay, so that old ones are still under way when it ends.
  const first = await startAedes(t, {
    authorizePublish: (_client, { topic, payload }, done) => {
      if (!topic.endsWith('relay/i2c0-3b')) done()
      else if (`${payload}`.includes('true')) confirm()
    },
  })
  const { log, next, lines } = createLog()
  await startNode(t, { url: first.url, publishIntervalMs: 5, log })
  await next(/^connected to/)
  command(first.aedes, 'nodes/bridge/0/relay/i2c0-3b/set', '{"state":true}')
  await confirmed

  await first.stop()
  t.equal(await next(/^lost/), `lost ${first.url}, dialling again every second`)
  await next(/got nobody listening/)
  const second = await startAedes(t, {}, first.port)
  const topics: string[] = []
  const back = new Promise<string>((resolve) => {
    second.aedes.on('publish', ({ topic, payload }) => {
      topics.push(topic)
      if (topic.endsWith('relay/i2c0-3b')) resolve(`${payload}`)
    })
  })
  t.equal(await back, '{"state":true}')
  await next(/^connected to/)
  t.notOk(topics.some((topic) => topic.endsWith('/boot')))
  t.same(lines, [])

  const got = once(second.aedes, 'publish')
  command(second.aedes, 'nodes/bridge/0/led/-/get', '{}')
  await got
})

t.test('a node with faults has them on a broker, too', async (t) => {
  const { url, aedes } = await startAedes(t)
  await startNode(t, { url, faults: { isLying: true } })
  const told = new Promise<string>((resolve) => {
    aedes.on('publish', ({ topic, payload }) => {
      if (topic === 'nodes/bridge/0/relay/i2c0-3b') resolve(`${payload}`)
    })
  })
  command(aedes, 'nodes/bridge/0/relay/i2c0-3b/set', '{"state":true}')
  t.equal(await told, '{"state":false}')
})

t.test('a node that may no longer subscribe after a reconnection says so', async (t) => {
  let allowed = true
  const { url, sockets } = await startAedes(t, {
    authorizeSubscribe: (_client, subscription, done) => done(null, allowed ? subscription : null),
  })
  const { log, next } = createLog()
  await startNode(t, { url, log })
  allowed = false
  for (const socket of sockets) socket.destroy()
  t.match(await next(/subscri/), /got a refused subscription: let this user subscribe/)
})

t.test('a first attempt that gets nowhere is refused with the reason', async (t) => {
  const nobody = `mqtt://127.0.0.1:${await freePort()}`
  const silent = await listen(t, () => {})
  const hangingUp = await listen(t, (socket) => socket.end())
  const foreign = await listen(t, (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const strict = await startAedes(t, {
    authenticate: (...[, , , done]) => done(Object.assign(new Error(), { returnCode: 4 }), false),
  })
  const closed = await startAedes(t, {
    authorizeSubscribe: (_client, _subscription, done) => done(null, null),
  })
  const attempts: [string, RegExp][] = [
    [nobody, /got nobody listening: start the broker or correct the address$/],
    [silent.url, /got no answer within 0\.2 seconds: check that an MQTT broker answers there$/],
    [hangingUp.url, /got a connection that closed without an answer: check/],
    [foreign.url, /: check that an MQTT broker answers there$/],
    [strict.url, /got a refusal of the user name or password: correct them$/],
    [closed.url, /got a refused subscription: let this user subscribe below its base$/],
  ]
  for (const [url, message] of attempts) {
    const attempt = startSimulatedNode({
      url: url.replace('//', '//clown:s3cret@'),
      connectTimeoutMs: url === silent.url ? 200 : 5000,
    })
    const error = await attempt.catch((thrown: unknown) => thrown)
    t.match(error, { code: 'cannot-connect', message })
    t.match(error, { message: `expected an MQTT broker at ${url}, got` })
    t.notMatch(String(error), /s3cret/)
  }
})

t.test('a refused first attempt leaves no timer behind', async (t) => {
  const silent = await listen(t, () => {})
  const before = countTimers()
  for (const url of [silent.url, `mqtt://127.0.0.1:${await freePort()}`]) {
    await t.rejects(startSimulatedNode({ url, connectTimeoutMs: 50 }), { code: 'cannot-connect' })
    await socketsClosed()
    t.equal(countTimers(), before)
  }
})

t.test('a name that is no topic, and a password without user, are refused', async (t) => {
  const url = `mqtt://127.0.0.1:${await freePort()}`
  await t.rejects(startSimulatedNode({ url, name: 'nodes/#' }), { code: 'bad-topic' })
  const error = await startSimulatedNode({ url, password: 's3cret' }).catch(String)
  t.match(error, /expected a user name with the password for mqtt:.*, got a password alone/)
  t.notMatch(error, /s3cret/)
})

t.test('close takes leave properly, and nothing is published afterwards', async (t) => {
  const { url, aedes } = await startAedes(t)
  const node = await startNode(t, { url, publishIntervalMs: 1 })
  let goodbyes = 0
  aedes.on('clientDisconnect', () => goodbyes++)
  await node.close()
  await node.close()
  t.equal(aedes.connectedClients, 0)
  t.equal(goodbyes, 1)
})

t.test('close does not wait for a broker that is gone or no longer answers', async (t) => {
  const gone = await startAedes(t)
  const before = countTimers()
  const { log, next } = createLog()
  const lost = await startNode(t, { url: gone.url, log })
  await gone.stop()
  await next(/^lost/)
  await lost.close()
  await socketsClosed()
  t.equal(countTimers(), before, 'it dials no more')

  // It never acknowledges a publish at QoS 1, for which a polite client would wait for ever.
  const deaf = await startAedes(t, { authorizePublish: () => {} })
  const stuck = await startNode(t, { url: deaf.url })
  await stuck.close()
  t.equal(deaf.sockets.size, 0)
})

t.test('a device that is put away says what its will would have said', async (t) => {
  const { url, aedes } = await startAedes(t)
  const told: string[] = []
  aedes.on('publish', ({ topic, payload }) => told.push(`${topic} ${payload}`))
  const module = await startNode(t, { url, convention: conventions.tasmota, name: 'pump' })
  await module.close()
  t.ok(told.includes('tele/pump/LWT Online'))
  t.equal(told.at(-1)?.startsWith('$SYS'), true)
  t.equal(told.filter((line) => !line.startsWith('$SYS')).at(-1), 'tele/pump/LWT Offline')
})

t.test('one that nothing can be told subscribes to nothing, and tells', async (t) => {
  const { url, aedes } = await startAedes(t)
  const told = once(aedes, 'publish')
  await startNode(t, { url, convention: conventions.rtl_433 })
  await told
})

t.test('a name of several levels is refused where there is room for one', async (t) => {
  const url = `mqtt://127.0.0.1:${await freePort()}`
  await t.rejects(startSimulatedNode({ url, convention: conventions.homie, name: 'a/b' }), {
    code: 'bad-topic',
    message: 'expected a name without / in it, got "a/b"',
  })
})

/** The first byte of a DISCONNECT packet [MQTT-3.14.1-1]. */
const disconnectByte = 0xe0

t.test('a node leaves without a word, and comes back when it is to', async (t) => {
  const aedes = await Aedes.createBroker()
  t.teardown(() => new Promise<void>((resolve) => aedes.close(() => resolve())))
  const said: number[] = []
  const { url } = await listen(t, (socket) => {
    socket.on('data', (bytes) => said.push(bytes[0] ?? 0))
    aedes.handle(socket)
  })
  const { log, next } = createLog()
  await startNode(t, { url, log, absence: { offlineAfterMs: 30, backAfterMs: 30 } })
  await next(/^connected to/)
  const gone = once(aedes, 'clientDisconnect')
  t.equal(await next(/^left/), `left ${url} without a word, as it was told to`)
  await gone
  t.equal(aedes.connectedClients, 0)
  t.notOk(said.includes(disconnectByte))
  await next(/^connected to/)
  const got = once(aedes, 'publish')
  command(aedes, 'nodes/bridge/0/led/-/get', '{}')
  await got
})

t.test('a node that is to stay away does so, and can still be closed', async (t) => {
  const { url, aedes } = await startAedes(t)
  const before = countTimers()
  const { log, next } = createLog()
  const node = await startNode(t, { url, log, absence: { offlineAfterMs: 30 } })
  const gone = once(aedes, 'clientDisconnect')
  await next(/^left/)
  await gone
  await node.close()
  await socketsClosed()
  t.equal(countTimers(), before, 'it does not dial')
})

t.test('a node that has lost its broker leaves when it has found it again', async (t) => {
  const first = await startAedes(t)
  const { log, next } = createLog()
  await startNode(t, { url: first.url, log, absence: { offlineAfterMs: 500 } })
  await first.stop()
  await next(/got nobody listening/)
  const second = await startAedes(t, {}, first.port)
  const gone = once(second.aedes, 'clientDisconnect')
  await next(/^left/)
  await gone
})

t.test('a closed node neither leaves nor comes back', async (t) => {
  const { url } = await startAedes(t)
  const before = countTimers()
  const { log, next } = createLog()
  const hour = 3_600_000
  const staying = await startNode(t, { url, absence: { offlineAfterMs: hour } })
  await staying.close()
  const away = await startNode(t, { url, log, absence: { offlineAfterMs: 5, backAfterMs: hour } })
  await next(/^left/)
  await away.close()
  await socketsClosed()
  t.equal(countTimers(), before)
})
