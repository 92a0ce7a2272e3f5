import fc from 'fast-check'
import t from 'tap'
import { readMessage, writeMessage } from '../../src/bus/message-record.ts'
import { ownMessage } from './own-message.ts'

t.test('a message is read as it was written, but for the numbers of its broker', async (t) => {
  const property = fc.property(
    fc.record({
      topic: fc.string({ unit: 'grapheme', minLength: 1 }),
      payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
      retain: fc.boolean(),
    }),
    fc.constantFrom({}, { clientId: 'bridge:hub.kitchen' }),
    (fields, sender) => {
      const message = { ...ownMessage(7, fields), ...sender }
      const expected = { ...message, brokerId: '', brokerCounter: 0 }
      t.strictSame(readMessage(writeMessage(message)), expected)
    },
  )
  fc.assert(property, { numRuns: 50 })
})
