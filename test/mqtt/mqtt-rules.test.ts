import t from 'tap'
import { packetIn } from '../../src/mqtt/packet.ts'
import { atLength } from '../full-length.ts'
import {
  accepted,
  answersUntilCut,
  connectPacket,
  hex,
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
import { everybody, mqttTo, talkTo } from '../started-hub.ts'
import { hardTopics } from '../topics.ts'
import { clientOf, subscriberTo } from './wire-clients.ts'

/** As many levels as a topic may have. */
const deepest = 'a/'.repeat(200).concat('a')

for (const [way, open] of Object.entries(ways)) {
  t.test(`F14: topics that MQTT does not have end the connection over ${way}`, async (t) => {
    const hub = await openHub(t)
    const seen = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'seen' })
    seen.send(subscribePacket(['#', '$SYS/broker/connection/#']))
    await seen.next()
    const topics = {
      'a + wildcard': 'relay/+/set',
      'a # wildcard': 'evil/#',
      NUL: 'a\0b',
      'a line break': 'a\r\nb',
      'a control character of Latin-1': 'a\u0085',
      'a non-character': 'a\uffff',
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
    seen.send(subscribePacket(['#', '$SYS/broker/connection/#', '$share']))
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
      'a shared subscription without a filter': '$share/g',
      'a shared subscription without a group': '$share//x',
      '202 levels': `${deepest}/a`,
      '1,000 levels': 'a/'.repeat(999).concat('a'),
      '1,025 bytes': 'a'.repeat(1025),
    }
    const raw = await signedIn(await open(t, hub))
    for (const [title, filter] of Object.entries(filters)) {
      raw.send(subscribePacket([filter, 'fine']))
      t.equal(await raw.next(), '900400018000', title)
    }
    raw.send(unsubscribePacket(Object.values(filters)))
    t.equal(await raw.next(), 'b0020001', 'to unsubscribe from them is harmless')
    t.equal(hub.counters()['topic-too-big'], 3)
  })

  t.test(`whatever MQTT takes for a topic travels over ${way}`, async (t) => {
    const hub = await openHub(t)
    const raw = await signedIn(await open(t, hub))
    raw.send(subscribePacket(['#']))
    await raw.next()
    const topics = [...hardTopics, '\u{feff}a', 'a\u{fffd}', 'a\u200b', 'a'.repeat(1024), deepest]
    raw.send(...topics.map((topic) => publishPacket(topic)))
    for (const topic of topics) {
      t.equal(readPublish(await raw.next(isPublish)).topic, topic)
      raw.send(subscribePacket([topic]))
      t.equal(await raw.next((packet) => packet.startsWith('90')), '9003000100', topic)
    }
  })

  t.test(`a message with too big a topic is lost, and nothing else, over ${way}`, async (t) => {
    const hub = await openHub(t)
    const raw = await signedIn(await open(t, hub))
    raw.send(subscribePacket(['#']))
    await raw.next()
    const places: [topic: string, told: string][] = [
      [`a/b/${'c'.repeat(1021)}`, 'a/b/error'],
      [`${deepest}/a`, `${deepest.slice(2)}/error`],
      ['/'.repeat(65_000), `${'/'.repeat(199)}/error`],
    ]
    for (const [topic, told] of places) {
      for (const qos of [0, 1, 2]) {
        raw.send(publishPacket(topic, { qos, id: 7, retain: true }))
        if (qos > 0) await raw.next((packet) => packet === (qos === 1 ? '40020007' : '50020007'))
        if (qos === 2) raw.send(hex('62020007'))
        const refusal = readPublish(await raw.next(isPublish))
        t.match(refusal, { topic: told, retain: false })
        t.match(JSON.parse(String(refusal.payload)), { code: 'topic-too-big' })
      }
    }
    // Where there is no room for an error, the log alone tells.
    raw.send(publishPacket('a'.repeat(1025), { qos: 1, id: 8 }))
    await raw.next((packet) => packet === '40020008')
    await settled(raw)
    t.equal(hub.counters()['topic-too-big'], 10)
    const line = await hub.log.next(({ kind }) => kind === 'topic-too-big')
    t.match(line['reason'], /^expected a topic of at most 1024 bytes, got 1025: "a\/b\/c/)
  })

  t.test(`a will with too big a topic is told as a message is, over ${way}`, async (t) => {
    const hub = await openHub(t)
    const seen = await subscriberTo(t, hub)
    const raw = await signedIn(await open(t, hub), { will: { topic: `a/${'b'.repeat(1024)}` } })
    raw.stream.destroy()
    t.equal(readPublish(await seen.next(isPublish)).topic, 'a/error')
  })

  t.test(`F14: filters that are none end the connection over ${way} [MQTT-4.8.0-1]`, async (t) => {
    const hub = await openHub(t)
    for (const filter of ['a/#/b', 'a+/b', 'a/b#', '#/a', '$share/g/a+']) {
      const raw = await signedIn(await open(t, hub))
      t.same(await answersUntilCut(raw, subscribePacket([filter])), [accepted], filter)
    }
  })
}

t.test('of too big a topic nobody is told where its sender may not write', async (t) => {
  const rules = [{ allow: ['write'], topic: 'a/b/#' }] as const
  const hub = await openHub(t, { users: { ...everybody, anonymous: { rules } } })
  const seen = await mqttTo(t, hub, { filter: '#' })
  const raw = await clientOf(t, hub)
  raw.send(publishPacket(`a/${'b'.repeat(1024)}`), publishPacket(`c/${'b'.repeat(1024)}`))
  raw.send(publishPacket(`a/b/${'c'.repeat(1024)}`))
  t.match(await seen.messages.next(), { topic: 'a/b/error' })
  await settled(raw)
})

