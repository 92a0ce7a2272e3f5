import { once } from 'node:events'
import { createServer } from 'node:net'
import { connectAsync } from 'mqtt'
import t from 'tap'
import { startHub } from '../src/hub.ts'
import { mqttTo, startedHub, talkTo } from './started-hub.ts'
import { testFolder } from './test-folder.ts'

const relay = 'nodes/bridge/0/relay/i2c0-3b'

t.test('a command from a websocket reaches exactly the nodes that asked for it', async (t) => {
  const hub = await startedHub(t)
  const node = await mqttTo(t, hub, { filter: `${relay}/set` })
  const other = await mqttTo(t, hub, { filter: 'nodes/bridge/1/#' })
  const page = await talkTo(t, hub)
  page.send('relay/i2c0-3b/set', { state: true })
  const command = await node.on(`${relay}/set`)
  t.match(command, { qos: 1, retain: false, payload: Buffer.from('{"state":true}') })

  await node.client.publishAsync(relay, '{"state":true}', { retain: true, qos: 1 })
  t.same(await page.on('relay/i2c0-3b'), ['relay/i2c0-3b', { state: true }])
  t.equal(other.messages.items.length, 0)
})

t.test('every session of a base sees every message below it, its own included', async (t) => {
  const hub = await startedHub(t)
  const one = await talkTo(t, hub, '/talk/nodes/bridge/0')
  const two = await talkTo(t, hub)
  const elsewhere = await talkTo(t, hub, '/talk/nodes/bridge/1')
  const everything = await talkTo(t, hub, '/talk')
  const node = await mqttTo(t, hub)
  one.send('led/-/set', { state: 'on' })
  await node.client.publishAsync('nodes/bridge/0', '"the base itself is not below it"')
  await node.client.publishAsync('nodes/bridge/0/led/-', '{"state":"on"}')
  const expected = [
    ['led/-/set', { state: 'on' }],
    ['led/-', { state: 'on' }],
  ]
  for (const session of [one, two]) {
    await session.on('led/-')
    t.same(await session.settle(), expected)
  }
  t.same(await elsewhere.settle(), [])
  const topics = (await everything.settle()).map(([topic]) => topic)
  t.ok(topics.includes('nodes/bridge/0/led/-'))
  t.ok(topics.includes('nodes/bridge/0'))
  t.notOk(topics.some((topic) => topic.startsWith('$')))
})

t.test('after its introduction a session gets the last values, then live messages', async (t) => {
  const hub = await startedHub(t)
  const node = await mqttTo(t, hub)
  await node.client.publishAsync(relay, '{"state":false}', { retain: true, qos: 1 })
  const thermometer = 'nodes/bridge/0/thermometer/i2c0-48'
  await node.client.publishAsync(thermometer, '{"temperature":[20.10,"℃"]}', { qos: 1 })
  await node.client.publishAsync('nodes/bridge/0/boot', '{"reason-for-reset":"power-on"}', {
    qos: 1,
  })
  await node.client.publishAsync(`${relay}/set`, '{"state":false}', { qos: 1 })
  await node.client.publishAsync('nodes/bridge/0/led/-', '{"state":"on"}', { qos: 1, retain: true })
  await node.client.publishAsync('nodes/bridge/0/led/-', '', { qos: 1, retain: true })

  const page = await talkTo(t, hub)
  t.same(await page.settle(), [], 'nothing before the introduction')
  page.send('clown.talk/-/config/set', {})
  await page.on('thermometer/i2c0-48')
  page.send('relay/i2c0-3f', { state: true })
  await page.on('relay/i2c0-3f')
  const frames = await page.settle()
  t.match(frames, [
    ['clown.talk/-/config/ok', { ack: false, device: 'hub', capabilities: 1 }],
    ['relay/i2c0-3b', { state: false }],
    // The node has started since.
    ['relay/i2c0-3b/error', { code: 'state-unknown' }],
    ['thermometer/i2c0-48', { temperature: [20.1, '℃'] }],
    ['relay/i2c0-3f', { state: true }],
  ])
  t.equal(frames.length, 5, 'no event, no command, nothing that was cleared')
  t.ok(page.texts.includes('["thermometer/i2c0-48",{"temperature":[20.10,"℃"]}]\n'))
})

