import { once } from 'node:events'
import t from 'tap'
import { publish, requireProgram, subscribe } from '../programs.ts'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const users = {
  clown: { password: 'bigclown', role: 'admin' },
  bridge: { password: 'bigclown', role: 'node', base: 'nodes/bridge/0' },
} as const

const base = 'nodes/bridge/0'
const topicOfNode = `$SYS/hub/nodes/${base}`

/** What a line of mosquitto_sub says of a node. */
function nodeIn(line: string) {
  return JSON.parse(line.slice(line.indexOf('{')))
}

t.test('mosquitto_sub sees a node come, say what it has, and go', async (t) => {
  if (requireProgram(t, 'mosquitto_sub') === undefined) return
  const hub = await startedHub(t, { users })
  const admin = { port: hub.mqttPort, user: 'clown', password: 'bigclown' }
  const node = { port: hub.mqttPort, user: 'bridge', password: 'bigclown' }
  const heard = await subscribe(t, { ...admin, filter: topicOfNode })
  const next = async () => nodeIn(await heard.next())
  t.same(await next(), { online: false, lastSeen: null, devices: [] })
  const session = await subscribe(t, { ...node, filter: `${base}/+/+/set` })
  t.match(await next(), { online: true })
  const relay = { topic: `${base}/relay/i2c0-3b`, payload: '{"state":true}' }
  await publish({ ...node, ...relay, retain: true })
  t.match(await next(), { devices: [{ name: 'relay/i2c0-3b', kind: 'relay', role: 'actuator' }] })
  await session.stop()
  t.match(await next(), { online: false, lastSeen: /Z$/ })
  const late = await subscribe(t, { ...admin, filter: '$SYS/hub/nodes/#', format: '%r %t %p' })
  t.match(nodeIn(await late.next()), { online: false, devices: [{ name: 'relay/i2c0-3b' }] })
  t.match(late.items[0], `1 ${topicOfNode} `)
})

t.test('a page asks for the list and for a value, while its node sleeps', async (t) => {
  if (requireProgram(t, 'mosquitto_pub') === undefined) return
  const hub = await startedHub(t)
  const admin = { port: hub.mqttPort, user: 'clown', password: 'bigclown' }
  const say = (name: string, payload: string) =>
    publish({ ...admin, topic: `${base}/${name}`, payload })
  const page = await talkTo(t, hub)
  const other = await talkTo(t, hub)
  const node = await subscribe(t, { ...admin, filter: `${base}/+/+/+/#` })

  page.send('-/-/config/list', {})
  t.equal(await node.next(), `${base}/-/-/config/list {}`, 'nothing is known: the node may know')
  await say('boot', '{"reason-for-reset":"power-on"}')
  await say('thermometer/i2c0-48', '{"temperature":[20.10,"℃"]}')
  await say('relay/i2c0-3b', '{"state":false}')
  page.send('-/-/config/list', {})
  t.same(await page.on('-/-/config/ok'), [
    '-/-/config/ok',
    {
      sensors: ['thermometer/i2c0-48'],
      actuators: ['relay/i2c0-3b'],
      notifications: ['boot'],
    },
  ])

  await page.on('thermometer/i2c0-48')
  page.send('thermometer/i2c0-48/get', {}, { id: 'now?' })
  t.equal(await node.next(), `${base}/thermometer/i2c0-48/get {}`)
  const [, value, options] = await page.on('thermometer/i2c0-48')
  t.same(value, { temperature: [20.1, '℃'] })
  t.match(options, { id: 'now?', ageMs: Number })
  t.match(page.texts.at(-1), '20.10', 'as it came')
  page.send('thermometer/i2c0-48/get', {})
  t.equal((await page.on('thermometer/i2c0-48')).length, 2, 'a line without more gets no more')
  await other.settle()
  t.equal(other.frames.items.filter(([topic]) => topic === '-/-/config/ok').length, 0)
  t.equal(other.frames.items.filter(([topic]) => topic === 'thermometer/i2c0-48').length, 1)
})

t.test('who may only read is told the list, but asks no node', async (t) => {
  const hub = await startedHub(t, {
    users: { clown: { password: 'bigclown', role: 'viewer' }, bridge: users.bridge },
  })
  const page = await talkTo(t, hub)
  page.send('-/-/config/list', {})
  t.match(await page.on('-/-/config/list/error'), [String, { code: 'forbidden' }])
  const node = await mqttTo(t, hub, { username: 'bridge' })
  await node.client.publishAsync(`${base}/pir/-`, '{"event-count":1}', { qos: 1 })
  page.send('-/-/config/list', {})
  t.match(await page.on('-/-/config/ok'), [String, { sensors: ['pir/-'] }])
})

t.test('nodes, values and lists are known after a restart, before any node speaks', async (t) => {
  if (requireProgram(t, 'mosquitto_pub') === undefined) return
  const config = { data: { folder: testFolder(t) } }
  const before = await startedHub(t, config)
  const admin = { port: before.mqttPort, user: 'clown', password: 'bigclown' }
  await publish({
    ...admin,
    topic: `${base}/thermometer/i2c0-48`,
    payload: '{"temperature":[1,"℃"]}',
  })
  await before.close()

  const after = await startedHub(t, config)
  const page = await talkTo(t, after)
  page.send('clown.talk/-/config/set', {})
  t.same(await page.on('thermometer/i2c0-48'), ['thermometer/i2c0-48', { temperature: [1, '℃'] }])
  page.send('-/-/config/list', {})
  t.match(await page.on('-/-/config/ok'), [String, { sensors: ['thermometer/i2c0-48'] }])
  const authorization = `Basic ${Buffer.from('clown:bigclown').toString('base64')}`
  const url = `http://127.0.0.1:${after.httpPort}/api/nodes/${base}`
  t.match(await (await fetch(url, { headers: { authorization } })).json(), {
    online: null,
    devices: [{ value: { temperature: [1, '℃'] }, at: /Z$/ }],
  })
  page.websocket.close()
  await once(page.websocket, 'close')
})
