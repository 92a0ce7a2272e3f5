import t from 'tap'
import { createLiveFrame } from '../../src/bus/live-frame.ts'
import { publishPacket } from '../raw-mqtt.ts'

const message = { cmd: 'publish', qos: 1, retain: true, dup: false, brokerId: 'b' } as const

t.test('a message is printed once for all who receive it, at QoS 0', async (t) => {
  const liveFrame = createLiveFrame()
  const payload = Buffer.from('1')
  const frame = liveFrame({ ...message, topic: 'a', payload, brokerCounter: 1 })
  t.same(frame, publishPacket('a', { payload: '1' }))
  t.equal(liveFrame({ ...message, topic: 'a', payload, brokerCounter: 1 }), frame)
  const next = liveFrame({ ...message, topic: 'a', payload: '2', brokerCounter: 2 })
  t.same(next, publishPacket('a', { payload: '2' }))
})