t.test('no payload of an MQTT client breaks the JSON of a page', async (t) => {
  const hub = await startedHub(t)
  const page = await talkTo(t, hub)
  const node = await mqttTo(t, hub)
  const payloads: [string | Buffer, unknown[]][] = [
    ['', ['x/y', null]],
    ['on', ['x/y', 'on']],
    ['{"a":\n1}', ['x/y', { a: 1 }]],
    ['{"a":1', ['x/y', '{"a":1']],
    [Buffer.from([0xc3, 0x28]), ['x/y', 'wyg=', { encoding: 'base64' }]],
    ['{"__proto__":{"polluted":1}}', ['x/y', JSON.parse('{"__proto__":{"polluted":1}}')]],
  ]
  for (const [payload, frame] of payloads) {
    await node.client.publishAsync('nodes/bridge/0/x/y', payload)
    t.same(await page.on('x/y'), frame)
  }
  t.ok(page.texts.every((text) => text.indexOf('\n') === text.length - 1))
})

t.test('a refused line is answered to its sender, and the connection stays', async (t) => {
  const hub = await startedHub(t)
  const page = await talkTo(t, hub)
  const other = await talkTo(t, hub)
  page.send('relay/i2c0-3b/set', { state: 'on' })
  page.send('relay/+/set', { state: true })
  page.websocket.send('nonsense')
  t.match(await page.settle(), [
    ['relay/i2c0-3b/set/error', { code: 'bad-payload', message: /expected .*boolean, got "on"/ }],
    ['clown.talk/-/error', { code: 'bad-topic', message: /no wildcard \+, got "nodes/ }],
    ['clown.talk/-/error', { code: 'bad-frame', message: /expected \["topic", payload\]/ }],
  ])
  t.same(await other.settle(), [])
  page.send('relay/i2c0-3b/set', { state: true })
  await page.on('relay/i2c0-3b/set')
})

t.test('binary frames are read as UTF-8', async (t) => {
  const hub = await startedHub(t)
  const page = await talkTo(t, hub)
  page.websocket.send(Buffer.from('["a/b", "č"]'))
  t.same(await page.on('a/b'), ['a/b', 'č'])
  page.websocket.send(Buffer.from([0x5b, 0xff]))
  t.match(await page.on('clown.talk/-/error'), ['clown.talk/-/error', { code: 'bad-frame' }])
})

t.test('a command over MQTT that breaks its schema becomes its refusal', async (t) => {
  const hub = await startedHub(t)
  const node = await mqttTo(t, hub, { filter: `${relay}/set` })
  const sender = await mqttTo(t, hub, { filter: `${relay}/set/error` })
  await sender.client.publishAsync(`${relay}/set`, '{"state":"on"}', { qos: 1 })
  const { payload } = await sender.on(`${relay}/set/error`)
  t.match(JSON.parse(String(payload)), { code: 'bad-payload', message: /got "on"/ })
  await sender.client.publishAsync(`${relay}/set`, '{"state":true}', { qos: 1 })
  t.same(String((await node.on(`${relay}/set`)).payload), '{"state":true}')
  t.equal(node.messages.items.length, 1)
  t.match(hub.counters(), { 'command-refused': 1 })
})

t.test('who may write but not retain is heard, without the flag', async (t) => {
  const users = {
    reader: { password: 'r', role: 'viewer' },
    writer: { password: 'w', rules: [{ allow: ['write'], topic: '#' }] },
  } as const
  const hub = await startedHub(t, { users })
  const reader = { username: 'reader', password: 'r', filter: '#' }
  const watching = await mqttTo(t, hub, reader)
  const { client } = await mqttTo(t, hub, { username: 'writer', password: 'w' })
  await client.publishAsync('a/b', '1', { qos: 1, retain: true })
  t.match(await watching.on('a/b'), { retain: false, payload: Buffer.from('1') })
  const line = await hub.log.next(({ kind }) => kind === 'right-to-retain-missing')
  t.match(line, { user: 'writer', topic: 'a/b' })
  const late = await mqttTo(t, hub, reader)
  await client.publishAsync('c', '2', { qos: 1 })
  await late.on('c')
  t.same(
    late.messages.items.map(({ topic }) => topic),
    ['c'],
    'nothing was kept',
  )
})

t.test('a command is never retained, and the log says so', async (t) => {
  const hub = await startedHub(t)
  const sender = await mqttTo(t, hub, { filter: `${relay}/set` })
  await sender.client.publishAsync(`${relay}/set`, '{"state":true}', { qos: 1, retain: true })
  await sender.on(`${relay}/set`)
  const late = await mqttTo(t, hub, { filter: [`${relay}/set`, `${relay}/after`] })
  await late.client.publishAsync(`${relay}/after`, '1', { qos: 1 })
  await late.on(`${relay}/after`)
  t.equal(late.messages.items.length, 1)
  t.match(await hub.log.next(({ kind }) => kind === 'command-not-retained'), {
    topic: `${relay}/set`,
  })
})

t.test('a report that breaks its schema is passed on, counted and logged', async (t) => {
  const hub = await startedHub(t)
  const page = await talkTo(t, hub)
  page.send('thermometer/i2c0-48', { temperature: 'warm' })
  t.same(await page.on('thermometer/i2c0-48'), ['thermometer/i2c0-48', { temperature: 'warm' }])
  t.equal(hub.counters()['report-breaks-schema'], 1)
  t.match(await hub.log.next(({ kind }) => kind === 'report-breaks-schema'), {
    topic: 'nodes/bridge/0/thermometer/i2c0-48',
    problem: /temperature/,
  })
})

t.test('a message on a topic of the hub is acknowledged and dropped', async (t) => {
  const hub = await startedHub(t)
  const { client, messages } = await mqttTo(t, hub, { filter: '$SYS/forged' })
  await client.publishAsync('$SYS/forged', '1', { qos: 1 })
  await client.publishAsync('a', '1', { qos: 1 })
  t.same(messages.items, [])
  t.match(await hub.log.next(({ kind }) => kind === 'mqtt-dollar-topic'), { topic: '$SYS/forged' })
})

t.test('MQTT clients need a user and a password of the hub', async (t) => {
  const hub = await startedHub(t)
  for (const credentials of [{ username: '' }, { password: 'wrong' }]) {
    await t.rejects(mqttTo(t, hub, credentials), { code: 4 })
  }
  const anonymous = connectAsync(`mqtt://127.0.0.1:${hub.mqttPort}`, { reconnectPeriod: 0 })
  await t.rejects(anonymous, { code: 4 })
})

t.test('clients of MQTT 5 are clients like others', async (t) => {
  const hub = await startedHub(t)
  const page = await talkTo(t, hub)
  const { client } = await mqttTo(t, hub, { protocolVersion: 5 })
  await client.publishAsync('nodes/bridge/0/pir/-', '{"event-count":1}')
  t.same(await page.on('pir/-'), ['pir/-', { 'event-count': 1 }])
})

t.test('MQTT over websocket is the same broker', async (t) => {
  const hub = await startedHub(t)
  const page = await talkTo(t, hub)
  const client = await connectAsync(`ws://127.0.0.1:${hub.httpPort}/mqtt`, {
    username: 'clown',
    password: 'bigclown',
    reconnectPeriod: 0,
  })
  t.teardown(() => client.endAsync(true))
  await client.publishAsync('nodes/bridge/0/pir/-', '{"event-count":1}')
  t.same(await page.on('pir/-'), ['pir/-', { 'event-count': 1 }])
})

t.test('a hub that closes says so, frees its ports and can be closed twice', async (t) => {
  const hub = await startedHub(t)
  const page = await talkTo(t, hub)
  const node = await mqttTo(t, hub)
  const next = createServer().unref()
  const closed = once(page.websocket, 'close')
  await Promise.all([hub.close(), hub.close()])
  const [code, reason] = await closed
  t.equal(code, 1012)
  t.match(String(reason), /^the hub is stopping: come back in [12] s$/)
  await node.closed
  next.listen(hub.mqttPort, '127.0.0.1')
  await once(next, 'listening')
  next.close()
})

t.test('a hub says at its start what its configuration has to be changed for', async (t) => {
  const old: object = { process: { memoryShedMiB: 8192 } }
  const hub = await startedHub(t, { limits: old })
  const line = await hub.log.next(({ msg }) => msg.startsWith('limits.process.memoryShedMiB'))
  t.match(line, { level: 40, msg: /is called limits\.memory\.mib now/ })
})

t.test('a data folder belongs to one hub at a time', async (t) => {
  const data = { folder: testFolder(t) }
  const hub = await startedHub(t, { data })
  const users = { clown: { password: 'bigclown' } }
  const second = { http: { port: 0 }, mqtt: { port: 0 }, users, data }
  await t.rejects(startHub(second), { code: 'cannot-open-store', message: /no other hub/ })
  await hub.close()
  await startedHub(t, { data })
})

t.test('a hub that cannot start leaves nothing open', async (t) => {
  const hub = await startedHub(t)
  const users = { clown: { password: 'bigclown' } }
  const taken = { http: { port: 0 }, mqtt: { port: hub.mqttPort }, users }
  await t.rejects(startHub(taken), {
    code: 'cannot-listen',
    message: `cannot listen on 127.0.0.1 port ${hub.mqttPort}: it is in use; end the program that holds it, or set CLOWN_MQTT_PORT to another port`,
  })
})
