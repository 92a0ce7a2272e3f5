import t from 'tap'
import {
  checkPublish,
  checkSubscribe,
  checkUnsubscribe,
} from '../../../src/bus/guard/packet-rules.ts'
import { hex, publishPacket, subscribePacket, unsubscribePacket } from '../../raw-mqtt.ts'
import { faultOf } from './fault-of.ts'

const malformed = 'mqtt-malformed'

t.test('a PUBLISH has a QoS, no DUP without one, and a topic in UTF-8', async (t) => {
  const fault = (packet: Buffer) => faultOf(() => checkPublish(packet))
  t.equal(fault(publishPacket('a/č', { qos: 2 })), undefined)
  t.equal(fault(publishPacket('a', { qos: 3 })), malformed)
  t.equal(fault(hex('38 03 0001 61')), malformed)
  t.equal(fault(hex('3a 05 0001 61 0001')), undefined, 'DUP at QoS 1')
  t.equal(fault(publishPacket('')), malformed)
  t.equal(fault(publishPacket(hex('ff'))), malformed)
  t.equal(fault(hex('30 03 0009 61')), malformed, 'a topic past the end')
})

const limits = { subscriptions: 20_000 }

const many = Array.from({ length: 10_000 }, (_, number) => `a/${number}`)

t.test('a SUBSCRIBE has an id, filters that are fit text, and a QoS for each', async (t) => {
  const fault = (packet: Buffer) => faultOf(() => checkSubscribe(packet, limits))
  t.equal(fault(subscribePacket(['a/+', '#'], 2)), undefined)
  t.equal(fault(subscribePacket(['a'], 0, 0)), malformed)
  t.equal(fault(subscribePacket(['a'], 3)), malformed)
  t.equal(fault(subscribePacket([''])), malformed)
  t.equal(fault(subscribePacket(['a\0'])), malformed)
  t.equal(fault(subscribePacket(['a', hex('eda080')])), malformed)
  t.equal(fault(hex('82 05 0001 0001 61')), malformed, 'a filter without its QoS')
  t.equal(fault(hex('82 03 0001 00')), malformed, 'half a length')
  t.equal(fault(subscribePacket(many)), undefined, 'as many as there are')
})

t.test(
  'filters count by their bytes, and those past the limit of a client one by one',
  async (t) => {
    t.equal(checkSubscribe(subscribePacket(['a', 'b', 'a']), limits), 1)
    t.equal(checkUnsubscribe(unsubscribePacket(many.slice(0, 50)), limits), 1)
    t.equal(checkUnsubscribe(unsubscribePacket(many.slice(0, 100)), limits), 2)
    t.equal(checkSubscribe(subscribePacket(['a', 'b', 'c']), { subscriptions: 1 }), 1 + 2)
  },
)

t.test('an UNSUBSCRIBE has an id and filters', async (t) => {
  const fault = (packet: Buffer) => faultOf(() => checkUnsubscribe(packet, limits))
  t.equal(fault(unsubscribePacket(['a', '#'])), undefined)
  t.equal(fault(unsubscribePacket(['a'], 0)), malformed)
  t.equal(fault(unsubscribePacket([''])), malformed)
  t.equal(fault(unsubscribePacket(many)), undefined)
})
