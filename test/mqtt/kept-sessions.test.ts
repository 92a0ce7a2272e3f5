import t, { type Test } from 'tap'
import {
  accepted,
  connectPacket,
  isPublish,
  number,
  openHub,
  packet,
  publishPacket,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  resumed,
  settled,
  subscribePacket,
} from '../raw-mqtt.ts'
import type { StartedHub } from '../started-hub.ts'
import { clientOf } from './wire-clients.ts'

const command = 'nodes/bridge/0/relay/i2c0-3b/set'
const report = 'nodes/bridge/0/relay/i2c0-3b'
const payload = '{"state":true}'

async function leave(hub: StartedHub, raw: RawMqtt): Promise<void> {
  raw.stream.destroy()
  await hub.log.next(({ msg }) => msg === 'MQTT client gone')
}

/** What waits for the client `node` when it comes back. */
async function waitingOf(t: Test, hub: StartedHub) {
  const raw = await clientOf(t, hub, { clientId: 'node', clean: false })
  await settled(raw)
  return raw.packets.filter(isPublish).map((packet) => readPublish(packet))
}

t.test('a report waits for a client that is away, and a command does not', async (t) => {
  const hub = await openHub(t)
  const node = await clientOf(t, hub, { clientId: 'node', clean: false })
  node.send(subscribePacket(['nodes/#'], 1))
  await node.next()
  await leave(hub, node)
  const page = await clientOf(t, hub, { clientId: 'page' })
  page.send(
    publishPacket(command, { payload, qos: 1, id: 1 }),
    publishPacket(report, { payload, qos: 1, id: 2 }),
  )
  await settled(page)
  t.match(await waitingOf(t, hub), [{ topic: report, dup: false }])
})

t.test('a filter that is refused is not kept either', async (t) => {
  const hub = await openHub(t, { limits: { mqtt: { subscriptions: 1 } } })
  const node = await clientOf(t, hub, { clientId: 'node', clean: false })
  node.send(subscribePacket(['fine', 'secret'], 1))
  t.equal(await node.next(), '900400010180')
  await leave(hub, node)
  const page = await clientOf(t, hub, { clientId: 'page' })
  page.send(publishPacket('secret', { qos: 1, id: 1 }), publishPacket('fine', { qos: 1, id: 2 }))
  await settled(page)
  t.match(await waitingOf(t, hub), [{ topic: 'fine' }])
})

t.test('an unacknowledged report comes again, and a command does not', async (t) => {
  const hub = await openHub(t)
  const node = await clientOf(t, hub, { clientId: 'node', clean: false })
  node.send(subscribePacket(['nodes/#'], 1))
  await node.next()
  const page = await clientOf(t, hub, { clientId: 'page' })
  page.send(
    publishPacket(command, { payload, qos: 1, id: 1 }),
    publishPacket(report, { payload, qos: 1, id: 2 }),
  )
  t.equal(readPublish(await node.next(isPublish)).topic, command)
  t.equal(readPublish(await node.next(isPublish)).topic, report)
  await leave(hub, node)
  t.match(await waitingOf(t, hub), [{ topic: report, dup: true }])
  t.equal(hub.counters()['mqtt-commands-dropped'], 1)
})

t.test('messages and subscriptions at QoS 0 keep nothing, and what is kept stays', async (t) => {
  const hub = await openHub(t)
  const node = await clientOf(t, hub, { clientId: 'node', clean: false })
  node.send(subscribePacket(['zero'], 0), subscribePacket(['one'], 1))
  await settled(node)
  await leave(hub, node)
  const page = await clientOf(t, hub, { clientId: 'page' })
  page.send(
    publishPacket('one', { qos: 1, id: 1, payload: '1' }),
    publishPacket('zero', { qos: 1, id: 2 }),
    publishPacket('one', { qos: 0 }),
    publishPacket('one', { qos: 1, id: 3, payload: '2' }),
  )
  await settled(page)
  const waiting = await waitingOf(t, hub)
  t.same(
    waiting.map((message) => message.payload.toString()),
    ['1', '2'],
  )
})

t.test('past its limits a client that was away has the newest messages', async (t) => {
  const hub = await openHub(t, { limits: { sessions: { messages: 2 } } })
  const node = await clientOf(t, hub, { clientId: 'node', clean: false })
  node.send(subscribePacket(['nodes/#'], 1))
  await node.next()
  await leave(hub, node)
  const page = await clientOf(t, hub, { clientId: 'page' })
  for (const id of [1, 2, 3, 4])
    page.send(publishPacket('nodes/a', { payload: `${id}`, qos: 1, id }))
  await settled(page)
  const waiting = await waitingOf(t, hub)
  t.same(
    waiting.map((message) => String(message.payload)),
    ['3', '4'],
  )
  t.equal(hub.counters()['mqtt-messages-dropped'], 2)
})

