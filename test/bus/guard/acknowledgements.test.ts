import t from 'tap'
import { Acknowledgements, expectsAnswer } from '../../../src/bus/guard/acknowledgements.ts'
import { hex, publishPacket } from '../../raw-mqtt.ts'
import { faultOf } from './fault-of.ts'

const qos1 = publishPacket('a', { qos: 1, id: 5 })
const qos2 = publishPacket('a', { qos: 2, id: 5 })
const puback = hex('4002 0005')
const pubrec = hex('5002 0005')
const pubrel = hex('6202 0005')
const pubcomp = hex('7002 0005')

function acknowledgementsOf(qos2Window = 20, messages = 1000) {
  return new Acknowledgements({ mqtt: { qos2Window }, sessions: { messages } })
}

t.test('each message takes its own kind of answer', async (t) => {
  const all = { puback, pubrec, pubcomp }
  const right: [string, Buffer, (keyof typeof all)[]][] = [
    ['QoS 1', qos1, ['puback']],
    ['QoS 2', qos2, ['pubrec']],
    ['a release', pubrel, ['pubrec', 'pubcomp']],
  ]
  for (const [title, sent, answers] of right) {
    for (const [name, answer] of Object.entries(all)) {
      const acknowledgements = acknowledgementsOf()
      acknowledgements.sent(sent)
      const expected = answers.some((known) => known === name) ? undefined : 'mqtt-malformed'
      t.equal(
        faultOf(() => acknowledgements.acknowledged(answer)),
        expected,
        `${name} for ${title}`,
      )
    }
  }
})

t.test('an id that is finished, or never was, may be acknowledged again', async (t) => {
  const acknowledgements = acknowledgementsOf()
  acknowledgements.acknowledged(pubrec)
  acknowledgements.sent(qos1)
  acknowledgements.acknowledged(puback)
  acknowledgements.acknowledged(pubcomp)
  acknowledgements.sent(pubrel)
  acknowledgements.acknowledged(pubcomp)
  t.doesNotThrow(() => acknowledgements.acknowledged(puback))
})

t.test('each message takes one answer of a kind; others are not its next step', async (t) => {
  const acknowledgements = acknowledgementsOf()
  const steps = (...packets: Buffer[]) =>
    packets.map((packet) => acknowledgements.acknowledged(packet))
  t.same(steps(puback, pubrec, pubcomp, pubrel), [false, false, false, false])
  acknowledgements.sent(qos1)
  t.same(steps(puback, puback), [true, false])
  acknowledgements.sent(qos2)
  t.same(steps(pubrec, pubrec), [true, false])
  acknowledgements.sent(pubrel)
  t.same(steps(pubrec, pubcomp, pubcomp), [false, true, false])
  acknowledgements.taken(qos2)
  t.same(steps(pubrel, pubrel), [true, false])
})

t.test('a client that acknowledges nothing costs no more than some ids', async (t) => {
  const acknowledgements = acknowledgementsOf()
  for (let id = 1; id <= 4097; id++) acknowledgements.sent(publishPacket('a', { qos: 1, id }))
  t.doesNotThrow(() => acknowledgements.acknowledged(hex('5002 0001')), 'forgotten')
  t.equal(
    faultOf(() => acknowledgements.acknowledged(hex('5002 0002'))),
    'mqtt-malformed',
    'the next one is not',
  )
})

t.test('as many are followed as a session may have under way', async (t) => {
  const acknowledgements = acknowledgementsOf(20, 5000)
  for (let id = 1; id <= 5000; id++) acknowledgements.sent(publishPacket('a', { qos: 1, id }))
  t.ok(acknowledgements.acknowledged(hex('4002 0001')))
})

t.test('no message and no answer has the id 0', async (t) => {
  const acknowledgements = acknowledgementsOf()
  t.equal(
    faultOf(() => acknowledgements.published(publishPacket('a', { qos: 1, id: 0 }))),
    'mqtt-malformed',
  )
  t.equal(
    faultOf(() => acknowledgements.acknowledged(hex('4002 0000'))),
    'mqtt-malformed',
  )
})

t.test('only a window of QoS 2 messages may wait for their release', async (t) => {
  const acknowledgements = acknowledgementsOf(2)
  const take = (packet: Buffer) => {
    const may = acknowledgements.mayTake(packet)
    if (may) acknowledgements.taken(packet)
    return may
  }
  const takeMessage = (id: number, qos = 2) => take(publishPacket('a', { qos, id }))
  t.same(
    [5, 6, 6].map((id) => takeMessage(id)),
    [true, true, true],
    'the same id is one message',
  )
  t.notOk(takeMessage(7))
  t.ok(takeMessage(7, 1))
  t.ok(take(hex('c000')))
  t.ok(acknowledgements.acknowledged(pubrel))
  t.notOk(takeMessage(7), 'one is released, and the broker does not know')
  t.ok(take(pubrel))
  t.same(
    [7, 8].map((id) => takeMessage(id)),
    [true, false],
  )
})

t.test('a client answers messages above QoS 0 and their release', async (t) => {
  t.ok([qos1, qos2, pubrel].every((packet) => expectsAnswer(packet[0] ?? 0)))
  const others = [publishPacket('a'), hex('d000'), hex('9003')]
  t.notOk(others.some((packet) => expectsAnswer(packet[0] ?? 0)))
})
