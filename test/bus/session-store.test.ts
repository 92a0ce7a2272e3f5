import type { AedesPublishPacket, Client } from 'aedes'
import t, { type Test } from 'tap'
import { SessionStore } from '../../src/bus/session-store.ts'
import {
  type ConnectFields,
  isPublish,
  openHub,
  publishPacket,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
} from '../raw-mqtt.ts'
import type { StartedHub } from '../started-hub.ts'

const command = 'nodes/bridge/0/relay/i2c0-3b/set'
const report = 'nodes/bridge/0/relay/i2c0-3b'
const payload = '{"state":true}'

async function clientOf(t: Test, hub: StartedHub, fields: ConnectFields): Promise<RawMqtt> {
  return signedIn(await rawMqttTo(t, hub.mqttPort), fields)
}

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

t.test('what was never sent is not cleared', async (t) => {
  const store = new SessionStore()
  const client = { id: 'sleeper' } as Client
  const unsent = { cmd: 'publish', topic: 'a', payload: '1', qos: 1, retain: false, dup: false }
  const packet = { ...unsent, messageId: undefined } as unknown as AedesPublishPacket
  await store.outgoingEnqueue({ clientId: client.id }, packet)
  t.equal(await store.outgoingClearMessageId(client, packet), undefined)
  const kept: unknown[] = []
  for await (const waiting of store.outgoingStream(client)) kept.push(waiting)
  t.equal(kept.length, 1)
})
