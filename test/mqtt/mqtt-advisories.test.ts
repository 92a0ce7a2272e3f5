import t from 'tap'
import { ceilingOfTopics } from '../../src/core/topic.ts'
import { rawExchange, upgradeText } from '../raw-http.ts'
import {
  accepted,
  answersUntilCut,
  connectPacket,
  field,
  hex,
  isPublish,
  number,
  openHub,
  packet,
  pingPacket,
  publishPacket,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
  unsubscribePacket,
  ways,
} from '../raw-mqtt.ts'
import { mqttTo, talkTo } from '../started-hub.ts'
import { clientOf, subscriberTo } from './wire-clients.ts'

const inheritedNames = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']

/** As many levels as a topic may have. */
const most = ceilingOfTopics.levels

/** So many levels of one letter. */
const deepTopic = (levels: number) => Array.from({ length: levels }, () => 'a').join('/')

for (const [way, open] of Object.entries(ways)) {
  t.test(`GHSA-xxqp-5qx8-gj5q: too many levels are refused over ${way}`, async (t) => {
    const hub = await openHub(t)
    const seen = await subscriberTo(t, hub)
    for (const levels of [most + 1, 1000]) {
      const topic = deepTopic(levels)
      const client = await signedIn(await open(t, hub), { will: { topic } })
      client.send(publishPacket(topic, { qos: 1, retain: true }))
      t.equal(await client.next(), '40020001', `${levels} in PUBLISH`)
      client.send(subscribePacket([topic, `${deepTopic(most)}/#`, 'a']))
      t.equal(await client.next(), '90050001808000', `${levels} in SUBSCRIBE`)
      client.send(unsubscribePacket([topic]))
      t.equal(await client.next(), 'b0020001', `${levels} in UNSUBSCRIBE`)
      client.stream.destroy()
      for (const _ of ['the message', 'the will']) {
        const { topic, payload } = readPublish(await seen.next(isPublish))
        t.equal(topic, `${deepTopic(most - 1)}/error`)
        t.match(JSON.parse(String(payload)), { code: 'topic-too-big' })
      }
    }
    await settled(seen)
    t.equal(seen.packets.filter(isPublish).length, 4, 'nothing of it was published')
    t.equal(hub.counters()['topic-too-big'], 8)
  })

  t.test(`GHSA-5jvp-3p2v-5qgf: open QoS 2 messages over ${way} cost an id each`, async (t) => {
    const hub = await openHub(t)
    const opening = (count: number) => {
      return Array.from({ length: count }, (_, at) => publishPacket('a', { qos: 2, id: at + 1 }))
    }
    const greedy = await signedIn(await open(t, hub), { clientId: 'greedy' })
    const before = performance.now()
    greedy.send(...opening(1020), publishPacket('a', { qos: 2, id: 20 }), pingPacket)
    await greedy.next((answer) => answer === 'd000')
    t.ok(performance.now() - before > 900, 'those past the window are taken more slowly')
    const received = greedy.packets.filter((answer) => answer.startsWith('5002'))
    t.equal(received.length, 1021, 'and none ends the connection')
    t.ok(hub.counters()['mqtt-held-back'])
    t.notOk(hub.counters()['mqtt-qos2-window'])
  })
}

t.test('GHSA-xxqp-5qx8-gj5q: as many levels as Mosquitto takes pass by every way', async (t) => {
  t.equal(most, 201, 'which are 200 separators')
  const hub = await openHub(t)
  const deepest = deepTopic(most)
  const empty = '/'.repeat(most - 1)
  const talk = await talkTo(t, hub, '/talk')
  const seen = await clientOf(t, hub, { clientId: 'seen' })
  // All at once are what a matcher by levels takes longest for.
  const pattern = `${'+/'.repeat(most - 1)}+`
  const filters = [deepest, `${deepTopic(most - 1)}/#`, pattern, empty, `$share/group/${pattern}`]
  seen.send(subscribePacket(filters, 1))
  t.equal(await seen.next(), '900700010101010101', 'as filters')
  const client = await signedIn(await rawMqttTo(t, hub.mqttPort), { will: { topic: deepest } })
  const payload = '1'
  client.send(
    publishPacket(deepest, { retain: true, payload }),
    publishPacket(empty, { retain: true, payload }),
  )
  for (const topic of [deepest, empty]) {
    for (const by of ['its own subscriptions', 'the group']) {
      t.match(readPublish(await seen.next(isPublish)), { topic }, by)
    }
  }
  t.same(await talk.on(deepest), [deepest, 1], 'on a websocket')
  client.stream.destroy()
  t.match(readPublish(await seen.next(isPublish)), { topic: deepest }, 'a will')
  talk.send(deepest, 2)
  await seen.next((came) => isPublish(came) && readPublish(came).payload.toString() === '2')
  const late = await clientOf(t, hub, { clientId: 'late' })
  late.send(subscribePacket([pattern]))
  const retained = [await late.next(isPublish), await late.next(isPublish)].map(readPublish)
  t.strictSame(new Set(retained.map(({ topic }) => topic)), new Set([deepest, empty]), 'retained')
  seen.send(unsubscribePacket(filters))
  await seen.next((answer) => answer.startsWith('b0'))
})

