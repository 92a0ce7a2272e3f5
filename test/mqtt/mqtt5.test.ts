import t from 'tap'
import { startedWith } from '../changing-users.ts'
import { hex, isPublish, openHub, packet, pingPacket, rawMqttTo, settled } from '../raw-mqtt.ts'
import {
  type Connect5Fields,
  connect5,
  disconnectOf,
  publish5,
  readConnack5,
  subscribe5,
} from '../raw-mqtt5.ts'
import { clientOf, messageTo } from './clients5.ts'

t.test('CONNACK of MQTT 5 tells the limits, and what is not as it was asked for', async (t) => {
  const hub = await openHub(t, { mqtt: { maximumKeepAliveSeconds: 90 } })
  const plain = await clientOf(t, hub)
  // Aliases, Receive Maximum and Maximum Packet Size.
  t.equal(plain.connack.properties, '22000a210014 27001e8484'.replace(' ', ''))
  const asking = { clientId: '', keepAliveSeconds: 0, properties: '11ffffffff1901' }
  const { connack } = await clientOf(t, hub, asking)
  t.match(connack.properties, /1100015180/, 'a session lives as long as the hub has it: a day')
  t.match(connack.properties, /13005a/)
  t.match(connack.properties, /120024/, 'an id of the hub')
  const id = Buffer.from(/120024([0-9a-f]{72})/.exec(connack.properties)?.[1] ?? '', 'hex')
  const answers = Buffer.from(`answers/anonymous/${id}`).toString('hex')
  t.ok(connack.properties.includes(answers))
})

t.test('who may not come in is told why', async (t) => {
  const hub = await openHub(t)
  const answerTo = async (fields: Connect5Fields) => {
    const raw = await rawMqttTo(t, hub.mqttPort)
    raw.send(connect5(fields))
    await raw.ended
    return readConnack5(raw.packets[0] ?? '')
  }
  t.equal((await answerTo({ user: 'clown', password: 'wrong' })).reason, 0x86)
  t.equal((await answerTo({ clientId: 'a'.repeat(257) })).reason, 0x85)
  t.equal((await answerTo({ properties: '1500016d' })).reason, 0x8c, 'an authentication method')
  t.equal((await answerTo({ will: { topic: 'a/#' } })).reason, 0x90)
  t.match(await answerTo({ password: 'alone' }), { reason: 0x86, properties: /^1f/ })
  const shy = await answerTo({ password: 'alone', properties: '1700' })
  t.equal(shy.properties, '', 'in words only to who wants them')
  const tiny = await rawMqttTo(t, hub.mqttPort)
  tiny.send(connect5({ properties: '2700000002' }))
  await tiny.ended
  t.same(tiny.packets, [], 'CONNACK itself is larger than this one takes')
})

t.test('a client that breaks a rule is told which, and nothing comes behind it', async (t) => {
  const hub = await openHub(t)
  const broken: Record<string, [bytes: Buffer, reason: number]> = {
    'a QoS of 3': [publish5('a', { qos: 3 }), 0x81],
    'a topic with a wildcard': [publish5('a/#'), 0x81],
    'a second CONNECT': [connect5(), 0x82],
    'an AUTH': [hex('f000'), 0x82],
    'an alias of 0': [publish5('a', { properties: '230000' }), 0x94],
    'an alias past the maximum': [publish5('a', { properties: '23000b' }), 0x94],
    'an alias that nobody knows': [publish5('', { properties: '230001' }), 0x82],
    'a SUBSCRIBE that is too large': [packet(0x82, Buffer.alloc(1_100_000)), 0x95],
    'no local of what is shared': [subscribe5(['$share/g/a'], 4), 0x82],
    'an expiry of a session without one': [hex('e007 00 05 11 00000009'), 0x82],
  }
  for (const [title, [bytes, reason]] of Object.entries(broken)) {
    const raw = await clientOf(t, hub)
    raw.send(bytes, pingPacket)
    t.equal((await disconnectOf(raw)).reason, reason, title)
  }
  const silent = await clientOf(t, hub, { keepAliveSeconds: 1 })
  t.equal((await disconnectOf(silent)).reason, 0x8d)
})

t.test(
  'more open messages than the Receive Maximum end the connection [MQTT-3.3.4-8]',
  async (t) => {
    const hub = await openHub(t)
    const raw = await clientOf(t, hub)
    for (let id = 1; id <= 20; id++) raw.send(publish5('a', { qos: 2, id }))
    raw.send(publish5('a', { qos: 2, id: 20 }))
    await settled(raw)
    raw.send(publish5('a', { qos: 2, id: 21 }))
    t.equal((await disconnectOf(raw)).reason, 0x93)
    t.equal(hub.counters()['mqtt-qos2-window'], 1)
  },
)

