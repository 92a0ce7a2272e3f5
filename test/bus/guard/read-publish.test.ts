import t from 'tap'
import { readPublish } from '../../../src/bus/guard/read-publish.ts'
import { publishPacket } from '../../raw-mqtt.ts'

t.test('topic and payload of a PUBLISH are read, of any length', async (t) => {
  for (const length of [0, 1, 200, 20_000]) {
    const { topic, payload } = readPublish(publishPacket('č/a', { payload: 'x'.repeat(length) }))
    t.equal(topic, 'č/a')
    t.equal(payload.toString(), 'x'.repeat(length))
  }
})
