import t from 'tap'
import {
  accepted,
  answersUntilCut,
  connectPacket,
  isPublish,
  openHub,
  publishPacket,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
  unsubscribePacket,
  ways,
} from '../raw-mqtt.ts'
import { talkTo } from '../started-hub.ts'

for (const [way, open] of Object.entries(ways)) {
  t.test(`F14: topics that are not for clients are refused over ${way}`, async (t) => {
    const hub = await openHub(t)
    const seen = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'seen' })
    seen.send(subscribePacket(['#', '$SYS/broker/#']))
    await seen.next()
    const topics = {
      'a + wildcard': 'relay/+/set',
      'a # wildcard': 'evil/#',
      'an empty level': 'a//b',
      'an empty level first': '/a',
      'an empty level last': 'a/',
      NUL: 'a\0b',
      'a line break': 'a\r\nb',
      'a byte order mark': '\u{feff}a',
      'a space that is not seen': 'a\u{200b}',
      'a turn of direction': 'a\u{202e}b',
      'the replacement character': 'a\u{fffd}',
      '17 levels': 'a/'.repeat(16).concat('a'),
      'a level of 65 bytes': 'a'.repeat(65),
      '257 bytes': `${'a'.repeat(63)}/`.repeat(4).concat('a'),
    }
    for (const [title, topic] of Object.entries(topics)) {
      const raw = await signedIn(await open(t, hub))
      const publish = publishPacket(topic, { retain: true })
      t.same(await answersUntilCut(raw, publish), [accepted], `PUBLISH: ${title}`)
      const will = connectPacket({ will: { topic, retain: true } })
      t.same(await answersUntilCut(await open(t, hub), will), [], `Will: ${title}`)
    }
    await settled(seen)
    t.same(seen.packets.filter(isPublish), [], 'nothing of it was published')
    const count = Object.keys(topics).length
    t.equal(hub.counters()['mqtt-connection-ended'], count, 'each PUBLISH is counted')
    t.ok(Number(hub.counters()['bad-topic']) >= count, 'and each Will')
    const line = await hub.log.next(({ kind }) => kind === 'mqtt-connection-ended')
    t.match(line, { client: 'anonymous:raw', reason: /./ }, 'the log says who it was, and why')
  })

  t.test(`F14: messages and wills to topics with $ are dropped over ${way}`, async (t) => {
    const hub = await openHub(t)
    const seen = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'seen' })
    seen.send(subscribePacket(['#', '$SYS/broker/#', '$share']))
    await seen.next()
    const topics = ['$SYS/broker/connection/kitchen.hub/state', '$share', '$']
    for (const [at, topic] of topics.entries()) {
      const will = { topic, retain: true }
      const raw = await signedIn(await open(t, hub), { will, clientId: 'raw' })
      for (const qos of [0, 1, 2]) raw.send(publishPacket(topic, { retain: true, qos, id: qos }))
      t.equal(await raw.next((answer) => answer.startsWith('40')), '40020001')
      t.equal(await raw.next((answer) => answer.startsWith('50')), '50020002')
      await settled(raw)
      t.equal(hub.counters()['mqtt-dollar-topic'], 4 * (at + 1), topic)
      raw.stream.destroy()
    }
    await hub.log.next(({ msg }) => msg === 'MQTT client gone')
    await settled(seen)
    t.same(seen.packets.filter(isPublish), [], 'nothing of it was published')
  })

  t.test(`F14: filters that break the rules get SUBACK 128 over ${way}`, async (t) => {
    const hub = await openHub(t)
    const filters = {
      'a shared subscription': '$share/g/x',
      'an empty level': 'a//b',
      'a wildcard in a level': 'a+/b',
      '17 levels': 'a/'.repeat(16).concat('a'),
      '100 levels': 'a/'.repeat(99).concat('a'),
      '257 bytes': `${'a'.repeat(63)}/`.repeat(4).concat('a'),
    }
    const raw = await signedIn(await open(t, hub))
    for (const [title, filter] of Object.entries(filters)) {
      raw.send(subscribePacket([filter, 'fine']))
      t.equal(await raw.next(), '900400018000', title)
    }
    raw.send(unsubscribePacket(['a//b', '$share/g/x']))
    t.equal(await raw.next(), 'b0020001', 'to unsubscribe from them is harmless')
  })

  t.test(`F14: filters with # before their end end the connection over ${way}`, async (t) => {
    const hub = await openHub(t)
    const raw = await signedIn(await open(t, hub))
    t.same(await answersUntilCut(raw, subscribePacket(['a/#/b'])), [accepted])
  })
}

