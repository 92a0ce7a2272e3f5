import t from 'tap'
import { replyCodec } from '../../../src/dialects/netzer/reply.ts'
import { codecContract, goldenFrames } from '../served-contract.ts'

codecContract(t, replyCodec, {
  frames: goldenFrames('netzer', 'replies'),
  rubbish: [
    '',
    'null',
    '[]',
    '"1"',
    '{"u":1}',
    '{"u":{}}',
    '{"uv":"1"}',
    '{"U":"1"}',
    '{"u":{"v":{"0":null}}}',
    `${'{"a":'.repeat(33)}"1"${'}'.repeat(33)}`,
  ],
})

t.test('values are read and said by their paths', async (t) => {
  const values = new Map([
    ['uv0', '1'],
    ['uva', '0'],
    ['sup', '5'],
  ])
  const frame = replyCodec.encode(values)
  t.equal(frame, '{"u":{"v":{"0":"1","a":"0"}},"s":{"u":{"p":"5"}}}')
  t.same(replyCodec.decode(frame), values)
})
