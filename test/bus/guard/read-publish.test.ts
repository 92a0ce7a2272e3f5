import t from 'tap'
import { readPublish } from '../../../src/bus/guard/read-publish.ts'
import { publishPacket } from '../../raw-mqtt.ts'

const kinds = [
  { qos: 0, retain: false, dup: false },
  { qos: 0, retain: true, dup: false },
  { qos: 1, retain: false, dup: true },
  { qos: 1, retain: true, dup: false },
  { qos: 2, retain: false, dup: false },
] as const

t.test('what a PUBLISH says is read, of any length', async (t) => {
  for (const kind of kinds) {
    for (const length of [0, 1, 200, 20_000]) {
      const payload = 'x'.repeat(length)
      const packet = publishPacket('č/a', { payload, ...kind, ...(kind.qos > 0 && { id: 513 }) })
      if (kind.dup) packet.writeUInt8(packet.readUInt8() | 8)
      const { payload: read, ...rest } = readPublish(packet)
      t.same(rest, { topic: 'č/a', ...kind, messageId: kind.qos > 0 ? 513 : 0 })
      t.equal(read.toString(), payload)
    }
  }
})
