import t from 'tap'
import { createPacketReader } from '../../src/bus/aedes-bus.ts'
import { Payload } from '../../src/core/payload.ts'

t.test('readers of one packet share its decoded payload', async (t) => {
  const reader = createPacketReader()
  const packet = { topic: 'a/b', payload: Buffer.from('{}'), qos: 1, retain: true } as const
  const message = reader.read(packet)
  t.match(message, { topic: 'a/b', qos: 1, retain: true })
  t.equal(reader.read({ ...packet, topic: 'c' }).payload, message.payload)
})

t.test('a payload that went in comes back as the same one', async (t) => {
  const reader = createPacketReader()
  const payload = Payload.ofJson('{}', {})
  reader.know(payload)
  t.equal(
    reader.read({ topic: 'a', payload: payload.bytes, qos: 0, retain: false }).payload,
    payload,
  )
})

t.test('a packet may carry text in place of bytes', async (t) => {
  const packet = { topic: 'a', payload: 'č', qos: 0, retain: false } as const
  t.same(createPacketReader().read(packet).payload.bytes, Buffer.from('č'))
})
