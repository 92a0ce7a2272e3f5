import t from 'tap'
import { Batch, repeatedBatch } from '../../src/ws/batch.ts'

/** RFC 6455, 5.2: the header of a final text frame that is not masked, by the length of the text. */
const headers = new Map([
  [0, '8100'],
  [125, '817d'],
  [126, '817e007e'],
  [65_535, '817effff'],
  [65_536, '817f0000000000010000'],
])

t.test('frames of every length follow each other as RFC 6455 has them', async (t) => {
  const frames = [...headers.keys()].map((length) => ({
    text: 'x'.repeat(length),
    topic: undefined,
  }))
  const expected = [...headers].flatMap(([length, header]) => [
    Buffer.from(header, 'hex'),
    Buffer.alloc(length, 'x'),
  ])
  t.ok(new Batch(frames).bytes.equals(Buffer.concat(expected)))
})

t.test('lengths count bytes, not characters', async (t) => {
  const { bytes } = new Batch([{ text: '℃', topic: 'a' }])
  t.same(bytes, Buffer.from('8103e28483', 'hex'))
})

t.test('all who get a batch get the same bytes', async (t) => {
  const batch = new Batch([{ text: '1', topic: undefined }])
  t.equal(batch.bytes, batch.bytes)
})

t.test('a frame that comes again is the batch before, whoever gets it', async (t) => {
  const batchOf = repeatedBatch()
  const one = batchOf('1', 'a')
  t.equal(batchOf('1', 'a'), one)
  t.not(batchOf('1', 'b'), one)
  const two = batchOf('2', 'b')
  t.same(two.frames, [{ text: '2', topic: 'b' }])
  t.not(batchOf('1', 'a'), one, 'only the last one is remembered')
})
