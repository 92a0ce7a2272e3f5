import { once } from 'node:events'
import { connect } from 'node:net'
import { connectAsync } from 'mqtt'
import t from 'tap'
import { budgetForNow, useMost, useUp } from './overload.ts'
import { rawExchange, upgradeText } from './raw-http.ts'
import { type HubPorts, mqttTo, startedHub, talkTo } from './started-hub.ts'

const authorization = `Basic ${Buffer.from('clown:bigclown').toString('base64')}`
const talk = upgradeText('/talk', { Authorization: authorization })
const health = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

/** Resolves when the MQTT port has cut a new connection without a word. */
async function cutByMqtt({ mqttPort }: HubPorts): Promise<number> {
  const socket = connect(mqttPort, '127.0.0.1').resume()
  await once(socket, 'close')
  return socket.bytesRead
}

/** What `/healthz` says, asked for over and over until it `matches`. */
async function healthOf({ httpPort }: HubPorts, matches: (body: string) => boolean) {
  for (;;) {
    const answer = await rawExchange(httpPort, health)
    if (matches(answer)) return answer
  }
}

t.test('there is one limit to the connections of all kinds', async (t) => {
  const hub = await startedHub(t, { limits: { connections: { total: 2 } } })
  const page = await talkTo(t, hub)
  const node = await mqttTo(t, hub)
  t.match(await rawExchange(hub.httpPort, health), /^HTTP\/1\.1 503 .*\r\nRetry-After: 5\r\n/s)
  t.match(await rawExchange(hub.httpPort, talk), /^HTTP\/1\.1 503 /)
  t.equal(await cutByMqtt(hub), 0)
  t.equal(hub.counters()['connections-refused'], 3)
  page.websocket.terminate()
  await healthOf(hub, (answer) => answer.includes(' 200 OK'))
  await node.client.publishAsync('a/b', '1', { qos: 1 })
})

t.test('a user has so many connections, whatever is spoken on them', async (t) => {
  const hub = await startedHub(t, { limits: { connections: { perUser: 3 } } })
  const user = { username: 'clown', password: 'bigclown', reconnectPeriod: 0 }
  const overWebSocket = `ws://127.0.0.1:${hub.httpPort}/mqtt`
  const page = await talkTo(t, hub)
  await mqttTo(t, hub)
  const bridge = await connectAsync(overWebSocket, user)
  t.teardown(() => bridge.endAsync(true))
  t.match(await rawExchange(hub.httpPort, talk), /^HTTP\/1\.1 503 /)
  await t.rejects(mqttTo(t, hub), { code: 3 })
  await t.rejects(connectAsync(overWebSocket, user), { code: 3 })
  t.equal(hub.counters()['connections-refused'], 3)
  t.match(await hub.log.next(({ kind }) => kind === 'connections-refused'), {
    limit: 'perUser',
    user: 'clown',
  })
  page.websocket.terminate()
  await bridge.endAsync()
  await healthOf(hub, (answer) => answer.includes(' 200 OK'))
  await mqttTo(t, hub)
})

t.test(
  'one that says nothing makes way for others, and those who have signed in stay',
  async (t) => {
    const hub = await startedHub(t, { limits: { connections: { unauthenticated: 1 } } })
    const page = await talkTo(t, hub)
    const silent = connect(hub.mqttPort, '127.0.0.1')
    t.teardown(() => silent.destroy())
    const closed = once(silent.resume(), 'close')
    await once(silent, 'connect')
    await mqttTo(t, hub)
    await closed
    t.equal(hub.counters()['connections-given-way'], 1)
    page.send('a/b', 1)
    await page.on('a/b')
  },
)

t.test('behind a proxy on this machine, everybody behind it is one address', async (t) => {
  const connections = { exemptLoopback: false, acceptBurst: 2, acceptsPerMinute: 1 }
  const hub = await startedHub(t, { limits: { connections } })
  const known = await startedHub(t, { limits: { connections } })
  for (let count = 0; count < 5; count++) {
    await mqttTo(t, known)
    await t.rejects(mqttTo(t, hub, { password: `${count}` }), { code: 4 })
    t.match(await rawExchange(hub.httpPort, health), /^HTTP\/1\.1 200 /)
  }
  for (let count = 0; count < 3; count++) {
    const socket = connect(hub.mqttPort, '127.0.0.1').resume()
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await once(socket, 'close')
  }
  t.match(await hub.log.next(({ kind }) => kind === 'connections-refused'), {
    limit: 'acceptsPerMinute',
    address: '127.0.0.1',
  })
})

t.test(
  'F51: short of memory the hub takes only those who are needed, and goes on with the others',
  async (t) => {
    const memory = budgetForNow()
    const users = {
      clown: { password: 'bigclown', role: 'admin' },
      page: { password: 'two', role: 'operator' },
      bridge: { password: 'three', role: 'node', base: 'nodes/bridge/0' },
    } as const
    const hub = await startedHub(t, { users, limits: { memory } })
    const old = await mqttTo(t, hub, { username: 'page', password: 'two', filter: '#' })
    useMost(memory, t)
    const basic = `Basic ${Buffer.from('page:two').toString('base64')}`
    const nodes = `GET /api/nodes HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${basic}\r\n\r\n`
    while (!(await rawExchange(hub.httpPort, nodes)).startsWith('HTTP/1.1 503 '));
    const operator = upgradeText('/talk', { Authorization: basic })
    t.match(await rawExchange(hub.httpPort, operator), /^HTTP\/1\.1 503 /)
    await t.rejects(mqttTo(t, hub, { username: 'page', password: 'two' }), { code: 3 })
    t.ok((hub.counters()['memory-refused'] ?? 0) >= 2)
    t.match(await rawExchange(hub.httpPort, health), /^HTTP\/1\.1 200 /)
    const page = await talkTo(t, hub)
    await mqttTo(t, hub, { username: 'bridge', password: 'three' })
    page.send('a/b', 1)
    await page.on('a/b')
    await old.on('nodes/bridge/0/a/b')
  },
)

t.test(
  'an overloaded hub drops reports at QoS 0, says so, and never drops a command',
  async (t) => {
    const memory = budgetForNow()
    const hub = await startedHub(t, { limits: { memory } })
    const page = await talkTo(t, hub)
    const node = await mqttTo(t, hub, { filter: 'nodes/bridge/0/#' })
    const late = await mqttTo(t, hub)
    await useUp(memory, t, hub)
    page.send('thermometer/i2c0-48', { temperature: [20, '℃'] })
    await node.client.publishAsync('nodes/bridge/0/thermometer/i2c0-48', '{}')
    page.send('relay/i2c0-3b/set', { state: true })
    await node.client.publishAsync('nodes/bridge/0/relay/i2c0-3b', '{"state":true}', { qos: 1 })
    await page.on('relay/i2c0-3b')
    await node.on('nodes/bridge/0/relay/i2c0-3b')
    const seen = node.messages.items.map(({ topic }) => topic)
    t.same(seen.sort(), ['nodes/bridge/0/relay/i2c0-3b', 'nodes/bridge/0/relay/i2c0-3b/set'])
    t.equal(hub.counters()['reports-shed'], 2)
    await node.client.publishAsync('nodes/bridge/0/kept', '1', { qos: 1, retain: true })
    t.equal((await node.on('nodes/bridge/0/kept')).payload.toString(), '1')
    await late.client.subscribeAsync('nodes/bridge/0/kept')
    await late.client.publishAsync('nodes/bridge/0/kept', '2', { qos: 1 })
    t.equal((await late.on('nodes/bridge/0/kept')).payload.toString(), '2', 'nothing was retained')
  },
)
