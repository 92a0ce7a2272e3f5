import t from 'tap'
import { ownCopy, toBytes } from '../../src/bus/own-copy.ts'
import { ownMessage } from './own-message.ts'

t.test('a copy holds on to nothing but its own bytes', async (t) => {
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const packet = { ...ownMessage(1), payload: chunk.subarray(7, 9), messageId: 5 }
  const copy = ownCopy(packet)
  t.same(copy, ownMessage(1, { payload: Buffer.from('xx') }))
  t.equal(copy.payload.buffer.byteLength, 2)
})

t.test('text is bytes in UTF-8', async (t) => {
  t.same(toBytes('ß'), Buffer.from([0xc3, 0x9f]))
  const bytes = Buffer.from('x')
  t.equal(toBytes(bytes), bytes)
})
