import t, { type Test } from 'tap'
import { atLength } from '../full-length.ts'
import {
  accepted,
  type ConnectFields,
  connectPacket,
  disconnectPacket,
  hex,
  isPublish,
  openHub,
  pingPacket,
  publishPacket,
  type RawMqtt,
  rawMqttTo,
  readPublish,
  resumed,
  settled,
  subscribePacket,
  ways,
} from '../raw-mqtt.ts'
import type { StartedHub } from '../started-hub.ts'
import { clientOf, subscriberTo } from './wire-clients.ts'

/** A client that leaves a session with the filter `kept`, and is gone. */
async function leaveSession(t: Test, hub: StartedHub, qos = 1): Promise<void> {
  const raw = await clientOf(t, hub, { clientId: 'kept', clean: false })
  raw.send(subscribePacket(['kept'], qos))
  await raw.next()
  await leave(hub, raw, 'kept')
}

async function leave(hub: StartedHub, raw: RawMqtt, clientId: string): Promise<void> {
  raw.stream.destroy()
  await hub.log.next(
    (line) => line.msg === 'MQTT client gone' && line['client'] === `anonymous:${clientId}`,
  )
}

function publishKept(raw: RawMqtt, payloads: readonly string[]): void {
  raw.send(...payloads.map((payload, at) => publishPacket('kept', { payload, qos: 1, id: at + 1 })))
}

/** The payloads of the next `count` messages, each acknowledged if its QoS wants it. */
async function receive(raw: RawMqtt, count: number): Promise<string[]> {
  const payloads: string[] = []
  while (payloads.length < count) {
    const { payload, id } = readPublish(await raw.next(isPublish))
    payloads.push(payload.toString())
    if (id !== undefined) raw.send(hex(`4002${id.toString(16).padStart(4, '0')}`))
  }
  return payloads
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `{"number":${at}}`)
}

t.test('a kept session is present again, with subscriptions or without', async (t) => {
  const hub = await openHub(t)
  const connects: [string, ConnectFields, string][] = [
    ['the first time', { clean: false }, accepted],
    ['a kept session', { clean: false }, resumed],
    ['a clean session discards it', { clean: true }, accepted],
    ['so it is new again', { clean: false }, accepted],
    ['and kept again', { clean: false }, resumed],
    ['MQTT 3.1 has no such flag', { clean: false, level: 3 }, accepted],
  ]
  for (const [title, fields, answer] of connects) {
    const raw = await rawMqttTo(t, hub.mqttPort)
    raw.send(connectPacket({ clientId: 'kept', ...fields }))
    t.equal(await raw.next(), answer, title)
    await leave(hub, raw, 'kept')
  }
})

t.test('a message that was not acknowledged comes again with DUP', async (t) => {
  const hub = await openHub(t)
  for (const qos of [1, 2]) {
    await leaveSession(t, hub, qos)
    const sender = await clientOf(t, hub)
    const kept = await clientOf(t, hub, { clientId: 'kept', clean: false })
    sender.send(publishPacket('kept', { qos, id: 7 }))
    const first = readPublish(await kept.next(isPublish))
    t.match(first, { dup: false, qos }, `QoS ${qos}, the first time`)
    await leave(hub, kept, 'kept')
    const again = await clientOf(t, hub, { clientId: 'kept', clean: false })
    const second = readPublish(await again.next(isPublish))
    t.match(second, { dup: true, qos, id: first.id }, `QoS ${qos}, the second time`)
    again.send(connectPacket({ clientId: 'kept' }))
    await again.ended
    await leave(hub, await clientOf(t, hub, { clientId: 'kept' }), 'kept')
    sender.stream.destroy()
  }
})

t.test('nothing comes before CONNACK when a session goes on', async (t) => {
  const hub = await openHub(t)
  await leaveSession(t, hub)
  const sender = await clientOf(t, hub)
  const before = numbered(50)
  publishKept(sender, before)
  await settled(sender)
  const kept = await rawMqttTo(t, hub.mqttPort)
  const during = numbered(100).slice(50)
  // Live messages meet the replay of those that waited.
  kept.send(connectPacket({ clientId: 'kept', clean: false }))
  for (const payload of during) sender.send(publishPacket('kept', { payload, qos: 1, id: 9 }))
  const got = await receive(kept, 100)
  t.equal(kept.packets[0], resumed)
  t.same([...got].sort(), [...before, ...during].sort(), 'each message, once')
})

t.test('a long queue reaches a client that reads, whole and in order', async (t) => {
  const hub = await openHub(t, { limits: { sessions: { bytes: 8 * 1024 * 1024 } } })
  await leaveSession(t, hub)
  const sender = await clientOf(t, hub)
  const payloads = numbered(1000).map((text) => `${text.slice(0, -1)},"pad":"${'x'.repeat(4000)}"}`)
  publishKept(sender, payloads)
  await settled(sender)
  const kept = await clientOf(t, hub, { clientId: 'kept', clean: false })
  t.same(await receive(kept, payloads.length), payloads)
  await settled(kept)
  t.equal(kept.packets.filter(isPublish).length, payloads.length, 'none twice')
})

const retainedValues = atLength(2000, 700)

