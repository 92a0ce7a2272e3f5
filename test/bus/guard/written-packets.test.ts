import t from 'tap'
import { writePublish, writeRelease } from '../../../src/bus/guard/written-packets.ts'
import { hex, publishPacket } from '../../raw-mqtt.ts'

t.test('a PUBLISH is written as the standard has it', async (t) => {
  for (const bytes of [0, 122, 123, 16_400, 2_097_152]) {
    const payload = Buffer.alloc(bytes, 'x')
    for (const qos of [0, 1, 2] as const) {
      for (const retain of [false, true]) {
        const message = { topic: 'ß', payload, qos, retain, dup: false }
        const expected = publishPacket('ß', { payload, qos, retain, id: 0x1234 })
        if (!writePublish(message, 0x1234).equals(expected)) {
          t.fail(`${bytes} bytes at QoS ${qos}, retained ${retain}`)
        }
      }
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
