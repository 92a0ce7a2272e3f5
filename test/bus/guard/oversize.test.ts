import t from 'tap'
import { headOf, isOversize, oversizeError } from '../../../src/bus/guard/oversize.ts'
import { pingPacket, publishPacket } from '../../raw-mqtt.ts'

t.test(
  'a PUBLISH of which something is missing is oversize, and its head says whose',
  async (t) => {
    for (const qos of [0, 1, 2]) {
      const whole = publishPacket('a/b', { qos, id: 513, payload: 'x'.repeat(300) })
      t.notOk(isOversize(whole))
      const part = whole.subarray(0, 200)
      t.ok(isOversize(part))
      const head = headOf(part)
      t.ok(isOversize(head))
      t.equal(head.length, qos === 0 ? 8 : 10)
      t.same(head, whole.subarray(0, head.length))
      t.match(oversizeError(head, 99).message, `at most 99 bytes, got ${whole.length}`)
      t.match(
        oversizeError(head, 999).message,
        `expected room for a message of ${whole.length} bytes`,
      )
    }
    t.notOk(isOversize(pingPacket))
  },
)
