import t from 'tap'
import {
  accepted,
  disconnectPacket,
  hex,
  isPublish,
  openHub,
  packet,
  pingPacket,
  publishPacket,
  rawMqttTo,
  readPublish,
  settled,
  signedIn,
  subscribePacket,
  ways,
} from '../raw-mqtt.ts'
import {
  codesIn5,
  connect5,
  publish5,
  readAck5,
  readPublish5,
  signedIn5,
  subscribe5,
  unsubscribe5,
} from '../raw-mqtt5.ts'
import { everybody } from '../started-hub.ts'
import { clientOf, leave, messageTo, readerOf } from './clients5.ts'

for (const [way, open] of Object.entries(ways)) {
  t.test(`MQTT 5 over ${way}: what is published is received, and acknowledged`, async (t) => {
    const hub = await openHub(t)
    const reader = await readerOf(t, hub, ['a/#', 2])
    const raw = await signedIn5(await open(t, hub))
    // A content type and two user properties, between what is for the hub alone.
    const travelling = '0300017426000161000162260001610001 63'
    for (const qos of [0, 1, 2]) {
      raw.send(publish5('a/b', { qos, id: 7, payload: 'x', properties: travelling }))
      const message = await messageTo(reader)
      t.match(message, { topic: 'a/b', qos, payload: 'x', retain: false })
      t.equal(message.properties, travelling.replace(' ', ''), 'in its order [MQTT-3.3.2-18]')
      if (qos === 1) reader.send(packet(0x40, hex(`000${message.id}`)))
    }
    t.same(readAck5(await raw.next((text) => text.startsWith('40'))), {
      id: 7,
      reason: 0,
      properties: '',
    })
    t.equal(await raw.next((text) => text.startsWith('50')), '50020007')
    raw.send(hex('62020007'), publish5('nobody/here', { qos: 1, id: 8 }), pingPacket)
    t.equal(await raw.next((text) => text.startsWith('70')), '70020007')
    t.equal(readAck5(await raw.next((text) => text.startsWith('40'))).reason, 0x10)
    t.equal(await raw.next(), 'd000')
  })
}

t.test('a message that is too large is refused in its acknowledgement', async (t) => {
  const hub = await openHub(t, { limits: { mqtt: { publishBytes: 200 } } })
  const reader = await readerOf(t, hub)
  const raw = await clientOf(t, hub)
  for (const qos of [1, 2]) {
    raw.send(publish5('a', { qos, id: 7, payload: 'x'.repeat(300) }))
    const { reason, properties } = readAck5(await raw.next())
    t.equal(reason, 0x97)
    const text = Buffer.from(properties, 'hex').toString('latin1')
    t.match(text, /expected a message of at most 200 bytes.*code.*too-large/)
  }
  raw.send(publish5('a', { payload: 'x'.repeat(300) }), publish5('a', { payload: 'small' }))
  t.equal((await messageTo(reader)).payload, 'small', 'at QoS 0 it is lost')
  await settled(reader)
  t.equal(reader.packets.filter(isPublish).length, 1, 'and nothing is told on a topic of its own')
})

t.test('what is refused is refused in the acknowledgement, and no id is taken by it', async (t) => {
  const rules = [{ allow: ['read', 'write', 'command'], topic: 'mine/#' }] as const
  const hub = await openHub(t, { users: { ...everybody, anonymous: { rules } } })
  const raw = await clientOf(t, hub)
  raw.send(subscribe5(['mine/#'], 1))
  await raw.next()
  const refusals: [topic: string, fields: object, reason: number][] = [
    ['other', {}, 0x87],
    ['$SYS/x', {}, 0x90],
    [`mine/${'x'.repeat(1100)}`, {}, 0x90],
    ['mine/text', { payload: hex('ff'), properties: '0101' }, 0x99],
  ]
  for (const [topic, fields, reason] of refusals) {
    for (const qos of [1, 2]) {
      raw.send(publish5(topic, { qos, id: 3, ...fields }))
      t.equal(readAck5(await raw.next()).reason, reason, topic)
    }
  }
  raw.send(publish5('mine/x', { qos: 2, id: 3, payload: 'fine' }))
  t.equal(await raw.next((text) => text.startsWith('50')), '50020003')
  t.equal((await messageTo(raw)).payload, 'fine', 'nothing of what was refused came')
  t.same(raw.packets.filter(isPublish).length, 1)
})

t.test('an alias stands for a topic, both ways', async (t) => {
  const hub = await openHub(t)
  const reader = await clientOf(t, hub, { clientId: 'reader', properties: '220001' })
  reader.send(subscribe5(['long/#', 'abc']))
  await reader.next()
  const raw = await clientOf(t, hub)
  raw.send(publish5('long/topic', { properties: '230001', payload: '1' }))
  raw.send(publish5('', { properties: '230001', payload: '2' }))
  raw.send(publish5('abc', { payload: '3' }), publish5('long/other', { payload: '4' }))
  t.match(await messageTo(reader), { topic: 'long/topic', properties: '230001', payload: '1' })
  t.match(await messageTo(reader), { topic: '', properties: '230001', payload: '2' })
  t.match(await messageTo(reader), { topic: 'abc', properties: '', payload: '3' })
  t.match(await messageTo(reader), { topic: 'long/other', properties: '', payload: '4' })
})

