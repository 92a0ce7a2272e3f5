import t from 'tap'
import { utf8Text } from '../../src/core/utf8-text.ts'

t.test('bytes in UTF-8 are a text, and nothing of it is left out', async (t) => {
  for (const text of ['', 'a', '℃🔧é', '\ufeffa', 'a\u0000']) {
    t.equal(utf8Text(Buffer.from(text)), text)
  }
})

t.test('other bytes are none', async (t) => {
  const others = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x84]]
  for (const bytes of others) t.equal(utf8Text(Buffer.from(bytes)), undefined)
})