t.test(
  `${retainedValues} retained values of 10 KiB reach a subscriber that reads, all of them`,
  async (t) => {
    const hub = await openHub(t)
    const sender = await clientOf(t, hub)
    const pad = 'x'.repeat(10 * 1024)
    const topics = Array.from({ length: retainedValues }, (_, at) => `retained/${at}`)
    sender.send(...topics.map((topic) => publishPacket(topic, { payload: pad, retain: true })))
    await settled(sender)
    const reader = await clientOf(t, hub, { clientId: 'reader' })
    reader.send(subscribePacket(['retained/#']))
    const got = new Set<string>()
    while (got.size < topics.length) {
      const { topic, payload, retain } = readPublish(await reader.next(isPublish))
      if (payload.length !== pad.length || !retain) t.fail(`${topic} is not what was retained`)
      got.add(topic)
    }
    t.same([...got].sort(), [...topics].sort())
    t.notOk(hub.counters()['mqtt-slow-consumer'])
  },
)

for (const [way, open] of Object.entries(ways)) {
  t.test(`what comes in one write over ${way} is dealt with in its order`, async (t) => {
    const hub = await openHub(t)
    const raw = await open(t, hub)
    raw.send(
      connectPacket(),
      publishPacket('a', { payload: '1', retain: true }),
      subscribePacket(['a']),
      pingPacket,
    )
    t.equal(await raw.next(), accepted)
    t.equal(await raw.next(), '9003000100')
    const copy = readPublish(await raw.next(isPublish))
    t.match(copy, { topic: 'a', retain: true }, 'the retained copy, not the live one')
    t.equal(await raw.next(), 'd000')
    raw.send(
      publishPacket('a', { payload: '2', retain: true }),
      publishPacket('a', { payload: '3' }),
      publishPacket('a', { payload: '4', retain: true }),
      publishPacket('a', { payload: '5' }),
    )
    t.same(await receive(raw, 4), ['2', '3', '4', '5'])
  })

  t.test(`a message before DISCONNECT and the end over ${way} is delivered`, async (t) => {
    const hub = await openHub(t)
    const seen = await subscriberTo(t, hub)
    const will = { topic: 'will' }
    for (const end of [disconnectPacket, Buffer.alloc(0)]) {
      const raw = await open(t, hub)
      const messages = numbered(100).map((payload) => publishPacket('a', { payload }))
      const id = connectPacket({ clientId: 'short', will })
      raw.stream.end(Buffer.concat([id, ...messages, end]))
      t.same(await receive(seen, 100), numbered(100))
      await raw.ended
    }
    const after = readPublish(await seen.next(isPublish))
    t.equal(after.topic, 'will', 'the one that did not say DISCONNECT leaves its will')
    await settled(seen)
    t.equal(seen.packets.filter(isPublish).length, 201)
  })
}

t.test('F5: a client that falls silent is cut, and its will is published once', async (t) => {
  const hub = await openHub(t)
  const seen = await subscriberTo(t, hub, { qos: 1 })
  const will = { topic: 'will', payload: '"gone"', qos: 1 }
  const raw = await clientOf(t, hub, { clientId: 'silent', keepAliveSeconds: 1, will })
  raw.send(subscribePacket(['other']))
  await raw.next()
  // It is there, but neither reads nor answers any more.
  raw.stream.pause()
  const before = performance.now()
  t.same(await receive(seen, 1), ['"gone"'])
  const tookMs = performance.now() - before
  t.ok(tookMs > 1400 && tookMs < 2500, `after one and a half keep-alives: ${tookMs} ms`)
  t.equal(hub.counters()['mqtt-keep-alive'], 1)
  const again = await clientOf(t, hub, { clientId: 'silent' })
  await settled(again)
  await settled(seen)
  t.equal(seen.packets.filter(isPublish).length, 1)
})

t.test('a client that pings in time stays', async (t) => {
  const hub = await openHub(t)
  const raw = await clientOf(t, hub, { keepAliveSeconds: 1 })
  const pings = setInterval(() => raw.send(pingPacket), 500)
  t.teardown(() => clearInterval(pings))
  for (let answers = 0; answers < 5; answers++) t.equal(await raw.next(), 'd000')
})

t.test('a client that comes again under its id takes the place of the first', async (t) => {
  const hub = await openHub(t)
  const first = await clientOf(t, hub, { clientId: 'same' })
  const second = await clientOf(t, hub, { clientId: 'same' })
  await first.ended
  await settled(second)
  t.same(first.packets, [accepted])
})

t.test('F21: a client that never says CONNECT, or stays for nothing, is cut', async (t) => {
  const hub = await openHub(t, { limits: { mqtt: { connectSeconds: 1, idleSeconds: 1 } } })
  const mute = await rawMqttTo(t, hub.mqttPort)
  const idle = await clientOf(t, hub)
  const busy = await clientOf(t, hub, { clientId: 'busy' })
  busy.send(subscribePacket(['a']))
  await Promise.all([mute.ended, idle.ended])
  t.match(hub.counters(), { 'mqtt-no-connect': 1, 'mqtt-idle': 1 })
  await settled(busy)
})

t.test('a subscriber that comes back may be idle, one that is refused may not', async (t) => {
  const hub = await openHub(t, { limits: { mqtt: { idleSeconds: 1 } } })
  await leaveSession(t, hub)
  const kept = await clientOf(t, hub, { clientId: 'kept', clean: false })
  for (const clientId of ['one', 'two']) {
    const refused = await clientOf(t, hub, { clientId })
    refused.send(subscribePacket(['$share/a']))
    t.equal(await refused.next(), '9003000180')
    await refused.ended
  }
  t.equal(hub.counters()['mqtt-idle'], 2)
  await settled(kept)
})