t.test('options of subscriptions are kept', async (t) => {
  const hub = await openHub(t)
  const raw = await clientOf(t, hub)
  raw.send(subscribe5(['own'], 4), subscribe5(['kept'], 8, '0b05'), subscribe5(['#'], 1, '0bc801'))
  for (let count = 0; count < 3; count++) await raw.next()
  raw.send(publish5('kept', { retain: true, payload: 'v' }))
  t.match(await messageTo(raw), { retain: true, properties: '0b050bc801' }, 'both identifiers')
  raw.send(publish5('own', { payload: 'mine' }))
  t.match(await messageTo(raw), { payload: 'mine', properties: '0bc801' })
  raw.send(unsubscribe5(['#', 'never']))
  t.same(codesIn5(await raw.next((text) => text.startsWith('b'))), [0, 0x11])
  raw.send(publish5('own', { payload: 'mine' }), publish5('kept', { payload: 'other' }))
  t.match(await messageTo(raw), { payload: 'other', retain: false, properties: '0b05' })
})

t.test('retained values come as the retain handling says [MQTT-3.3.1-9]', async (t) => {
  const hub = await openHub(t)
  const raw = await clientOf(t, hub)
  raw.send(publish5('kept', { retain: true, payload: 'v', properties: '26000161000162' }))
  await settled(raw)
  const cameWith = async (options: number) => {
    const before = raw.packets.filter(isPublish).length
    raw.send(subscribe5(['kept'], options, '0b05'))
    await raw.next((text) => text.startsWith('9'))
    await settled(raw)
    return raw.packets.filter(isPublish).slice(before)
  }
  const [first] = await cameWith(0x10)
  t.match(readPublish5(first ?? ''), { retain: true, properties: '0b0526000161000162' })
  t.same(await cameWith(0x10), [], 'only if the subscription is new')
  t.equal((await cameWith(0)).length, 1)
  t.same(await cameWith(0x20), [])
})

t.test('a message is of use for as long as it says', async (t) => {
  const hub = await openHub(t)
  const reader = await clientOf(t, hub, { clientId: 'reader', properties: '1100000e10' })
  reader.send(subscribe5(['#'], 1))
  await reader.next()
  const raw = await clientOf(t, hub)
  raw.send(publish5('a', { properties: '0200000000' }))
  raw.send(publish5('a', { properties: '0200000064' }))
  t.equal((await messageTo(reader)).properties, '0200000064')
  await leave(hub, reader, 'reader')
  raw.send(publish5('a', { qos: 1, retain: true, properties: '0200000001' }))
  raw.send(publish5('b', { qos: 1, retain: true, properties: '0200000064' }))
  await settled(raw)
  await new Promise((resolve) => setTimeout(resolve, 1100))
  const back = await clientOf(t, hub, { clientId: 'reader', clean: false })
  t.ok(back.connack.isPresent)
  const waited = await messageTo(back)
  t.equal(waited.topic, 'b')
  t.ok(['0200000063', '0200000062'].includes(waited.properties), 'what is left of its time')
  const late = await clientOf(t, hub, { clientId: 'late' })
  late.send(subscribe5(['#']))
  t.equal((await messageTo(late)).topic, 'b', 'the retained one is gone, too')
  const old = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'old' })
  old.send(subscribePacket(['#']))
  await settled(old)
  t.same(
    old.packets.filter(isPublish).map((text) => readPublish(text).topic),
    ['b'],
  )
})

t.test('a session lives as long as its client says, and is one for all levels', async (t) => {
  const hub = await openHub(t)
  const first = await clientOf(t, hub, { properties: '1100000e10' })
  first.send(subscribe5(['a'], 1))
  await first.next()
  await leave(hub, first, 'raw')
  const other = await clientOf(t, hub, { clientId: 'other' })
  other.send(publish5('a', { qos: 1, payload: '1', properties: '26000161000162' }))
  await settled(other)
  const old = await rawMqttTo(t, hub.mqttPort)
  const again = await signedIn(old, { clean: false })
  t.same(again.packets[0], '20020100')
  t.match(readPublish(await again.next(isPublish)), { topic: 'a', qos: 1 }, 'without properties')
  const second = await clientOf(t, hub, { clean: false })
  t.ok(second.connack.isPresent, 'taken over by MQTT 5')
  await again.ended
  t.match(await messageTo(second), { dup: true, payload: '1', properties: '26000161000162' })
  second.send(hex('e007 00 05 11 00000000'))
  await second.ended
  const last = await clientOf(t, hub, { clean: false })
  t.notOk(last.connack.isPresent, 'it wanted none any more')
  await leave(hub, last, 'raw')
  t.notOk(
    (await clientOf(t, hub, { clean: false })).connack.isPresent,
    'without an expiry none is kept',
  )
})

