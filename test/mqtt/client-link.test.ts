import t, { type Test } from 'tap'
import {
  isPublish,
  openHub,
  publishPacket,
  type RawMqtt,
  readPublish,
  settled,
  subscribePacket,
  unsubscribePacket,
} from '../raw-mqtt.ts'
import type { StartedHub } from '../started-hub.ts'
import { clientOf } from './wire-clients.ts'

async function namedClient(t: Test, hub: StartedHub, clientId: string): Promise<RawMqtt> {
  return clientOf(t, hub, { clientId, clean: clientId !== 'kept' })
}

/** What came of messages, in short. */
function messagesOf(raw: RawMqtt): string[] {
  return raw.packets.filter(isPublish).map((text) => {
    const { topic, qos, payload } = readPublish(text)
    return `${topic} ${String(payload).slice(0, 9)} at ${qos}`
  })
}

for (const kind of ['clean', 'kept']) {
  t.test(`of several subscriptions of a ${kind} session the highest QoS counts`, async (t) => {
    const hub = await openHub(t)
    const sender = await namedClient(t, hub, 'sender')
    const raw = await namedClient(t, hub, kind)
    raw.send(
      subscribePacket(['a/#'], 0),
      subscribePacket(['a/b', 'a/c'], 1),
      subscribePacket(['d/e'], 0),
      subscribePacket(['d/+', '+/x'], 1),
    )
    await settled(raw)
    sender.send(
      publishPacket('a/b', { qos: 1, id: 1, payload: '1' }),
      publishPacket('a/z', { qos: 1, id: 2, payload: '2' }),
      publishPacket('d/e', { qos: 1, id: 3, payload: '3' }),
      publishPacket('d/x', { qos: 2, id: 4, payload: '4' }),
      publishPacket('a/b', { qos: 0, payload: '5' }),
    )
    await settled(sender)
    await settled(raw)
    const expected = ['a/b 1 at 1', 'a/b 5 at 0', 'a/z 2 at 0', 'd/e 3 at 1', 'd/x 4 at 1']
    t.same(messagesOf(raw).sort(), expected)
    raw.stream.destroy()
    await hub.log.next(({ msg }) => msg === 'MQTT client gone')
  })
}

t.test('what came at the QoS of another subscription does not come again', async (t) => {
  const hub = await openHub(t)
  const raw = await namedClient(t, hub, 'kept')
  raw.send(subscribePacket(['a/#'], 0), subscribePacket(['a/b'], 1))
  raw.send(publishPacket('a/b', { qos: 1, id: 1 }))
  await raw.next(isPublish)
  raw.send(Buffer.from('40020001', 'hex'))
  await settled(raw)
  raw.stream.destroy()
  await hub.log.next(({ msg }) => msg === 'MQTT client gone')
  const again = await namedClient(t, hub, 'kept')
  await settled(again)
  t.same(messagesOf(again), [])
})

t.test('a retained value comes at the QoS of its subscription', async (t) => {
  const hub = await openHub(t)
  const sender = await namedClient(t, hub, 'sender')
  sender.send(publishPacket('a/b', { qos: 1, id: 1, retain: true, payload: '1' }))
  await settled(sender)
  const raw = await namedClient(t, hub, 'raw')
  raw.send(subscribePacket(['a/+'], 0))
  await settled(raw)
  raw.send(subscribePacket(['a/#'], 2))
  await settled(raw)
  t.same(messagesOf(raw), ['a/b 1 at 0', 'a/b 1 at 1'])
})

t.test('a value that is not retained does not overtake the one before', async (t) => {
  const hub = await openHub(t, { limits: { retained: { valueBytes: 9 } } })
  const raw = await namedClient(t, hub, 'raw')
  raw.send(subscribePacket(['r/#']))
  await raw.next()
  const payloads = ['A', 'B too large', 'C', 'D too large']
  raw.send(...payloads.map((payload) => publishPacket('r/t', { payload, retain: true })))
  await settled(raw)
  t.same(
    messagesOf(raw),
    payloads.map((payload) => `r/t ${payload.slice(0, 9)} at 0`),
  )
})

t.test('others do not wait while retained values are looked for', async (t) => {
  const hub = await openHub(t, { limits: { mqtt: { publishBurst: 10_000 } } })
  const other = await namedClient(t, hub, 'other')
  const topics = Array.from({ length: 10_000 }, (_, at) => `a/${at}/b`)
  other.send(...topics.map((topic) => publishPacket(topic, { retain: true })))
  await settled(other)
  const raw = await namedClient(t, hub, 'raw')
  const nothing = Array.from({ length: 31 }, (_, at) => `+/+/c/${at}`)
  raw.send(subscribePacket([...nothing, 'a/1/b']))
  await raw.next()
  const value = raw.next(isPublish)
  const first = await Promise.race([
    value.then(() => 'the value'),
    settled(other).then(() => 'the other client'),
  ])
  t.equal(first, 'the other client')
  await value
})

t.test('nothing is sought for who unsubscribed', async (t) => {
  const hub = await openHub(t)
  const raw = await namedClient(t, hub, 'raw')
  const topics = Array.from({ length: 2000 }, (_, at) => `a/${at}`)
  raw.send(...topics.map((topic) => publishPacket(topic, { retain: true })))
  await settled(raw)
  raw.send(subscribePacket(['a/+']), unsubscribePacket(['a/+']))
  await settled(raw)
  t.ok(raw.packets.filter(isPublish).length < topics.length)
})
