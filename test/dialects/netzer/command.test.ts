import t from 'tap'
import { commandCodec } from '../../../src/dialects/netzer/command.ts'
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