t.test('F14: topics that differ by one look-alike character stay different', async (t) => {
  const hub = await openHub(t)
  const raw = await clientOf(t, hub)
  raw.send(subscribePacket(['relay/set']))
  await raw.next()
  // A Cyrillic e.
  raw.send(publishPacket('r\u{435}lay/s\u{435}t'), publishPacket('a/../relay/set'))
  await settled(raw)
  t.same(raw.packets.filter(isPublish), [])
})

/** The codes of a SUBACK. */
function codesOf(suback: string): readonly number[] {
  const bytes = Buffer.from(suback, 'hex')
  return [...bytes.subarray(packetIn(bytes).start + 2)]
}

/** So many unless configured; the check tries fewer. */
const mostFilters = atLength(20_000, 2000)

for (const clean of [true, false]) {
  const kind = clean ? 'clean' : 'kept'
  t.test(
    `F16: a client of a ${kind} session has at most ${mostFilters} subscriptions`,
    async (t) => {
      const hub = await openHub(t, { limits: { mqtt: { subscriptions: mostFilters } } })
      const raw = await clientOf(t, hub, { clean })
      const filters = Array.from(
        { length: mostFilters + 500 },
        (_, index) => `homeassistant/sensor/${index}`,
      )
      raw.send(subscribePacket(filters, 1))
      const codes = codesOf(await raw.next())
      t.same(
        codes.slice(0, mostFilters),
        Array.from({ length: mostFilters }, () => 1),
      )
      t.same(
        codes.slice(mostFilters),
        Array.from({ length: 500 }, () => 128),
      )
      raw.send(subscribePacket(['homeassistant/sensor/0'], 0))
      t.equal(await raw.next(), '9003000100', 'one it has may change its QoS')
      raw.send(unsubscribePacket(['homeassistant/sensor/0']))
      await raw.next()
      raw.send(subscribePacket(['b', 'c']))
      t.equal(await raw.next(), '900400010080', 'one it gives back makes room for another')
      t.notOk(hub.counters()['mqtt-held-back'], 'many filters are no more requests than few')
    },
  )
}

t.test(
  'F16: all clients together have a number of subscriptions, and one who leaves makes room',
  async (t) => {
    const hub = await openHub(t, { limits: { mqtt: { totalSubscriptions: 5 } } })
    const open = async (clientId: string, clean: boolean) =>
      signedIn(await rawMqttTo(t, hub.mqttPort), { clientId, clean })
    const kept = await open('kept', false)
    kept.send(subscribePacket(['a', 'b', 'c']))
    await kept.next()
    kept.stream.destroy()
    await hub.log.next(({ msg }) => msg === 'MQTT client gone')
    const [one, other] = [await open('one', true), await open('other', true)]
    one.send(subscribePacket(['a', 'b']))
    t.same(codesOf(await one.next()), [0, 0])
    other.send(subscribePacket(['a', 'b']))
    t.same(codesOf(await other.next()), [128, 128], 'those of who is away count as well')
    one.stream.destroy()
    await hub.log.next(({ msg }) => msg === 'MQTT client gone')
    other.send(subscribePacket(['a', 'b', 'c']))
    t.same(codesOf(await other.next()), [0, 0, 128])
    const back = await open('kept', true)
    other.send(subscribePacket(['c']))
    t.same(codesOf(await other.next()), [0], 'a session that is over counts no more')
    back.send(subscribePacket(['a', 'b', 'c']))
    t.same(codesOf(await back.next()), [0, 0, 128])
  },
)

t.test('F16: a packet of filters is at most 1 MiB', async (t) => {
  const hub = await openHub(t)
  const raw = await clientOf(t, hub)
  const filters = Array.from({ length: 8191 }, (_, at) => `${at}/`.padEnd(125, 'x'))
  // Each is two bytes of length, 125 of filter and one of QoS; two bytes of id come before them all.
  raw.send(subscribePacket([...filters, 'y'.repeat(123)]))
  t.equal(codesOf(await raw.next()).length, 8192)
  t.same(await answersUntilCut(raw, subscribePacket([...filters, 'y'.repeat(124)])), raw.packets)
  t.equal(hub.counters()['mqtt-packet-too-big'], 1)
})

t.test('F12: deep JSON that comes by MQTT passes as the bytes it is', async (t) => {
  const hub = await openHub(t)
  const raw = await clientOf(t, hub)
  const payload = '['.repeat(65_000)
  raw.send(subscribePacket(['a']), publishPacket('a', { payload }))
  t.equal(readPublish(await raw.next(isPublish)).payload.toString(), payload)
})

t.test('messages past the rate wait, and none is lost', async (t) => {
  const hub = await openHub(t, { limits: { mqtt: { publishesPerSecond: 100, publishBurst: 20 } } })
  const seen = await subscriberTo(t, hub, { filters: ['a'] })
  const raw = await clientOf(t, hub)
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
    const raw = await clientOf(t, hub)
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
    const cut = await clientOf(t, hub, { clientId: 'cut' })
    const ids = Array.from({ length: 20 }, (_, at) => at + 1)
    cut.send(...ids.map((id) => publishPacket('a\nline', { qos, id })))
    await cut.ended
    t.equal(hub.counters()['mqtt-connection-ended'], count + 1)
  }
})
