import fc from 'fast-check'
import t from 'tap'
import { readMessage, writeMessage } from '../../src/mqtt/message-record.ts'
import { hex } from '../raw-mqtt.ts'
import { keptMessage } from './kept-message.ts'

/** A content type, a response topic, correlation data and two user properties. */
const travelling = hex('03 0001 74 08 0001 72 09 0001 00 26 0001 61 0001 62 26 0001 61 0001 63')

t.test('a message is read as it was written, and so is how a client gets it', async (t) => {
  const property = fc.property(
    fc.record({
      topic: fc.string({ unit: 'grapheme', minLength: 1 }),
      payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
      retain: fc.boolean(),
      client: fc.constantFrom(undefined, 'bridge:hub.kitchen'),
      properties: fc.constantFrom(
        undefined,
        { bytes: travelling },
        { bytes: travelling, expiresAtMs: 1_700_000_000_000 },
        { bytes: Buffer.alloc(0), expiresAtMs: 1_700_000_000_000 },
      ),
    }),
    fc.constantFrom(undefined, [1, 268_435_455]),
    (message, identifiers) => {
      const { qos, retain } = message
      const grant = { qos, retain, ...(identifiers && { identifiers }) }
      const expected = { message: { ...message }, grant }
      t.strictSame(readMessage(writeMessage(message, grant)), expected)
    },
  )
  fc.assert(property, { numRuns: 100 })
})

t.test('a time past the year 2106 is in that year', async (t) => {
  const properties = { bytes: Buffer.alloc(0), expiresAtMs: 1e15 }
  const grant = { qos: 1, retain: false } as const
  const { message } = readMessage(writeMessage(keptMessage(1, { properties }), grant))
  t.equal(message.properties?.expiresAtMs, 0xffff_ffff * 1000)
})

t.test('what earlier releases have written is read', async (t) => {
  const record = Buffer.concat([hex('33 05 0001 61 7879'), Buffer.from('bridge:kitchen')])
  const { message, grant } = readMessage(record)
  t.match(message, { topic: 'a', payload: Buffer.from('xy'), client: 'bridge:kitchen' })
  t.same(grant, { qos: 1, retain: true })
  t.equal(readMessage(hex('30 03 0001 61')).message.client, undefined)
})