t.test('GHSA-xxqp-5qx8-gj5q: a websocket cannot publish too many levels', async (t) => {
  const hub = await openHub(t)
  const seen = await subscriberTo(t, hub)
  const talk = await talkTo(t, hub, '/talk')
  for (const levels of [most + 1, 1000]) {
    talk.send(deepTopic(levels), 1)
    const error = await talk.on('clown.talk/-/error')
    t.match(error, [/./, { code: 'topic-too-big' }], `${levels} levels`)
  }
  // The levels of the base count.
  const below = await talkTo(t, hub)
  below.send(deepTopic(most - 2), 1)
  t.match(await below.frames.next(), [
    /\/error$/,
    { code: 'topic-too-big', message: new RegExp(`${most} levels, got ${most + 1}`) },
  ])
  below.send(deepTopic(most - 3), 1)
  const { topic } = readPublish(await seen.next(isPublish))
  t.equal(topic, `nodes/bridge/0/${deepTopic(most - 3)}`)
})

t.test('GHSA-52qw-whmv-87c5, F13: inherited names are names like any other', async (t) => {
  const hub = await openHub(t)
  for (const name of inheritedNames) {
    const raw = await clientOf(t, hub, { clientId: name, clean: false })
    const topic = `${name}/${name}`
    raw.send(subscribePacket([name, topic, `${name}/set`], 1))
    t.equal(await raw.next(), '90050001010101', `${name} as a filter`)
    raw.send(publishPacket(topic, { retain: true, payload: `{"${name}":{"x":1}}` }))
    t.match(readPublish(await raw.next(isPublish)), { topic }, `${name} as a topic`)
    raw.send(unsubscribePacket([name]))
    t.equal(await raw.next(), 'b0020001')
    raw.stream.destroy()
    await hub.log.next(
      (line) => line.msg === 'MQTT client gone' && line['client'] === `anonymous:${name}`,
    )
    const talk = await talkTo(t, hub, '/talk')
    talk.send(`${name}/set`, 1)
    await talk.settle()
    const again = await rawMqttTo(t, hub.mqttPort)
    again.send(connectPacket({ clientId: name, clean: false }))
    t.equal(await again.next(), '20020100', `${name} has a session`)
    await settled(again)
    t.same(again.packets.filter(isPublish), [], `no command waited for ${name}, who was away`)
  }
  t.equal(Reflect.get({}, 'x'), undefined)
})

t.test('GHSA-52qw-whmv-87c5, F13: an inherited name is a user only if it is one', async (t) => {
  const hub = await openHub(t)
  const users = JSON.parse(
    `{${inheritedNames.map((name) => `"${name}":{"password":"own"}`).join()}}`,
  )
  const named = await openHub(t, { users, limits: { connections: { perUser: 2 } } })
  for (const name of inheritedNames) {
    for (const password of [name, 'own', '']) {
      const stranger = connectPacket({ user: name, password })
      t.same(await answersUntilCut(await rawMqttTo(t, hub.mqttPort), stranger), ['20020004'], name)
      const Authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
      const answer = await rawExchange(hub.httpPort, upgradeText('/talk', { Authorization }))
      t.match(answer, /^HTTP\/1\.1 401 /)
    }
    const login = { username: name, password: 'own' }
    await mqttTo(t, named, login)
    await mqttTo(t, named, login)
    await t.rejects(mqttTo(t, named, login), { code: 3 }, `${name} has its own connections`)
  }
})