t.test('no more is under way to a client than its Receive Maximum', async (t) => {
  const hub = await openHub(t)
  const raw = await clientOf(t, hub, { properties: '210002' })
  raw.send(subscribe5(['a'], 1))
  await raw.next()
  for (let number = 1; number <= 5; number++)
    raw.send(publish5('a', { qos: 1, payload: `${number}` }))
  await settled(raw)
  t.equal(raw.packets.filter(isPublish).length, 2)
  for (let number = 1; number <= 5; number++) {
    const { id, payload } = await messageTo(raw)
    t.equal(payload, String(number))
    raw.send(packet(0x40, hex(`000${id}`)))
  }
})

t.test('a message that is larger than its reader takes is not sent [MQTT-3.1.2-24]', async (t) => {
  const hub = await openHub(t)
  const raw = await clientOf(t, hub, { properties: '2700000028' })
  raw.send(subscribe5(['a'], 1), publish5('a', { qos: 1, payload: 'x'.repeat(60) }))
  raw.send(publish5('a', { qos: 1, payload: 'small' }))
  t.equal((await messageTo(raw)).payload, 'small')
  t.equal(hub.counters()['mqtt-messages-dropped'], 1)
})

t.test('a client that is taken over, or whose user is gone, is told', async (t) => {
  const { hub, login, changed } = await startedWith(t, { panel: { role: 'operator' } })
  const first = await clientOf(t, hub, login('panel'))
  const second = await clientOf(t, hub, login('panel'))
  t.equal((await disconnectOf(first)).reason, 0x8e)
  await changed({})
  t.equal((await disconnectOf(second)).reason, 0x98)
})

t.test('a client that does not read is told so, if it ever reads that', async (t) => {
  const hub = await openHub(t, { limits: { mqtt: { outboundBytes: 100_000 } } })
  const raw = await clientOf(t, hub)
  raw.send(subscribe5(['a'], 1))
  await raw.next()
  raw.stream.pause()
  const other = await clientOf(t, hub, { clientId: 'other' })
  const payload = 'x'.repeat(50_000)
  for (let id = 1; id <= 400; id++) other.send(publish5('a', { payload, qos: 1, id }))
  await hub.log.next(({ kind }) => kind === 'mqtt-slow-consumer')
  raw.stream.resume()
  await raw.ended
})

t.test('who wants to hear nothing of problems is told the reason alone', async (t) => {
  const hub = await openHub(t)
  const raw = await clientOf(t, hub, { properties: '1700' })
  raw.send(publish5('$SYS/x', { qos: 1, id: 5 }))
  t.equal(await raw.next(), '4003000590')
  raw.send(hex('f000'))
  t.same(await disconnectOf(raw), { reason: 0x82, properties: '' })
  const tiny = await clientOf(t, hub, { clientId: 'tiny', properties: '2700000020' })
  tiny.send(hex('f000'))
  await tiny.ended
  t.notOk(
    tiny.packets.some((text) => text.startsWith('e0')),
    'DISCONNECT was larger than it takes',
  )
})

t.test('a message that a client refuses is done with', async (t) => {
  const hub = await openHub(t)
  const raw = await clientOf(t, hub, { properties: '210001' })
  raw.send(subscribe5(['a'], 2))
  await raw.next()
  for (const qos of [1, 2]) {
    raw.send(
      publish5('a', { qos, id: 1, payload: 'refused' }),
      publish5('a', { qos, id: 2, payload: 'next' }),
    )
    const { id } = await messageTo(raw)
    raw.send(packet(qos === 1 ? 0x40 : 0x50, Buffer.from([0, id, 0x97])))
    const next = await messageTo(raw)
    t.equal(next.payload, 'next')
    raw.send(packet(qos === 1 ? 0x40 : 0x50, Buffer.from([0, next.id, 0x97])))
    raw.send(hex('62020001 62020002'))
  }
})

t.test('a hub that ends says so, and where its clients may go', async (t) => {
  for (const [mqtt, reason] of [
    [{}, 0x8b],
    [{ reference: 'other:1883' }, 0x9c],
  ] as const) {
    const hub = await openHub(t, { mqtt })
    const raw = await clientOf(t, hub)
    await hub.close()
    const { reason: told, properties } = await disconnectOf(raw)
    t.equal(told, reason)
    t.equal(Buffer.from(properties, 'hex').includes('other:1883'), reason === 0x9c)
  }
})
