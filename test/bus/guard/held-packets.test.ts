import t from 'tap'
import { HeldPackets } from '../../../src/bus/guard/held-packets.ts'
import { hex, publishPacket } from '../../raw-mqtt.ts'

/** Held packets, what was sent of them, and a disk that takes what was noted when it is told to. */
function startHeld(isLasting = true) {
  const waiting: (() => void)[] = []
  const sent: string[] = []
  const held = new HeldPackets({ isLasting, settled: (done) => waiting.push(done) }, (packets) =>
    sent.push(packets.toString('hex')),
  )
  const sync = () => {
    for (const done of waiting.splice(0)) done()
  }
  return { held, sent, sync }
}

const puback = (id: number) => hex(`4002 000${id}`)
const pubrec = (id: number) => hex(`5002 000${id}`)

t.test('a PUBACK waits for its message and for the disk, and others behind it', async (t) => {
  const { held, sent, sync } = startHeld()
  for (const packet of [puback(1), puback(2), pubrec(3)]) t.ok(held.holdBack(packet, false))
  t.equal(held.bytes, 12)
  held.published(2)
  held.release()
  sync()
  t.same(sent, [], 'the second does not overtake the first')
  held.published(1)
  held.published(9)
  held.release()
  held.release()
  t.same([sent, held.bytes], [[], 12])
  sync()
  t.same([sent, held.bytes], [['400200014002000250020003'], 0])
})

t.test('of two with the same id the first is due first', async (t) => {
  const { held, sent, sync } = startHeld()
  for (const packet of [puback(1), pubrec(2), puback(1)]) held.holdBack(packet, false)
  held.published(1)
  held.release()
  sync()
  t.same(sent, ['4002000150020002'])
})

t.test('what promises something is held back, and nothing else', async (t) => {
  const { held } = startHeld()
  const packets = {
    CONNACK: hex('2002 0000'),
    'PUBLISH at QoS 1': publishPacket('a', { qos: 1 }),
    'PUBLISH at QoS 2': publishPacket('a', { qos: 2 }),
    PUBACK: puback(1),
    PUBREC: pubrec(1),
    PUBREL: hex('6202 0001'),
    PUBCOMP: hex('7002 0001'),
    SUBACK: hex('9003 000100'),
    UNSUBACK: hex('b002 0001'),
    PINGRESP: hex('d000'),
  }
  const heldOf = (isKept: boolean) =>
    Object.entries(packets).flatMap(([name, bytes]) => (held.holdBack(bytes, isKept) ? name : []))
  const always = ['PUBACK', 'PUBREC']
  t.same(heldOf(false), always)
  t.same(heldOf(true), ['PUBLISH at QoS 2', ...always, 'PUBREL', 'PUBCOMP', 'SUBACK', 'UNSUBACK'])
})

t.test('a message does not overtake one on its topic, and others pass', async (t) => {
  const { held, sent, sync } = startHeld()
  const first = publishPacket('a', { qos: 2, id: 1 })
  const second = publishPacket('a', { qos: 1, id: 2 })
  const third = publishPacket('a', { qos: 2, id: 3 })
  for (const packet of [first, second, third]) t.ok(held.holdBack(packet, true))
  t.notOk(held.holdBack(publishPacket('a'), true), 'QoS 0 never waits')
  t.notOk(held.holdBack(publishPacket('b', { qos: 1 }), true))
  t.notOk(held.holdBack(hex('d000'), true))
  held.release()
  t.ok(held.holdBack(second, true), 'nor when only the disk is awaited')
  sync()
  t.same(sent, [Buffer.concat([first, second, third]).toString('hex')])
  held.release()
  sync()
  t.notOk(held.holdBack(second, true))
})

t.test('where nothing lasts, nothing is held back', async (t) => {
  const { held } = startHeld(false)
  t.notOk(held.holdBack(puback(1), true))
})
