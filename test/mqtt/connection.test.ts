import t, { type Test } from 'tap'
import {
  connectPacket,
  isPublish,
  openHub,
  publishPacket,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
  ways,
} from '../raw-mqtt.ts'
import { mqttTo } from '../started-hub.ts'
import { clientOf } from './wire-clients.ts'

const pad = 'x'.repeat(50_000)

/** More than the buffers of a kernel take for a socket nobody reads. */
const manyMessages = Array.from({ length: 400 }, (_, at) => `${at} ${pad}`)

/** Keeps `hub` busy for a while, in which somebody else does not read. */
async function untilFull(other: RawMqtt): Promise<void> {
  for (let times = 0; times < 200; times++) await settled(other)
}

/** Somebody who does not read gets more retained values than find room on the way. */
async function slowReader(t: Test) {
  const hub = await openHub(t, { limits: { retained: { valueBytes: 64 * 1024 } } })
  const other = await clientOf(t, hub, { clientId: 'other' })
  const retain = true
  other.send(...manyMessages.map((payload, at) => publishPacket(`kept/${at}`, { payload, retain })))
  await settled(other)
  const slow = await clientOf(t, hub, { clientId: 'slow' })
  slow.send(subscribePacket(['kept/#']))
  slow.stream.pause()
  await untilFull(other)
  return { hub, other, slow }
}

t.test('retained values wait for a slow reader, and nobody waits with them', async (t) => {
  const { hub, slow } = await slowReader(t)
  slow.stream.resume()
  const got = new Set<string>()
  while (got.size < manyMessages.length) got.add(readPublish(await slow.next(isPublish)).topic)
  t.notOk(hub.counters()['mqtt-slow-consumer'])
})

t.test('nothing is sought for who leaves while retained values wait for it', async (t) => {
  const { hub, other, slow } = await slowReader(t)
  slow.stream.destroy()
  await hub.log.next((line) => line.msg === 'MQTT client gone')
  await settled(other)
  t.notOk(hub.counters()['mqtt-connection-ended'])
})

for (const qos of [0, 1]) {
  t.test(`a connection goes on after thousands of messages at once, at QoS ${qos}`, async (t) => {
    const hub = await openHub(t, { limits: { mqtt: { publishBurst: 10_000 } } })
    const sender = await clientOf(t, hub, { clientId: 'sender' })
    const ids = Array.from({ length: 5000 }, (_, at) => at + 1)
    sender.send(...ids.map((id) => publishPacket('a', { qos, id })))
    await settled(sender)
    const answered = sender.packets.filter((packet) => packet.startsWith('4002'))
    t.equal(answered.length, qos * ids.length)
  })
}

t.test('a queue waits for a slow reader, too', async (t) => {
  const hub = await openHub(t, { limits: { sessions: { bytes: 32 * 1024 * 1024 } } })
  const other = await clientOf(t, hub, { clientId: 'other' })
  const before = await rawMqttTo(t, hub.mqttPort)
  await signedIn(before, { clientId: 'slow', clean: false })
  before.send(subscribePacket(['kept'], 1))
  await before.next()
  before.stream.destroy()
  await hub.log.next((line) => line.msg === 'MQTT client gone')
  const qos = 1
  other.send(
    ...manyMessages.map((payload, at) => publishPacket('kept', { payload, qos, id: at + 1 })),
  )
  await settled(other)
  const slow = await rawMqttTo(t, hub.mqttPort)
  slow.stream.pause()
  slow.send(connectPacket({ clientId: 'slow', clean: false }))
  await untilFull(other)
  slow.stream.resume()
  for (const expected of manyMessages) {
    const { payload } = readPublish(await slow.next(isPublish))
    if (payload.toString() !== expected) t.fail('a message is missing or not in its place')
  }
  t.notOk(hub.counters()['mqtt-slow-consumer'])
})

