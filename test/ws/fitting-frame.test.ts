import t from 'tap'
import { Payload } from '../../src/core/payload.ts'
import { fittingFrame } from '../../src/ws/fitting-frame.ts'

const encode = (topic: string, payload: Payload) => `["${topic}",${payload.jsonText}]`
const frameOf = (bytes: Buffer, most: number) =>
  fittingFrame({ encode }, { topic: 'a', payload: new Payload(bytes) }, most)

t.test('a page is told of what it takes, and of the size of what is larger', async (t) => {
  const told = (bytes: number, most: number) =>
    `["a/error",{"code":"too-large","message":"expected a message that a page takes, of at most ${most} bytes, got ${bytes}"}]`
  t.equal(frameOf(Buffer.from('12'), 8), '["a",12]')
  t.equal(frameOf(Buffer.from('12'), 7), told(2, 7))
  t.equal(frameOf(Buffer.from('"č"'), 10), '["a","č"]')
  t.equal(frameOf(Buffer.from('"č"'), 9), told(4, 9), 'bytes are counted, not characters')
  t.equal(frameOf(Buffer.alloc(9, 0xff), 17), told(9, 17), 'as base64 it is larger')
})

t.test('what is much too large is not read for that', async (t) => {
  const payload = new Payload(Buffer.alloc(100))
  Object.defineProperty(payload, 'jsonText', { get: () => t.fail('it was read') })
  t.match(fittingFrame({ encode }, { topic: 'a', payload }, 99), 'got 100')
})
