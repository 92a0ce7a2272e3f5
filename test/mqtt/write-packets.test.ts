import t from 'tap'
import { packetTypes } from '../../src/mqtt/packet.ts'
import {
  hasExpired,
  PublishFrames,
  writeAcknowledgement,
  writeCodes,
  writeConnack,
  writeDisconnect,
  writePublish,
  writeRefusal,
} from '../../src/mqtt/write-packets.ts'
import { hex, publishPacket } from '../raw-mqtt.ts'

const { puback, pubrec, pubrel, suback, unsuback } = packetTypes

t.test('a PUBLISH is written as the standard has it', async (t) => {
  const kinds = [
    { qos: 0, retain: true, id: 0 },
    { qos: 1, retain: false, id: 0x1234 },
    { qos: 2, retain: true, id: 0xfffe },
  ] as const
  for (const bytes of [0, 122, 123, 16_400, 2_097_152]) {
    const payload = Buffer.alloc(bytes, 'x')
    for (const { id, ...kind } of kinds) {
      const { bytes: written, idAt } = writePublish({ topic: 'ß', payload }, { level: 4, ...kind })
      if (id > 0) written.writeUInt16BE(id, idAt)
      const expected = publishPacket('ß', { payload, ...kind, id })
      t.ok(written.equals(expected), `${bytes} bytes at QoS ${kind.qos}`)
    }
  }
  const head = { level: 4, qos: 1, retain: false, dup: true } as const
  const { bytes } = writePublish({ topic: 'a', payload: Buffer.alloc(0) }, head)
  t.same(bytes, hex('3a05 0001 61 0000'))
})

t.test('MQTT 5 has properties: those of the hub, and then those of the message', async (t) => {
  const payload = Buffer.from('x')
  const head = { level: 5, qos: 0, retain: false } as const
  t.same(writePublish({ topic: 'a', payload }, head).bytes, hex('3005 0001 61 00 78'))
  const properties = { bytes: hex('26 0001 61 0001 62'), expiresAtMs: Date.now() + 59_500 }
  const all = { ...head, identifiers: [1, 200], alias: { number: 3, isKnown: true } }
  t.same(
    writePublish({ topic: 'a', payload, properties }, all).bytes,
    hex('3018 0000 14 02 0000003c 23 0003 0b 01 0b c801 26 0001 61 0001 62 78'),
  )
  const told = { ...head, alias: { number: 3, isKnown: false } }
  t.same(writePublish({ topic: 'a', payload }, told).bytes, hex('3008 0001 61 03 23 0003 78'))
  t.same(
    writePublish({ topic: 'a', payload, properties }, { ...head, level: 4 }).bytes,
    hex('3004 0001 61 78'),
    'to who speaks 3.1.1 nothing is said',
  )
})

t.test('a message that expires is of no use afterwards', async (t) => {
  t.notOk(hasExpired({}))
  t.notOk(hasExpired({ properties: { bytes: Buffer.alloc(0) } }))
  t.ok(hasExpired({ properties: { bytes: Buffer.alloc(0), expiresAtMs: Date.now() - 1 } }))
  t.notOk(hasExpired({ properties: { bytes: Buffer.alloc(0), expiresAtMs: Date.now() + 9999 } }))
})

t.test('one frame is made for all who get the same message in the same way', async (t) => {
  const frames = new PublishFrames()
  const message = { topic: 'a', payload: Buffer.from('x') }
  const grant = { qos: 0, retain: false } as const
  const frame = frames.of(message, 4, grant)
  t.equal(frames.of(message, 3, grant), frame)
  t.not(frames.of(message, 5, grant), frame)
  for (const other of [{ qos: 1 }, { retain: true }] as const) {
    t.not(frames.of(message, 4, { ...grant, ...other }), frame)
  }
  t.equal(frames.of(message, 4, grant), frame)
  t.not(frames.of({ ...message }, 4, grant), frame)
})

t.test('an acknowledgement has the id of its message', async (t) => {
  t.same(writeAcknowledgement(puback, 0x1234, { level: 4 }), hex('4002 1234'))
  t.same(writeAcknowledgement(pubrec, 0x1234, { level: 5 }), hex('5002 1234'))
  t.same(writeAcknowledgement(pubrel, 0x1234, { level: 4 }), hex('6202 1234'))
})

t.test('MQTT 5 says why, as far as there is room [MQTT-3.4.2-2]', async (t) => {
  const refused = { level: 5, reason: 0x87, problem: { message: 'no', code: 'x' } } as const
  const written = writeAcknowledgement(puback, 7, refused)
  t.match(written.toString('latin1'), /no.*code.*x/)
  t.equal(written.length, 2 + 2 + 1 + 1 + 5 + 10)
  const short = hex('4003 0007 87')
  t.same(writeAcknowledgement(puback, 7, { ...refused, maximumBytes: 20 }), short)
  t.same(writeAcknowledgement(puback, 7, { level: 5, reason: 0x87 }), short)
  t.same(writeAcknowledgement(puback, 7, { ...refused, level: 4 }), hex('4002 0007'))
  const { code, ...message } = refused.problem
  t.same(
    writeAcknowledgement(puback, 7, { ...refused, problem: message }),
    hex('4009 0007 87 05 1f 0002 6e6f'),
    code,
  )
})

t.test('SUBACK has a code for each filter, UNSUBACK in MQTT 5 only', async (t) => {
  const codes = [0, 0x80]
  t.same(writeCodes(suback, 7, { level: 4, codes }), hex('9004 0007 00 80'))
  t.same(writeCodes(suback, 7, { level: 5, codes }), hex('9005 0007 00 00 80'))
  t.same(writeCodes(unsuback, 7, { level: 4, codes }), hex('b002 0007'))
  t.same(writeCodes(unsuback, 7, { level: 5, codes }), hex('b005 0007 00 00 80'))
})

t.test('CONNACK tells of a session, and why somebody is not let in', async (t) => {
  t.same(writeConnack({ level: 3, isPresent: true, said: [] }), hex('2002 00 00'))
  t.same(writeConnack({ level: 4, isPresent: true, said: [] }), hex('2002 01 00'))
  t.same(
    writeConnack({ level: 5, isPresent: false, said: [hex('220009')] }),
    hex('2006 0000 03 220009'),
  )
  t.same(writeRefusal(4, 0x85, 'no'), hex('2002 00 02'))
  t.same(writeRefusal(4, 0x8c, 'no'), hex('2002 00 05'))
  t.same(writeRefusal(5, 0x85, 'no'), hex('2008 00 85 05 1f 0002 6e6f'))
  t.same(writeRefusal(5, 0x85, undefined), hex('2003 00 85 00'))
})

t.test('DISCONNECT tells why, and where else to go', async (t) => {
  t.same(writeDisconnect({ reason: 0x8e }), hex('e001 8e'))
  t.same(
    writeDisconnect({ reason: 0x9c, message: 'no', reference: 'b' }),
    hex('e00b 9c 09 1f 0002 6e6f 1c 0001 62'),
  )
})