t.test('a client that never acknowledges costs a bounded number of messages', async (t) => {
  const hub = await openHub(t, { limits: { sessions: { messages: 2 } } })
  const node = await clientOf(t, hub, { clientId: 'node', clean: false })
  node.send(subscribePacket(['nodes/#'], 1))
  await node.next()
  const page = await clientOf(t, hub, { clientId: 'page' })
  for (const id of [1, 2, 3]) page.send(publishPacket('nodes/a', { payload: `${id}`, qos: 2, id }))
  await settled(page)
  for (const id of [1, 2, 3]) page.send(packet(0x62, number(id)))
  for (const id of [1, 2, 3])
    t.match(readPublish(await node.next(isPublish)), { payload: Buffer.from(`${id}`) })
  await leave(hub, node)
  t.match(await waitingOf(t, hub), [{ dup: true }, { dup: true }])
  t.equal(hub.counters()['mqtt-messages-dropped'], 1)
})

t.test('a new message has none of the ids that are under way', async (t) => {
  const hub = await openHub(t)
  const node = await clientOf(t, hub, { clientId: 'node', clean: false })
  node.send(subscribePacket(['nodes/#'], 1))
  await node.next()
  const page = await clientOf(t, hub, { clientId: 'page' })
  page.send(publishPacket('nodes/a', { payload: 'under way', qos: 1, id: 1 }))
  await node.next(isPublish)
  await leave(hub, node)
  page.send(publishPacket('nodes/a', { payload: 'new', qos: 1, id: 2 }))
  await settled(page)
  const waiting = await waitingOf(t, hub)
  t.same(
    waiting.map(({ id }) => id),
    [1, 2],
  )
})

t.test('a kept message has no retain flag and the QoS of its subscription', async (t) => {
  const hub = await openHub(t)
  const node = await clientOf(t, hub, { clientId: 'node', clean: false })
  node.send(subscribePacket(['nodes/#'], 1))
  await node.next()
  await leave(hub, node)
  const page = await clientOf(t, hub, { clientId: 'page' })
  page.send(publishPacket('nodes/a', { qos: 2, id: 1, retain: true }), packet(0x62, number(1)))
  await settled(page)
  t.match(await waitingOf(t, hub), [{ qos: 1, retain: false }])
})

t.test('past the number of sessions the one longest away is given up', async (t) => {
  const hub = await openHub(t, { limits: { sessions: { count: 1 } } })
  for (const clientId of ['one', 'two']) {
    const raw = await clientOf(t, hub, { clientId, clean: false })
    raw.send(subscribePacket(['nodes/#'], 1))
    await raw.next()
    await leave(hub, raw)
  }
  t.equal(hub.counters()['mqtt-sessions-ended'], 1)
  const one = await rawMqttTo(t, hub.mqttPort)
  one.send(connectPacket({ clientId: 'one', clean: false }))
  t.equal(await one.next(), accepted)
  const two = await rawMqttTo(t, hub.mqttPort)
  two.send(connectPacket({ clientId: 'two', clean: false }))
  t.equal(await two.next(), resumed)
})

t.test('F15: a flood of retained values stops at the limit', async (t) => {
  const hub = await openHub(t, { limits: { retained: { topics: 100, valueBytes: 10 } } })
  const page = await clientOf(t, hub, { clientId: 'page' })
  for (let count = 0; count < 1000; count++) {
    page.send(publishPacket(`a/${count}`, { payload: `${count}`, retain: true }))
  }
  page.send(publishPacket('a/1', { payload: 'much too large', retain: true }))
  page.send(publishPacket('a/2', { payload: '', retain: true }))
  await settled(page)
  const late = await clientOf(t, hub, { clientId: 'late' })
  late.send(subscribePacket(['a/#']))
  const values = new Map<string, string>()
  while (values.size < 98) {
    const { topic, payload: value } = readPublish(await late.next(isPublish))
    values.set(topic, String(value))
  }
  t.notOk(values.has('a/1'), 'nor does the old value stay in place of one that is too large')
  t.notOk(values.has('a/2'), 'an empty value takes one away')
  t.equal(hub.counters()['retained-refused'], 901)
})
