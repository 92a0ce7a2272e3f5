import t from 'tap'
import { commandCodec, replyCodec } from '../../../src/dialects/netzer/frames.ts'
import { codecContract, goldenFrames } from '../served-contract.ts'

codecContract(t, commandCodec, {
  frames: goldenFrames('netzer', 'commands'),
  rubbish: ['', '=', '=1', 'UV0', 'uv0 ', 'u v', 'ü', '{"u":1}', 'uv0=\u0000', 'u'.repeat(129)],
})

t.test('a line break at the end is no part of a command', async (t) => {
  t.same(commandCodec.decode('uv0\r\n'), { path: 'uv0' })
  t.same(commandCodec.decode('uv0=1\n'), { path: 'uv0', value: '1' })
  t.same(commandCodec.decode('uv0='), { path: 'uv0', value: '' })
})

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