t.test('retained values above QoS 0 come as fast as they are acknowledged', async (t) => {
  const hub = await openHub(t)
  const sender = await clientOf(t, hub, { clientId: 'sender' })
  for (let at = 0; at < 20; at++) sender.send(publish5(`kept/${at}`, { qos: 1, retain: true }))
  await settled(sender)
  const raw = await clientOf(t, hub, { properties: '210002' })
  raw.send(subscribe5(['kept/#'], 1))
  await raw.next()
  await settled(raw)
  t.equal(raw.packets.filter(isPublish).length, 2)
  for (let at = 0; at < 20; at++) {
    const { id } = await messageTo(raw)
    raw.send(packet(0x40, Buffer.from([id >> 8, id & 255])))
  }
  const own = await clientOf(t, hub, { clientId: 'sender' })
  own.send(subscribe5(['kept/#'], 4))
  await own.next()
  await settled(own)
  t.same(own.packets.filter(isPublish), [], 'but none of its own to who wants none of those')
})

t.test('a will has its delay and its properties, and DISCONNECT may want it', async (t) => {
  const hub = await openHub(t)
  const reader = await readerOf(t, hub, ['will', 0])
  const will = { topic: 'will', properties: '1800000001260001610001 62'.replace(' ', '') }
  const fields = { clientId: 'mortal', properties: '1100000e10' }
  const first = await clientOf(t, hub, { ...fields, will })
  const startMs = performance.now()
  await leave(hub, first, 'mortal')
  const message = await messageTo(reader)
  t.match(message, { payload: 'gone', properties: '26000161000162' }, 'without its delay')
  t.ok(performance.now() - startMs > 900)
  const second = await clientOf(t, hub, { ...fields, will, clean: false })
  await leave(hub, second, 'mortal')
  const third = await clientOf(t, hub, {
    ...fields,
    clean: false,
    will: { topic: 'will', payload: 'wanted' },
  })
  third.send(hex('e001 04'))
  t.equal((await messageTo(reader)).payload, 'wanted', 'the one before was called off in time')
  const fourth = await clientOf(t, hub, { ...fields, will })
  await leave(hub, fourth, 'mortal')
  await clientOf(t, hub, { clientId: 'mortal' })
  t.equal((await messageTo(reader)).payload, 'gone', 'who starts anew has gone before')
  const goodbye = await clientOf(t, hub, { clientId: 'goodbye', will })
  goodbye.send(disconnectPacket)
  await goodbye.ended
  await settled(reader)
  t.equal(reader.packets.filter(isPublish).length, 3)
})

t.test('a will has an expiry, and commands nothing in the hope of an answer', async (t) => {
  const hub = await openHub(t)
  const reader = await readerOf(t, hub, ['#', 0])
  const asking = {
    topic: 'nodes/x/relay/-/set',
    payload: '{"state":true}',
    properties: '0800057265706c79',
  }
  await leave(hub, await clientOf(t, hub, { clientId: 'asking', will: asking }), 'asking')
  const expiring = { topic: 'will', properties: '020000003c' }
  await leave(hub, await clientOf(t, hub, { clientId: 'mortal', will: expiring }), 'mortal')
  t.match(await messageTo(reader), { topic: 'will', properties: /^020000003[bc]$/ })
  t.match(hub.counters(), { 'mqtt-connections-lost': undefined })
})

t.test('a client that is gone before it is let in is not let in', async (t) => {
  const hub = await openHub(t, { users: { clown: { password: 'bigclown', role: 'admin' } } })
  const login = { user: 'clown', password: 'bigclown' }
  const early = await rawMqttTo(t, hub.mqttPort)
  early.send(connect5({ clientId: 'early', ...login }))
  early.stream.destroy()
  const late = await signedIn5(await rawMqttTo(t, hub.mqttPort), { clientId: 'late', ...login })
  await settled(late)
  const connected = hub.log.items.filter(({ msg }) => msg === 'MQTT client connected')
  t.same(
    connected.map(({ client }) => client),
    ['clown:late'],
  )
})

t.test('messages cross between the levels', async (t) => {
  const hub = await openHub(t)
  const five = await readerOf(t, hub, ['a', 2])
  const four = await signedIn(await rawMqttTo(t, hub.mqttPort), { clientId: 'four' })
  four.send(subscribePacket(['a'], 2))
  t.equal(four.packets[0], accepted)
  await four.next()
  four.send(publishPacket('a', { payload: 'from 4', qos: 2, id: 5 }))
  t.match(await messageTo(five), { payload: 'from 4', qos: 2, properties: '' })
  t.match(readPublish(await four.next(isPublish)), { qos: 2, payload: Buffer.from('from 4') })
  five.send(publish5('a', { payload: 'from 5', qos: 1, properties: '26000161000162' }))
  t.match(readPublish(await four.next(isPublish)), { qos: 1, payload: Buffer.from('from 5') })
  t.match(await messageTo(five), { payload: 'from 5', qos: 1 })
})