t.test('CVE-2024-48080: filters full of # cost little, and end or count as they do', async (t) => {
  const limits = { mqtt: { requestsPerSecond: 10_000, requestBurst: 20_000 } }
  const hub = await openHub(t, { limits })
  const bare = { clientId: 'many' }
  // Code that runs for the first time costs more.
  for (const isWarm of [false, true]) {
    const before = process.cpuUsage()
    for (const filter of ['#'.repeat(8000), '#/'.repeat(4000)]) {
      const raw = await clientOf(t, hub, bare)
      raw.send(subscribePacket([filter]))
      await raw.ended
    }
    const deep = await clientOf(t, hub, bare)
    deep.send(subscribePacket(['+/'.repeat(4000)]))
    t.equal(await deep.next(), '9003000180')
    const many = await clientOf(t, hub, bare)
    many.send(subscribePacket(Array.from({ length: 1000 }, () => '#')))
    t.match(await many.next(), /^90/)
    const raw = await clientOf(t, hub, bare)
    // Every one of them matches what is published.
    const filters = [...Array.from({ length: 16 }, (_, at) => `${'+/'.repeat(at)}#`), deepTopic(16)]
    for (let round = 0; round < 200; round++) raw.send(subscribePacket([...filters, '#', '#']))
    const publishes = Array.from({ length: 500 }, () => publishPacket(deepTopic(16)))
    raw.send(...publishes)
    await settled(raw)
    t.equal(raw.packets.filter(isPublish).length, publishes.length, 'each message came once')
    const { user, system } = process.cpuUsage(before)
    if (isWarm) t.ok(user + system < 1_000_000, `${(user + system) / 1000} ms`)
    raw.stream.destroy()
  }
})

// --- Mosquitto ---

/** [MQTT 5.0, 3.1.2] A CONNECT of MQTT 5 with these properties, and with a will if it has its own. */
function connectOfMqtt5(properties: Buffer, willProperties?: Buffer): Buffer {
  const will = willProperties && [withLength(willProperties), field('will'), field('gone')]
  const flags = will === undefined ? 2 : 6
  const head = [field('MQTT'), Buffer.from([5, flags]), number(60), withLength(properties)]
  return packet(0x10, ...head, field('crafted'), ...(will ?? []))
}

/** [MQTT 5.0, 2.2.2.1] Properties of at most 16,383 bytes behind their length. */
function withLength(properties: Buffer): Buffer {
  const { length } = properties
  return Buffer.concat([Buffer.from([(length & 127) | 128, length >> 7]), properties])
}

const userProperty = Buffer.concat([hex('26'), field('a'), field('b')])

/** CONNECTs of MQTT 5 by which old versions of Mosquitto leaked, hung or ended. */
const crafted: Record<string, Buffer> = {
  'CVE-2023-3592: a will with properties no will has': connectOfMqtt5(hex(''), hex('21 0001 7f')),
  'CVE-2021-34431: a CONNECT with a property twice': connectOfMqtt5(hex('21 0001 21 0001')),
  'CVE-2021-41039: a CONNECT with 500 user properties': connectOfMqtt5(
    Buffer.concat(Array.from({ length: 500 }, () => userProperty)),
  ),
}

for (const [title, bytes] of Object.entries(crafted)) {
  t.test(`${title} ends its connection, a hundred times, and costs little`, async (t) => {
    const hub = await openHub(t, { limits: { connections: { total: 10 } } })
    const before = process.cpuUsage()
    for (let round = 0; round < 100; round++) {
      const raw = await rawMqttTo(t, hub.mqttPort)
      t.same(await answersUntilCut(raw, bytes), [])
      raw.stream.destroy()
    }
    const { user, system } = process.cpuUsage(before)
    t.ok(user + system < 2_000_000, `${(user + system) / 1000} ms`)
    const { 'mqtt-malformed': malformed = 0, 'mqtt-packet-too-big': large = 0 } = hub.counters()
    t.equal(malformed + large, 100)
    const raw = await signedIn(await rawMqttTo(t, hub.mqttPort))
    t.same(await answersUntilCut(raw, bytes), [accepted], 'and as a second CONNECT ends it')
  })
}

t.test('CVE-2021-41039: 10,000 user properties are refused before they are read', async (t) => {
  const hub = await openHub(t)
  const all = Buffer.concat(Array.from({ length: 10_000 }, () => userProperty))
  const raw = await rawMqttTo(t, hub.mqttPort)
  t.same(await answersUntilCut(raw, packet(0x10, all)), [])
  t.equal(hub.counters()['mqtt-packet-too-big'], 1)
})

t.test('CVE-2021-34432: a topic of length 0 ends its own connection only', async (t) => {
  const hub = await openHub(t)
  const seen = await subscriberTo(t, hub)
  for (const qos of [0, 1, 2]) {
    const raw = await clientOf(t, hub)
    t.same(await answersUntilCut(raw, publishPacket('', { qos })), [accepted], `QoS ${qos}`)
    const will = connectPacket({ will: { topic: '', qos } })
    t.same(await answersUntilCut(await rawMqttTo(t, hub.mqttPort), will), [], `Will, QoS ${qos}`)
  }
  t.match(hub.counters(), { 'mqtt-malformed': 3, 'bad-topic': 3 })
  await settled(seen)
  t.same(seen.packets.filter(isPublish), [])
})