t.test('F14: topics that differ by one look-alike character stay different', async (t) => {
  const hub = await openHub(t)
  const raw = await signedIn(await rawMqttTo(t, hub.mqttPort))
  raw.send(subscribePacket(['relay/set']))
  await raw.next()
  // A Cyrillic e.
  raw.send(publishPacket('r\u{435}lay/s\u{435}t'), publishPacket('a/../relay/set'))
  await settled(raw)
  t.same(raw.packets.filter(isPublish), [])
})

t.test('F16: one client has at most 100 subscriptions', async (t) => {
  const limits = { mqtt: { requestsPerSecond: 10_000, requestBurst: 20_000 } }
  const hub = await openHub(t, { limits })
  const raw = await signedIn(await rawMqttTo(t, hub.mqttPort))
  const filters = Array.from({ length: 20_000 }, (_, index) => `a/${index}`)
  let refused = 0
  for (let at = 0; at < filters.length; at += 32) {
    raw.send(subscribePacket(filters.slice(at, at + 32)))
    const codes = (await raw.next()).slice(8)
    refused += codes.match(/80/g)?.length ?? 0
  }
  t.equal(refused, 19_900)
  raw.send(subscribePacket(['a/0'], 1))
  t.equal(await raw.next(), '9003000101', 'one it has may change its QoS')
  raw.send(unsubscribePacket(['a/0']))
  await raw.next()
  raw.send(subscribePacket(['b', 'c']))
  t.equal(await raw.next(), '900400010080', 'one it gives back makes room for another')
})

t.test('F16: a packet with more than 32 filters ends the connection', async (t) => {
  const hub = await openHub(t)
  const filters = Array.from({ length: 33 }, (_, index) => `a/${index}`)
  const fine = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'fine' })
  fine.send(subscribePacket(filters.slice(1)), unsubscribePacket(filters.slice(1)))
  t.match(await fine.next(), /^9022/)
  t.equal(await fine.next(), 'b0020001')
  for (const bytes of [subscribePacket(filters), unsubscribePacket(filters)]) {
    const raw = await signedIn(await rawMqttTo(t, hub.mqttPort))
    t.same(await answersUntilCut(raw, bytes), [accepted])
  }
  t.equal(hub.counters()['mqtt-too-many-filters'], 2)
})

t.test('F12: deep JSON that comes by MQTT passes as the bytes it is', async (t) => {
  const hub = await openHub(t)
  const raw = await signedIn(await rawMqttTo(t, hub.mqttPort))
  const payload = '['.repeat(65_000)
  raw.send(subscribePacket(['a']), publishPacket('a', { payload }))
  t.equal(readPublish(await raw.next(isPublish)).payload.toString(), payload)
})

t.test('messages past the rate wait, and none is lost', async (t) => {
  const hub = await openHub(t, { limits: { mqtt: { publishesPerSecond: 100, publishBurst: 20 } } })
  const seen = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'seen' })
  seen.send(subscribePacket(['a']))
  await seen.next()
  const raw = await signedIn(await rawMqttTo(t, hub.mqttPort))
  const count = 70
  const before = performance.now()
  raw.send(...Array.from({ length: count }, (_, at) => publishPacket('a', { payload: String(at) })))
  const got: number[] = []
  while (got.length < count) got.push(Number(readPublish(await seen.next(isPublish)).payload))
  t.same(got, [...got.keys()], 'all of them, in order')
  t.ok(performance.now() - before >= 450, 'no faster than the rate')
  t.ok((hub.counters()['mqtt-held-back'] ?? 0) > 0)
  await settled(raw)
})

t.test(
  'F12: wide JSON that comes by MQTT is text to websockets, and JSON within the limits',
  async (t) => {
    const hub = await openHub(t, { limits: { json: { arrayItems: 3, keys: 2 } } })
    const talk = await talkTo(t, hub, '/talk')
    const raw = await signedIn(await rawMqttTo(t, hub.mqttPort))
    const told = async (payload: string) => {
      raw.send(publishPacket('wide/-', { payload }))
      return (await talk.on('wide/-'))[1]
    }
    t.equal(await told('[1,2,3,4]'), '[1,2,3,4]')
    t.equal(await told('{"a":1,"b":2,"c":3}'), '{"a":1,"b":2,"c":3}')
    t.same(await told('[1,2,3]'), [1, 2, 3])
  },
)

t.test('who is cut for one of several messages that came together is told of once', async (t) => {
  const hub = await openHub(t)
  for (const [count, qos] of [0, 1, 2].entries()) {
    const cut = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'cut' })
    const ids = Array.from({ length: 20 }, (_, at) => at + 1)
    cut.send(...ids.map((id) => publishPacket('an//empty level', { qos, id })))
    await cut.ended
    t.equal(hub.counters()['mqtt-connection-ended'], count + 1)
  }
})
