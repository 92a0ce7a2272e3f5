import t from 'tap'
import { type Level, packetIn } from '../../src/mqtt/packet.ts'
import {
  hasSaidFormat,
  isShare,
  KnownTopics,
  optionBits,
  optionsOf,
  readAcknowledgement as readAcknowledgementPacket,
  readDisconnect as readDisconnectPacket,
  readPublish as readPublishPacket,
  readSubscribe as readSubscribePacket,
  readUnsubscribe as readUnsubscribePacket,
  shareOf,
} from '../../src/mqtt/read-packets.ts'
import {
  field,
  hex,
  number,
  packet,
  publishPacket,
  subscribePacket,
  unsubscribePacket,
} from '../raw-mqtt.ts'
import { faultOf, reasonIn } from './fault-of.ts'

const readAcknowledgement = (bytes: Buffer) => readAcknowledgementPacket(packetIn(bytes))
const readDisconnect = (bytes: Buffer) => readDisconnectPacket(packetIn(bytes))
const readPublish = (bytes: Buffer, level: Level) => readPublishPacket(packetIn(bytes), level)
const readSubscribe = (bytes: Buffer, level: Level) => readSubscribePacket(packetIn(bytes), level)
const readUnsubscribe = (bytes: Buffer, level: Level) =>
  readUnsubscribePacket(packetIn(bytes), level)

const malformed = 'mqtt-malformed'

const kinds = [
  { qos: 0, retain: false },
  { qos: 0, retain: true },
  { qos: 1, retain: false },
  { qos: 1, retain: true },
  { qos: 2, retain: false },
] as const

t.test('what a PUBLISH says is read, of any length', async (t) => {
  for (const kind of kinds) {
    for (const length of [0, 1, 200, 20_000]) {
      const payload = 'x'.repeat(length)
      const bytes = publishPacket('č/a', { payload, ...kind, ...(kind.qos > 0 && { id: 513 }) })
      const { payload: read, said, ...rest } = readPublish(bytes, 4)
      t.same(rest, { topic: 'č/a', ...kind, id: kind.qos > 0 ? 513 : 0 })
      t.equal(read.toString(), payload)
      t.equal(said.travelling.length, 0)
    }
  }
})

t.test('a topic that comes again is read as the first time, whatever came between', async (t) => {
  const topics = new KnownTopics()
  const read = (bytes: Buffer) => readPublishPacket(packetIn(bytes), 4, topics).topic
  const several = ['a/b', 'a/c', 'a/bc', 'č/a', 'ÿ', '\ufffd', 'x'.repeat(256), 'x'.repeat(257)]
  const many = Array.from({ length: 20 }, (_, at) => `node/${at}`)
  for (const topic of [...several, ...several, ...many, ...several, 'a/b', 'a/b']) {
    t.equal(read(publishPacket(topic, { payload: 'a/b' })), topic)
  }
  // As Latin-1 these bytes are a topic that came.
  const fault = (text: string) => faultOf(() => read(hex(text)))
  t.equal(fault('30 04 0001 ff 61'), malformed)
  t.equal(fault('30 03 0002 ff'), malformed)
  t.equal(fault('30 03 0003 61'), malformed)
})

t.test('a PUBLISH has a QoS, no DUP without one, and a topic in UTF-8', async (t) => {
  const fault = (bytes: Buffer) => faultOf(() => readPublish(bytes, 4))
  t.equal(fault(publishPacket('a/č', { qos: 2 })), undefined)
  t.equal(fault(publishPacket('a', { qos: 3 })), malformed)
  t.equal(fault(hex('38 03 0001 61')), malformed)
  t.equal(fault(hex('3a 05 0001 61 0001')), undefined, 'DUP at QoS 1')
  t.equal(fault(publishPacket('')), malformed)
  t.equal(fault(publishPacket(hex('ff'))), malformed)
  t.equal(fault(hex('30 03 0009 61')), malformed, 'a topic past the end')
  t.equal(fault(publishPacket('a', { qos: 1, id: 0 })), malformed)
})

t.test('a PUBLISH of MQTT 5 has properties, and a topic or an alias', async (t) => {
  const withAlias = readPublish(hex('30 07 0000 03 23 0007 78'), 5)
  t.equal(withAlias.said.numberOf(35), 7)
  t.equal(withAlias.payload.toString(), 'x')
  t.equal(
    reasonIn(() => readPublish(hex('30 03 0000 00'), 5)),
    '81',
  )
  t.equal(
    reasonIn(() => readPublish(hex('30 08 0001 61 04 08 0001 23'), 5)),
    '82',
    'a response topic with a wildcard',
  )
  const text = readPublish(hex('30 06 0001 61 02 01 01'), 5)
  t.ok(hasSaidFormat(text))
  t.notOk(hasSaidFormat({ ...text, payload: hex('ff') }))
  t.ok(hasSaidFormat(readPublish(hex('30 07 0001 61 02 01 00 ff'), 5)))
})

t.test('of an oversize PUBLISH only the head is read', async (t) => {
  const head = hex('32 ac02 0001 61 0007')
  t.match(readPublish(head, 5), { topic: 'a', id: 7, said: { travelling: { length: 0 } } })
  t.equal(readPublish(hex('32 ac02 0000 0007'), 5).topic, '', 'its alias was not kept')
})