for (const [way, open] of Object.entries(ways)) {
  const untilFrozen = async (t: Test, qos: 0 | 1) => {
    const hub = await openHub(t)
    const other = await clientOf(t, hub, { clientId: 'other' })
    const healthy = await clientOf(t, hub, { clientId: 'healthy' })
    const frozen = await signedIn(await open(t, hub), { clientId: 'frozen' })
    for (const subscriber of [healthy, frozen]) {
      subscriber.send(subscribePacket(['live', 'also', 'relay/+/set'], qos))
      await subscriber.next()
    }
    frozen.stream.pause()
    const say = (topic: string, payload: string, at: number) =>
      other.send(publishPacket(topic, { payload, qos, id: at + 1 }))
    for (const [at, payload] of manyMessages.entries()) say('live', payload, at)
    for (const expected of manyMessages) {
      const { payload } = readPublish(await healthy.next(isPublish))
      if (payload.toString() !== expected) t.fail('the healthy one missed a message')
    }
    return { hub, other, frozen, say }
  }

  t.test(`F6: who does not read over ${way} gets the latest of each topic later`, async (t) => {
    const { hub, other, frozen, say } = await untilFrozen(t, 0)
    t.match(await hub.log.next(({ kind }) => kind === 'mqtt-conflated'), {
      client: 'anonymous:frozen',
    })
    // What switches something is nothing for later.
    for (const topic of ['also', 'relay/0/set', 'also']) say(topic, topic, 0)
    await settled(other)
    frozen.stream.resume()
    const live: number[] = []
    for (let topic = ''; topic !== 'also'; ) {
      const got = readPublish(await frozen.next(isPublish))
      topic = got.topic
      if (topic === 'live') live.push(Number.parseInt(got.payload.toString(), 10))
      else t.equal(topic, 'also')
    }
    t.equal(live.at(-1), manyMessages.length - 1, 'the last there was')
    t.same(
      live,
      [...live].sort((one, two) => one - two),
    )
    await settled(frozen)
    say('relay/0/set', 'now', 1)
    t.equal(readPublish(await frozen.next(isPublish)).payload.toString(), 'now')
  })

  t.test(`F6: a subscriber over ${way} that acknowledges nothing is cut`, async (t) => {
    const { hub, frozen } = await untilFrozen(t, 1)
    t.match(await hub.log.next(({ kind }) => kind === 'mqtt-slow-consumer'), {
      client: 'anonymous:frozen',
    })
    frozen.stream.resume()
    await frozen.ended
  })
}

t.test('a subscriber that lags by less than the limit gets everything', async (t) => {
  const hub = await openHub(t, { limits: { mqtt: { outboundBytes: 8_388_608 } } })
  const other = await clientOf(t, hub, { clientId: 'other' })
  const slow = await clientOf(t, hub, { clientId: 'slow' })
  slow.send(subscribePacket(['live']))
  await slow.next()
  slow.stream.pause()
  const messages = manyMessages.slice(0, 150)
  other.send(...messages.map((payload) => publishPacket('live', { payload })))
  await untilFull(other)
  slow.stream.resume()
  for (const expected of messages) {
    const { payload } = readPublish(await slow.next(isPublish))
    if (payload.toString() !== expected) t.fail('a message is missing or not in its place')
  }
  await settled(slow)
})

t.test('a message larger than what may wait reaches a client that reads', async (t) => {
  const hub = await openHub(t, { limits: { mqtt: { outboundBytes: 10_000 } } })
  const raw = await clientOf(t, hub, { clientId: 'reader' })
  raw.send(subscribePacket(['live']), publishPacket('live', { payload: pad }))
  t.equal(readPublish(await raw.next(isPublish)).payload.toString(), pad)
  await settled(raw)
})

t.test(
  'a client that waits for no PUBREC keeps its connection, and each message comes once',
  async (t) => {
    const limits = { mqtt: { publishesPerSecond: 100_000, publishBurst: 200_000 } }
    const hub = await openHub(t, { limits })
    const reader = await mqttTo(t, hub, { filter: 'live' })
    const hasty = await mqttTo(t, hub)
    const expected = Array.from({ length: 1000 }, (_, at) => String(at))
    await Promise.all(
      expected.map((payload) => hasty.client.publishAsync('live', payload, { qos: 2 })),
    )
    await reader.messages.next(({ payload }) => payload.toString() === '999')
    t.same(
      reader.messages.items.map(({ payload }) => payload.toString()),
      expected,
    )
    t.notOk(hub.counters()['mqtt-qos2-window'])
  },
)

t.test('a user with too many connections is told by CONNACK 3', async (t) => {
  const hub = await openHub(t, { limits: { connections: { perUser: 1 } } })
  const login = { user: 'clown', password: 'bigclown' }
  const first = await clientOf(t, hub, { ...login, clientId: 'first' })
  const second = await rawMqttTo(t, hub.mqttPort)
  second.send(connectPacket({ ...login, clientId: 'second' }))
  t.equal(await second.next(), '20020003')
  await second.ended
  await settled(first)
})

t.test('a hub that closes lets go of sockets that never said CONNECT', async (t) => {
  const hub = await openHub(t)
  const mute = await rawMqttTo(t, hub.mqttPort)
  const signed = await clientOf(t, hub, { clientId: 'signed' })
  await hub.close()
  await Promise.all([mute.ended, signed.ended])
  t.same(mute.packets, [])
})
