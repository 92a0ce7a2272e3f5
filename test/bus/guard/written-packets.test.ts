import t from 'tap'
import {
  writeAcknowledgement,
  writePublish,
  writeReceived,
  writeRelease,
} from '../../../src/bus/guard/written-packets.ts'
import { hex, publishPacket } from '../../raw-mqtt.ts'

t.test('a PUBLISH is written as the standard has it', async (t) => {
  const kinds = [
    { qos: 0, retain: true, id: undefined },
    { qos: 1, retain: false, id: 0x1234 },
    { qos: 2, retain: true, id: 0xfffe },
  ] as const
  for (const bytes of [0, 122, 123, 16_400, 2_097_152]) {
    const payload = Buffer.alloc(bytes, 'x')
    for (const { id, ...kind } of kinds) {
      const written = writePublish({ topic: 'ß', payload, dup: false, ...kind }, id)
      const expected = publishPacket('ß', { payload, ...kind, ...(id && { id }) })
      t.ok(written.equals(expected), `${bytes} bytes at QoS ${kind.qos}`)
    }
  }
  const message = {
    topic: 'a',
    payload: Buffer.alloc(0),
    qos: 1,
    retain: false,
    dup: true,
  } as const
  t.same(writePublish(message, 5), hex('3a05 0001 61 0005'))
})

t.test('a PUBREL has the flag it must have', async (t) => {
  t.same(writeRelease(0x1234), hex('6202 1234'))
})

t.test('a PUBACK has the id of its message', async (t) => {
  t.same(writeAcknowledgement(0x1234), hex('4002 1234'))
})

t.test('a PUBREC has the id of its message', async (t) => {
  t.same(writeReceived(0x1234), hex('5002 1234'))
})
