import t from 'tap'
import { mqttTo, startedHub, talkTo } from '../started-hub.ts'

const base = 'nodes/bridge/0'

t.test('a command and the report behind it both arrive, in their order', async (t) => {
  const hub = await startedHub(t, { limits: { commands: { perUserPerSecond: 1000 } } })
  const node = await mqttTo(t, hub, { filter: [`${base}/+/+/set`, `${base}/+/+/get`] })
  const page = await talkTo(t, hub)
  const other = await talkTo(t, hub)
  const expected: string[] = []
  for (let at = 0; at < 20; at++) {
    const relay = `relay/r${at}/set`
    const get = `thermometer/t${at}/get`
    page.websocket.send(`["${relay}",{"state":true}]\n["${get}",{}]\n`)
    expected.push(`${base}/${relay}`, `${base}/${get}`)
  }
  await node.on(`${base}/thermometer/t19/get`)
  t.same(
    node.messages.items.map(({ topic }) => topic),
    expected,
  )
  const topics = (await other.settle()).map(([topic]) => `${base}/${topic}`)
  t.same(topics, expected)
})

t.test(
  'messages of one MQTT client keep their order, whatever their QoS and retain flag',
  async (t) => {
    const hub = await startedHub(t)
    const sender = await mqttTo(t, hub)
    const receiver = await mqttTo(t, hub, { filter: 'mixed/#' })
    const expected: string[] = []
    for (let at = 0; at < 60; at++) {
      const options = { qos: ([0, 1, 2] as const)[at % 3] ?? 0, retain: at % 4 === 0 }
      expected.push(String(at))
      sender.client.publish(`mixed/${at}`, String(at), options)
    }
    await sender.client.publishAsync('mixed/last', 'last', { qos: 1 })
    await receiver.on('mixed/last')
    const received = receiver.messages.items.map(({ payload }) => String(payload))
    t.same([...received].sort(), [...expected, 'last'].sort(), 'none is missing, none comes twice')
    const retained = received.filter((text) => Number(text) % 12 === 0)
    t.same(retained, ['0', '12', '24', '36', '48'], 'what has the same QoS keeps its order')
  },
)

t.test('a message that matches several subscriptions of a client arrives once', async (t) => {
  const hub = await startedHub(t)
  const receiver = await mqttTo(t, hub, { filter: ['a/#', 'a/+', 'a/b'] })
  const sender = await mqttTo(t, hub)
  await sender.client.publishAsync('a/b', '1', { qos: 1 })
  await sender.client.publishAsync('a/b', '2')
  await receiver.messages.next(({ payload }) => String(payload) === '2')
  t.same(
    receiver.messages.items.map(({ payload }) => String(payload)),
    ['1', '2'],
  )
})

t.test('a command is not kept for a node that is away, a report is', async (t) => {
  const hub = await startedHub(t)
  const session = { clientId: 'sleeper', clean: false, filter: `${base}/#` }
  const sleeper = await mqttTo(t, hub, session)
  await sleeper.client.endAsync()
  const sender = await mqttTo(t, hub)
  await sender.client.publishAsync(`${base}/relay/i2c0-3b/set`, '{"state":true}', { qos: 1 })
  await sender.client.publishAsync(`${base}/relay/i2c0-3b`, '{"state":false}', { qos: 1 })
  const back = await mqttTo(t, hub, { ...session, filter: [] })
  await sender.client.publishAsync(`${base}/after/-`, '1', { qos: 1 })
  await back.on(`${base}/after/-`)
  const topics = back.messages.items.map(({ topic }) => topic)
  t.same(topics, [`${base}/relay/i2c0-3b`, `${base}/after/-`])
})
