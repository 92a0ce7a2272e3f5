import t from 'tap'
import { lowerQos } from '../../src/bus/qos.ts'

t.test('the lower QoS counts', async (t) => {
  t.same([lowerQos(0, 2), lowerQos(2, 1), lowerQos(1, 1)], [0, 1, 1])
})