const many = Array.from({ length: 10_000 }, (_, at) => `a/${at}`)

t.test('a SUBSCRIBE has an id, filters that are fit text, and a QoS for each', async (t) => {
  const fault = (bytes: Buffer) => faultOf(() => readSubscribe(bytes, 4))
  t.equal(fault(subscribePacket(['a/+', '#'], 2)), undefined)
  t.equal(fault(subscribePacket(['a'], 0, 0)), malformed)
  t.equal(fault(subscribePacket(['a'], 3)), malformed)
  t.equal(fault(subscribePacket(['a'], 4)), malformed)
  t.equal(fault(subscribePacket([''])), malformed)
  t.equal(fault(subscribePacket(['a\0'])), malformed)
  t.equal(fault(subscribePacket(['a+/b'])), malformed, '[MQTT-4.7.1-3]')
  t.equal(fault(subscribePacket(['a/#/b'])), malformed, '[MQTT-4.7.1-2]')
  t.equal(fault(subscribePacket(['a', hex('eda080')])), malformed)
  t.equal(fault(hex('82 05 0001 0001 61')), malformed, 'a filter without its QoS')
  t.equal(fault(hex('82 03 0001 00')), malformed, 'half a length')
  t.equal(fault(hex('82 02 0001')), malformed, 'no filter')
  t.equal(fault(subscribePacket(many)), undefined, 'as many as there are')
})

t.test('an UNSUBSCRIBE has an id and filters', async (t) => {
  const fault = (bytes: Buffer) => faultOf(() => readUnsubscribe(bytes, 4))
  t.equal(fault(unsubscribePacket(['a', '#'])), undefined)
  t.equal(fault(unsubscribePacket(['a'], 0)), malformed)
  t.equal(fault(unsubscribePacket([''])), malformed)
  t.equal(fault(hex('a2 02 0001')), malformed)
  t.equal(fault(unsubscribePacket(many)), undefined)
  t.same(readUnsubscribe(hex('a2 06 0001 00 0001 61'), 5).filters, ['a'])
})

/** A SUBSCRIBE of MQTT 5 to one filter. */
function subscribeOfFive(filter: string, bits: number, properties = ''): Buffer {
  const said = hex(properties)
  return packet(
    0x82,
    number(7),
    Buffer.from([said.length]),
    said,
    field(filter),
    Buffer.from([bits]),
  )
}

t.test('a subscription of MQTT 5 has options, and what all of a packet have', async (t) => {
  t.same(readSubscribe(subscribeOfFive('a', 0b10_1101, '0b c801'), 5), {
    id: 7,
    filters: [
      {
        filter: 'a',
        qos: 1,
        noLocal: true,
        asPublished: true,
        retainHandling: 2,
        identifier: 200,
      },
    ],
  })
  const reason = (filter: string, bits: number) =>
    reasonIn(() => readSubscribe(subscribeOfFive(filter, bits), 5))
  for (const bits of [3, 0x30, 0x40, 0x80]) t.equal(reason('a', bits), '81')
  t.equal(reason('$share/g/a', 4), '82', 'no local of what is shared')
  t.equal(reason('$share/g/a', 1), undefined)
  for (const filter of ['$share/g', '$share/g/', '$share//a']) t.equal(reason(filter, 0), '82')
  for (const bits of [0, 1, 2, 0b10_1110]) t.equal(optionBits(optionsOf(bits, undefined)), bits)
})

t.test('a shared filter has a group, and a filter behind it', async (t) => {
  t.equal(shareOf('a/$share/b'), undefined)
  t.equal(shareOf('$share'), undefined)
  t.same(shareOf('$share/g/a/+/#'), { group: 'g', filter: 'a/+/#' })
  t.ok(isShare({ group: 'g', filter: 'a' }))
  for (const group of ['', '+', '#']) t.notOk(isShare({ group, filter: 'a' }))
  t.notOk(isShare({ group: 'g', filter: '' }))
})

t.test('an acknowledgement has an id, and in MQTT 5 a reason of its kind', async (t) => {
  t.same(readAcknowledgement(hex('4002 0007')), { type: 4, id: 7, reason: 0 })
  t.same(readAcknowledgement(hex('5003 0007 97')), { type: 5, id: 7, reason: 0x97 })
  t.same(readAcknowledgement(hex('620a 0007 92 06 1f 0003 6e6f6e')), {
    type: 6,
    id: 7,
    reason: 0x92,
  })
  const reason = (bytes: string) => reasonIn(() => readAcknowledgement(hex(bytes)))
  t.equal(reason('4002 0000'), '82')
  t.equal(reason('4003 0000 00'), '82')
  t.equal(reason('4003 0007 92'), '82')
  t.equal(reason('7003 0007 10'), '82')
  t.equal(reason('4005 0007 00 00 00'), '81', 'more than there is to say')
})

t.test('DISCONNECT of MQTT 5 says why, and may say how long the session lives', async (t) => {
  t.same(readDisconnect(hex('e000')), { reason: 0, expirySeconds: undefined })
  t.same(readDisconnect(hex('e001 04')), { reason: 4, expirySeconds: undefined })
  t.same(readDisconnect(hex('e007 00 05 11 00000009')), { reason: 0, expirySeconds: 9 })
  t.equal(
    reasonIn(() => readDisconnect(hex('e001 8e'))),
    '81',
  )
})
