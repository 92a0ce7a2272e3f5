import fc from 'fast-check'
import t from 'tap'
import { PacketFields } from '../../src/mqtt/packet.ts'
import {
  binaryProperty,
  bytesOf,
  longProperty,
  noProperties,
  numberProperty,
  type Place,
  properties as p,
  pairProperty,
  places,
  readProperties,
  readTravelling,
  textProperty,
  textsOf,
  variableBytes,
  variableProperty,
  withoutAnswer,
} from '../../src/mqtt/properties.ts'
import { hex } from '../raw-mqtt.ts'
import { reasonIn } from './fault-of.ts'

/** Properties as a packet has them: behind their length. */
function read(said: Buffer, place: Place = places.publish) {
  const bytes = Buffer.concat([Buffer.from(variableBytes(said.length)), said])
  return readProperties(new PacketFields(bytes, 0), place)
}

function reason(said: string, place: Place = places.publish): string | undefined {
  return reasonIn(() => read(hex(said), place))
}

t.test('what the broker has to know is read out, and what travels stays bytes', async (t) => {
  const first = Buffer.concat([Buffer.from([p.payloadFormat, 1]), pairProperty(['a', 'b'])])
  const last = Buffer.concat([pairProperty(['a', 'c']), textProperty(p.contentType, 't')])
  const said = Buffer.concat([
    longProperty(p.messageExpiry, 60),
    first,
    numberProperty(p.topicAlias, 7),
    last,
  ])
  const found = read(said)
  t.equal(found.numberOf(p.messageExpiry), 60)
  t.equal(found.numberOf(p.topicAlias), 7)
  t.equal(found.textOf(p.contentType), 't')
  t.same(found.travelling, Buffer.concat([first, last]), 'in its order')
  t.equal(found.numberOf(p.contentType), undefined)
  t.equal(found.textOf(p.topicAlias), undefined)
  t.ok(found.has(p.payloadFormat))
  const answer = read(Buffer.concat([binaryProperty(p.correlationData, hex('00ff'))]))
  t.same(answer.bytesOf(p.correlationData), hex('00ff'))
  t.equal(answer.bytesOf(p.contentType), undefined)
  t.equal(read(Buffer.alloc(0)), noProperties)
  t.same(readTravelling(found.travelling).travelling, found.travelling)
})

t.test('each property has its place, its type and its bounds', async (t) => {
  t.equal(reason('04 01'), '81', 'no such property')
  t.equal(reason('01 02'), '82', 'a flag that is neither 0 nor 1')
  t.equal(reason('01 01 01 01'), '82', 'one twice')
  t.equal(reason('02 0000'), '81', 'half of one')
  t.equal(reason('11 00000001'), '82', 'one of another packet')
  t.equal(reason('0b 01'), '82', 'an identifier from a client [MQTT-3.3.4-6]')
  t.equal(reason('11 00000001 04'), '81', 'all of them have to be readable first')
  t.equal(reason('26 0001 61 0001 ff'), '81', 'a user property that is no text')
  t.equal(reason('26 0001 00 0001 61'), '81')
  t.equal(reason('21 0000', places.connect), '82')
  t.equal(reason('0b 00', places.subscribe), '81')
  t.equal(reason('11 00000001', places.subscribe), '81', 'as Mosquitto has it')
  t.equal(reason('0b 8001', places.subscribe), undefined)
  t.equal(reason('0b 8000', places.subscribe), '81', '[MQTT-1.5.5-1]')
  t.equal(reason('0b 8080808001', places.subscribe), '81')
  t.equal(
    reasonIn(() => readProperties(new PacketFields(hex('05 0101'), 0), places.publish)),
    '81',
    'more than the packet has',
  )
})

t.test('CVE-2021-41039: user properties are counted', async (t) => {
  const pairs = (count: number) => '26 0001 61 0001 62'.repeat(count)
  t.equal(reason(pairs(64), places.connect), undefined)
  t.equal(reason(pairs(65), places.connect), '95')
  t.equal(reason(pairs(1000)), undefined)
  t.equal(reason(pairs(1001)), '95')
})

t.test('what is said in words is said in bytes, and back', async () => {
  const text = fc.string({ unit: 'grapheme' }).filter((one) => !/[\p{Cc}]/u.test(one))
  const property = fc.property(
    fc.option(text, { nil: undefined }),
    fc.array(fc.tuple(text, text)),
    (contentType, userProperties) => {
      const texts = { userProperties, ...(contentType !== undefined && { contentType }) }
      const found = textsOf(bytesOf(texts))
      return JSON.stringify(found) === JSON.stringify(texts)
    },
  )
  fc.assert(property, { numRuns: 50 })
})

t.test('who is to be answered is taken out of what goes on', async (t) => {
  const kept = [Buffer.from([p.payloadFormat, 0]), pairProperty(['a', 'b'])]
  const answer = [textProperty(p.responseTopic, 'r'), binaryProperty(p.correlationData, hex('01'))]
  const [first, last] = kept
  const all = Buffer.concat([first ?? hex(''), ...answer, last ?? hex('')])
  t.same(withoutAnswer(all), Buffer.concat(kept))
  t.same(textsOf(all), { userProperties: [['a', 'b']] })
})

t.test('a number takes as few bytes as it needs', async (t) => {
  t.same(variableProperty(p.subscriptionIdentifier, 127), hex('0b 7f'))
  t.same(variableProperty(p.subscriptionIdentifier, 128), hex('0b 8001'))
  t.same(variableProperty(p.subscriptionIdentifier, 268_435_455), hex('0b ffffff7f'))
})
