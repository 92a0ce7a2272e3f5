import { once } from 'node:events'
import t from 'tap'
import { rawMqttTo, settled, signedIn, subscribePacket } from '../raw-mqtt.ts'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'
import { testFolder } from '../test-folder.ts'

const base = 'nodes/bridge/0'
const users = {
  clown: { password: 'bigclown', role: 'admin' },
  bridge: { password: 'three', role: 'node', base },
} as const

t.test('a node that hears a command and says nothing at all is cut off', async (t) => {
  const hub = await startedHub(t, { users, commands: { timeoutSeconds: 0.2 } })
  const node = await rawMqttTo(t, hub.mqttPort)
  await signedIn(node, { user: 'bridge', password: 'three' })
  // It acknowledges nothing, and has reported nothing: it is the node by its user.
  node.send(subscribePacket([`${base}/+/+/set`], 0))
  await settled(node)
  const failed = once(node.stream, 'error')
  const page = await talkTo(t, hub)
  page.send('relay/0/set', { state: true })
  t.match(await failed, [{ code: 'ECONNRESET' }])
})

t.test('what contradicts a device is told on its topic for errors', async (t) => {
  const meter = `${base}/power-meter/-`
  const proof = { topic: meter, quantity: 'power', above: 5, withinSeconds: 0.1 }
  const rules = [{ topic: `${base}/relay/0`, proof }]
  const hub = await startedHub(t, { commands: { rules } })
  const { client, messages } = await mqttTo(t, hub, { filter: `${base}/+/+/error` })
  await client.publishAsync(`${base}/relay/0`, '{"state":true}', { qos: 1 })
  await client.publishAsync(meter, '{"power":[0,"W"]}', { qos: 1 })
  const { topic, payload } = await messages.next()
  t.equal(topic, `${base}/relay/0/error`)
  t.match(JSON.parse(String(payload)), { code: 'without-effect' })
})

t.test(
  'after a restart a last value comes with its age, if that is known, and as a doubtful one',
  async (t) => {
    const data = { folder: testFolder(t) }
    const before = await startedHub(t, { data })
    const { client } = await mqttTo(t, before)
    const say = (topic: string, text: string) =>
      client.publishAsync(topic, text, { qos: 1, retain: true })
    await say(`${base}/relay/0`, '{"state":true}')
    // What belongs to a profile is no device: when it was said is not kept.
    await say('homie/5/lamp/$state', 'ready')
    await say('homie/5/lamp/$description', '{}')
    await before.close()
    const page = await talkTo(t, await startedHub(t, { data }), '/talk')
    page.send('clown.talk/-/config/set', { ages: true })
    const relay = await page.on(`${base}/relay/0`)
    t.match(relay, [String, { state: true }, { ageMs: Number, stale: true }])
    const lamp = await page.on('homie/5/lamp/$description')
    t.same(lamp, ['homie/5/lamp/$description', {}, { ageMs: null }])
  },
)

t.test('what was said before its device was announced is no device beside it', async (t) => {
  const hub = await startedHub(t)
  const { client } = await mqttTo(t, hub)
  const page = await talkTo(t, hub, '/talk')
  const on = { datatype: 'boolean', settable: true }
  const description = { homie: '5.0', version: 1, nodes: { a: { properties: { on } } } }
  // As it comes after a restart of a broker, in any order and without a break.
  const said = {
    'a/on': 'true',
    $description: JSON.stringify(description),
    $state: 'ready',
  }
  for (const [path, text] of Object.entries(said)) {
    client.publish(`homie/5/lamp/${path}`, text, { retain: true })
  }
  await page.on('devices/homie/lamp/relay/a%2Fon')
  page.send('-/-/config/list', {})
  const actuators = ['devices/homie/lamp/relay/a%2Fon']
  t.same((await page.on('-/-/config/ok'))[1], { sensors: [], actuators, notifications: [] })
})
